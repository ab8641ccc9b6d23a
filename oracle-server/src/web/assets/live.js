// Keeps a page up to date: news of the stream make it fetch itself again and
// put the parts marked `data-live` in place of the old ones.

const script = document.querySelector('script[data-stream]');
const sign = document.querySelector('#live');
const SETTLE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

function show(state, text) {
  if (sign.dataset.state === state) return;
  sign.dataset.state = state;
  sign.querySelector('.text').textContent = text;
}

// --- relative times ------------------------------------------------------------

const UNITS = [[86_400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

// As the server writes them: the largest two units that follow each other.
function rough(seconds) {
  const parts = [];
  let left = seconds;
  for (const [size, unit] of UNITS) {
    const count = Math.floor(left / size);
    left %= size;
    if (count > 0) parts.push(`${count} ${unit}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.join(' ') || '0 s';
}

// The reader's clock may be wrong: what counts is the server's and what passed since.
const rendered = Date.parse(document.querySelector('footer time').dateTime);
const loaded = performance.now();
const now = () => Math.floor((rendered + performance.now() - loaded) / 1000);

function tick() {
  const at = now();
  for (const node of document.querySelectorAll('.rel')) {
    const distance = Number(node.dataset.at) - at;
    const text = distance >= 0 ? `in ${rough(distance)}` : `${rough(-distance)} ago`;
    if (node.textContent !== text) node.textContent = text;
  }
  const turns = document.querySelector('[data-turns-at]');
  if (turns && at > Number(turns.dataset.turnsAt)) {
    delete turns.dataset.turnsAt;
    refresh();
  }
}

// --- refreshing ----------------------------------------------------------------

let pending = null;
let running = false;
let again = false;

function refresh() {
  pending ??= setTimeout(() => {
    pending = null;
    load().catch(() => show('off', 'Reconnecting'));
  }, SETTLE_MS);
}

async function load() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  try {
    const response = await fetch(location.href, { headers: { accept: 'text/html' }, cache: 'no-store' });
    if (response.ok) put(new DOMParser().parseFromString(await response.text(), 'text/html'));
  } finally {
    running = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

function put(fresh) {
  for (const part of document.querySelectorAll('[data-live]')) {
    const other = fresh.querySelector(`[data-live="${CSS.escape(part.dataset.live)}"]`);
    if (!other || part.innerHTML === other.innerHTML) continue;
    const known = new Set(Array.from(part.querySelectorAll('li a.event'), (a) => a.getAttribute('href')));
    const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    const open = part.querySelectorAll('details[open]').length > 0;
    // Nobody loses what they are reading.
    if (open && part.dataset.live === 'sources') continue;
    part.replaceChildren(...other.childNodes);
    if (other.dataset.turnsAt) part.dataset.turnsAt = other.dataset.turnsAt;
    if (known.size > 0) {
      for (const a of part.querySelectorAll('li a.event')) {
        if (!known.has(a.getAttribute('href'))) a.closest('li').classList.add('fresh');
      }
    }
    if (focused !== null) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  }
  tick();
}

// --- the stream ----------------------------------------------------------------

let pause = 1000;

function connect() {
  const source = new EventSource(script.dataset.stream);
  source.onopen = () => {
    pause = 1000;
    // What happened while the connection was down is on the page too.
    if (sign.dataset.state === 'off') refresh();
    show('on', 'Live');
  };
  source.onerror = () => {
    show('off', 'Reconnecting');
    // The browser itself tries again, except after an answer that is no stream.
    if (source.readyState !== EventSource.CLOSED) return;
    setTimeout(connect, pause);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  };
  for (const kind of ['announced', 'attested', 'refunded', 'state']) source.addEventListener(kind, refresh);
}

connect();
setInterval(tick, 1000);
