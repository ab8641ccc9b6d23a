// "Verify in this browser": runs the client's checks and shows each as a line.

const section = document.querySelector('section.verify');
const form = section.querySelector('form');
const list = section.querySelector('.checks');
const button = form.querySelector('button');
const bundle = document.querySelector('script[data-client]').dataset.client;
const WORDS = { ok: 'ok', failed: 'failed', skipped: 'skipped' };
const MARKS = { ok: 'ok', failed: 'failed', skipped: 'none' };

function line(mark, word, name, detail) {
  const item = document.createElement('li');
  item.dataset.check = name;
  const state = document.createElement('span');
  state.className = `check ${mark}`;
  state.textContent = word;
  const text = document.createElement('span');
  const title = document.createElement('strong');
  title.textContent = name;
  const about = document.createElement('span');
  about.className = 'detail';
  about.textContent = detail;
  text.append(title, about);
  item.append(state, text);
  list.append(item);
  return item;
}

// What the page shows now, which news may have changed since it was loaded.
function shown() {
  return document.querySelector('[data-outcome]')?.dataset.outcome ?? null;
}

async function verify() {
  const identity = form.elements.identity.value.trim();
  const { checkEvent } = await import(bundle);
  const started = performance.now();
  const good = await checkEvent(location.origin, identity, section.dataset.event, shown(), ({ name, state, detail }) => {
    line(MARKS[state], WORDS[state], name, detail);
  });
  const took = Math.max(1, Math.round(performance.now() - started));
  const item = good
    ? line('ok', 'ok', 'Verified', `Nothing failed, in ${took} ms, against the identity above.`)
    : line('failed', 'failed', 'Not verified', 'Do not rely on this event before you know why.');
  item.classList.add('verdict');
  item.dataset.check = 'verdict';
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  if (button.disabled) return;
  button.disabled = true;
  list.setAttribute('aria-busy', 'true');
  list.replaceChildren();
  try {
    await verify();
  } catch (error) {
    line('failed', 'failed', 'Not verified', error instanceof Error ? error.message : String(error)).dataset.check = 'verdict';
  } finally {
    list.setAttribute('aria-busy', 'false');
    button.disabled = false;
  }
});
