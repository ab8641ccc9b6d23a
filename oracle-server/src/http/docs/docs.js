// Sends what the forms of /docs say, to this service only, and shows the answer.
'use strict';

const SHOWN_BYTES = 200_000;

const quoted = (text) => `'${text.replaceAll("'", String.raw`'\''`)}'`;

// The request that a form describes: fields that are empty are left out.
function request(form) {
  const query = [];
  const headers = [];
  let path = form.dataset.path;
  for (const field of form.querySelectorAll('[data-in]')) {
    const { name, value } = field;
    if (field.dataset.in === 'path') path = path.replace(`{${name}}`, value ? encodeURIComponent(value) : `{${name}}`);
    else if (value === '') continue;
    else if (field.dataset.in === 'query') query.push(`${name}=${encodeURIComponent(value)}`);
    else if (field.dataset.in === 'header') headers.push([name, value]);
  }
  return { url: location.origin + path + (query.length ? `?${query.join('&')}` : ''), headers };
}

function showCurl(form) {
  const { url, headers } = request(form);
  const flags = headers.map(([name, value]) => ` -H ${quoted(`${name}: ${value}`)}`).join('');
  form.querySelector('.curl').textContent = `curl -i${flags} ${quoted(url)}`;
}

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

// Shows the body as it comes, so that a stream can be watched; JSON is indented in the end.
async function showBody(response, out) {
  const type = response.headers.get('content-type') ?? '';
  const binary = type.startsWith('application/octet-stream');
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  let text = '';
  for (let part = await reader?.read(); part && !part.done; part = await reader.read()) {
    text += binary ? hex(part.value) : decoder.decode(part.value, { stream: true });
    if (text.length > SHOWN_BYTES) {
      await reader.cancel();
      out.textContent = `${text.slice(0, SHOWN_BYTES)}\n… (cut here)`;
      return;
    }
    out.textContent = text;
  }
  if (/[/+]json/.test(type)) out.textContent = JSON.stringify(JSON.parse(text), null, 2);
}

async function send(form) {
  const stop = form.querySelector('.stop');
  const line = form.querySelector('.line');
  const headersOut = form.querySelector('.headers');
  const bodyOut = form.querySelector('.body');
  form.stopper?.abort();
  const stopper = new AbortController();
  form.stopper = stopper;
  form.querySelector('.answer').hidden = false;
  stop.hidden = false;
  line.textContent = '…';
  headersOut.textContent = '';
  bodyOut.textContent = '';
  try {
    const { url, headers } = request(form);
    const response = await fetch(url, { headers, signal: stopper.signal, cache: 'no-store' });
    line.textContent = `${response.status} ${response.statusText}`;
    headersOut.textContent = Array.from(response.headers, ([name, value]) => `${name}: ${value}`).join('\n');
    await showBody(response, bodyOut);
  } catch (error) {
    if (stopper.signal.aborted) line.textContent += ' (stopped)';
    else line.textContent = String(error);
  } finally {
    if (form.stopper === stopper) stop.hidden = true;
  }
}

// Names of events to choose from, and one to begin with.
async function suggest() {
  const known = async (path) => (await (await fetch(path)).json()).events.map((event) => event.event_id);
  const attested = await known('/v1/events?state=attested&limit=20');
  const others = await known('/v1/events?limit=50');
  const names = [...new Set([...attested, ...others])];
  document.querySelector('#known-events').append(...names.map((name) => new Option(name, name)));
  for (const field of document.querySelectorAll('input[list=known-events]')) {
    field.value ||= names[0] ?? '';
    showCurl(field.form);
  }
}

for (const form of document.forms) {
  showCurl(form);
  form.addEventListener('input', () => showCurl(form));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(form);
  });
  form.querySelector('.stop').addEventListener('click', () => form.stopper?.abort());
}

// A link to an operation opens it.
function open() {
  const target = document.getElementById(location.hash.slice(1));
  if (target instanceof HTMLDetailsElement) target.open = true;
}
addEventListener('hashchange', open);
open();
suggest().catch(() => {});
