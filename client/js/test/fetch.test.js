/**
 * Whatever `fetch` a wallet brings: a proxy's, an agent's, a phone's.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runInNewContext } from 'node:vm';

import nodeFetch3 from 'node-fetch';
// @ts-expect-error: it has no types of its own
import nodeFetch2 from 'node-fetch2';
import { fetch as undiciFetch } from 'undici';

import { ArgumentError, NotYetError, OracleClient, TooLargeError, TransportError } from '../src/index.js';
import { FakeLog } from './log.js';
import { FakeOracle } from './oracle.js';
import { problem, send, serve } from './server.js';

/** @import { ClientOptions } from '../src/index.js' */
/** @import { Fetch } from '../src/http.js' */

/** As in React Native: the body comes at once, and there is no stream. @type {Fetch} */
async function phoneFetch(url, init) {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, arrayBuffer: () => response.arrayBuffer() };
}

/** @type {Record<string, Fetch>} */
const FETCHES = {
  'the platform': (url, init) => fetch(url, init),
  undici: /** @type {any} */ (undiciFetch),
  'node-fetch 2': /** @type {any} */ (nodeFetch2),
  'node-fetch 3': /** @type {any} */ (nodeFetch3),
  'React Native': phoneFetch,
};

const oracle = new FakeOracle();
const log = new FakeLog(oracle);
log.announce('match', { kind: 'enum', outcomes: ['home', 'draw'] });
log.announce('open', { kind: 'enum', outcomes: ['home', 'draw'] });
log.attest('match', ['draw']);

/** @param {string} url @param {Fetch} fetch @param {Partial<ClientOptions>} [options] */
function client(url, fetch, options) {
  return new OracleClient(url, { identity: log.identity, fetch, retries: 1, firstBackoffMs: 1, maxBackoffMs: 5, ...options });
}

for (const [name, fetch] of Object.entries(FETCHES)) {
  test(`${name}: fetches, waits, and knows a refusal, an outage and a flood`, async (t) => {
    const { url } = await log.serve(t);
    assert.equal((await client(url, fetch).attestation('match')).outcome.text, 'draw');
    await assert.rejects(client(url, fetch).wait('open', { timeoutMs: 30 }), NotYetError);
    const { url: gone } = await serve(t, (request) => request.socket.destroy());
    await assert.rejects(client(gone, fetch).event('match'), (error) => error instanceof TransportError && error.code === 'unreachable');
    const { url: broken } = await serve(t, (request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '99' });
      response.write('{', () => request.socket.destroy());
    });
    // node-fetch 2 does not notice that a body of known length ends too early.
    const code = name === 'node-fetch 2' ? 'timeout' : 'unreachable';
    await assert.rejects(client(broken, fetch, { timeoutMs: 500 }).event('match'), (error) => error instanceof TransportError && error.code === code);
    const { url: flood } = await serve(t, (_, response) => send(response, 'x'.repeat(3000)));
    await assert.rejects(client(flood, fetch, { maxBytes: 2000 }).event('match'), TooLargeError);
    const { url: chunked } = await serve(t, (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('x'.repeat(1500));
      response.end('x'.repeat(1500));
    });
    await assert.rejects(client(chunked, fetch, { maxBytes: 2000 }).event('match'), TooLargeError);
    const { url: mute } = await serve(t, () => {});
    await assert.rejects(client(mute, fetch, { timeoutMs: 60, retries: 0 }).event('match'), (error) => error instanceof TransportError && error.code === 'timeout');
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('enough')), 30);
    await assert.rejects(client(mute, fetch).event('match', { signal: stop.signal }), /enough/);
  });

  test(`${name}: follows the stream, or says that it cannot`, async (t) => {
    const { url, requests } = await serve(t, (request, response, nth) => {
      if (nth === 1) return problem(response, 503, 'unavailable');
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`:\nid: ${nth}\n\n`);
      if (nth === 2) return void setTimeout(() => request.socket.destroy(), 30);
      response.write(`event: attested\nid: 9\ndata: {"event_id":"match"}\n\n`);
      if (name === 'React Native') response.end();
    });
    const news = client(url, fetch).stream();
    if (name === 'React Native') {
      await assert.rejects(news.next(), (error) => error instanceof ArgumentError && error.argument === 'fetch');
      return;
    }
    assert.equal((await news.next()).value.position, 9n);
    await news.return(/** @type {never} */ (undefined));
    assert.deepEqual(requests.map(({ headers }) => headers['last-event-id']), [undefined, undefined, '2']);
  });
}

test('what a given fetch lacks is said, at once', async () => {
  const headers = new Headers({ 'content-type': 'application/json' });
  const empty = new Response(new ReadableStream({ start: (controller) => controller.enqueue(/** @type {any} */ ('text')) }), { headers });
  /** @type {[any, RegExp][]} */
  const cases = [
    [undefined, /lacks a status/],
    [{ ok: true }, /lacks a status/],
    [{ status: 200 }, /lacks headers/],
    [{ status: 200, headers: { 'content-type': 'application/json' } }, /lacks headers/],
    [{ status: 200, headers }, /lacks a body/],
    [empty, /lacks bytes in its body/],
  ];
  for (const [response, message] of cases) {
    let asked = 0;
    const call = client('http://127.0.0.1', async () => ((asked += 1), response)).event('match');
    await assert.rejects(call, (error) => error instanceof ArgumentError && message.test(error.message));
    assert.equal(asked, 1);
  }
  assert.throws(() => client('http://127.0.0.1', /** @type {any} */ ('fetch')), ArgumentError);
});

/** @param {unknown} cause */
const isUnreachable = (cause) => (/** @type {unknown} */ error) => error instanceof TransportError && error.code === 'unreachable' && error.cause === cause;

/** Whatever platforms, agents and programs throw. */
const FAILURES = [
  ...['Failed to fetch', 'NetworkError when attempting to fetch resource.', 'Load failed', 'Network request failed', 'terminated'].map((words) => new TypeError(words)),
  new TypeError('Die Netzwerkverbindung wurde unterbrochen.'),
  Object.assign(new Error('Socks5 proxy rejected connection'), { name: 'SocksClientError' }),
  new DOMException('The operation was aborted.', 'AbortError'),
  new RangeError('Invalid status code: 999'),
  runInNewContext("new TypeError('fetch failed', { cause: { code: 'ECONNRESET' } })"),
  runInNewContext("({ name: 'NetworkError' })"),
  'offline',
  undefined,
];

test('whatever a fetch throws means that the oracle is out of reach', async () => {
  for (const failure of FAILURES) {
    let asked = 0;
    const fetch = async () => {
      asked += 1;
      throw failure;
    };
    await assert.rejects(client('http://127.0.0.1', fetch).event('match'), isUnreachable(failure));
    assert.equal(asked, 2);
    await assert.rejects(client('http://127.0.0.1', fetch).wait('match', { timeoutMs: 0 }), isUnreachable(failure));
    /** @type {unknown[]} */
    const lost = [];
    const stop = new AbortController();
    const news = client('http://127.0.0.1', fetch).stream({
      signal: stop.signal,
      onDisconnect(error) {
        lost.push(error);
        if (lost.length === 2) stop.abort(new Error('enough'));
      },
    });
    await assert.rejects(news.next(), /enough/);
    assert.ok(lost.every(isUnreachable(failure)));
    // One that throws before there is a promise does the same.
    const atOnce = () => {
      throw failure;
    };
    await assert.rejects(client('http://127.0.0.1', atOnce).event('match'), isUnreachable(failure));
  }
});

test('whatever breaks a body off does too, and bytes of another realm are bytes', async () => {
  const headers = new Headers({ 'content-type': 'application/json' });
  for (const failure of FAILURES) {
    const broken = () => Promise.reject(failure);
    for (const body of [{ getReader: () => ({ read: broken, cancel: async () => {} }) }, { [Symbol.asyncIterator]: () => ({ next: broken }) }]) {
      await assert.rejects(client('http://127.0.0.1', async () => ({ status: 200, headers, body })).event('match'), isUnreachable(failure));
    }
    await assert.rejects(client('http://127.0.0.1', async () => ({ status: 200, headers, arrayBuffer: broken })).event('match'), isUnreachable(failure));
  }
  const foreign = runInNewContext('Uint8Array.from(text, (char) => char.codePointAt(0))', { text: JSON.stringify(log.info) });
  const body = (async function* () {
    yield foreign;
  })();
  assert.equal((await client('http://127.0.0.1', async () => ({ status: 200, headers, body })).oracle()).name, 'Test');
});

test('an abort is none, whoever words it', async () => {
  for (const failure of FAILURES) {
    const stop = new AbortController();
    /** @type {Fetch} */
    const fetch = (_, { signal }) => new Promise((_, reject) => signal?.addEventListener('abort', () => reject(failure)));
    const called = client('http://127.0.0.1', fetch).event('match', { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(called, /enough/);
    await assert.rejects(client('http://127.0.0.1', fetch, { timeoutMs: 5, retries: 0 }).event('match'), (error) => error instanceof TransportError && error.code === 'timeout');
  }
});
