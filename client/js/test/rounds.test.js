/**
 * A thousand rounds on a network that breaks at random, and nothing is lost. A round
 * that fails says its seed; `ORACLE_TEST_SEED` repeats it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventSource } from 'undici';

import { OracleClient } from '../src/index.js';
import { FakeLog } from './log.js';
import { FakeOracle } from './oracle.js';
import { Network, Oracle, VirtualClock, dispatcherOf, seedOfRun, seeded } from './virtual.js';

/** @import { News } from '../src/index.js' */
/** @import { Item, Said } from './virtual.js' */

const ROUNDS = Number(process.env['ORACLE_TEST_ROUNDS'] ?? 1000);
const PEACE_MS = 3 * 60_000;
const MINUTE = 60_000;

/** @param {Uint8Array | string | undefined} text */
async function* once(text) {
  if (text !== undefined) yield text;
}

/** @param {VirtualClock} clock @returns {Item[]} a log that grows for ten minutes; positions have gaps, as in a real log */
function itemsOf({ between, random }) {
  const items = [];
  let [position, at] = [0, -2 * MINUTE];
  while (at < PEACE_MS + MINUTE) {
    position += 1 + Math.floor(between(0, 3));
    // Now and then many at once, and then nothing for minutes.
    at += random() < 0.6 ? between(0, 500) : between(0, 60_000);
    const kind = random() < 0.5 ? 'announced' : 'attested';
    items.push({ position, kind, eventId: `e${Math.floor(between(0, 6))}`, at });
  }
  // The one that all wait for.
  items.push({ position: position + 1, kind: 'attested', eventId: 'e1', at: at + 1000 });
  return items;
}

/** Runs rounds, each with a seed of its own. @param {import('node:test').TestContext} t @param {(clock: VirtualClock) => Promise<Record<string, number>>} round */
async function rounds(t, round) {
  const started = performance.now();
  const first = seedOfRun();
  t.diagnostic(`seed ${first}`);
  /** @type {Record<string, number>} */
  const totals = {};
  for (let n = 0; n < ROUNDS; n += 1) {
    const seed = (first + n) >>> 0;
    try {
      const counts = await round(new VirtualClock(seeded(seed)));
      for (const [name, count] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + count;
    } catch (error) {
      throw new Error(`ORACLE_TEST_SEED=${seed}: ${error}`, { cause: error });
    }
  }
  const seconds = Math.round((performance.now() - started) / 1000);
  t.diagnostic(`${ROUNDS} rounds in ${seconds} s: ${JSON.stringify(totals)}`);
  return totals;
}

/** @param {AsyncGenerator<News>} stream @param {number} last */
async function upTo(stream, last) {
  const positions = [];
  for await (const { position } of stream) {
    if (position !== null) positions.push(Number(position));
    if (Number(position) === last) break;
  }
  return positions;
}

test('a stream loses nothing, repeats nothing and keeps the order', async (t) => {
  const totals = await rounds(t, async (clock) => {
    const items = itemsOf(clock);
    const oracle = new Oracle(clock, items);
    const network = new Network(clock, PEACE_MS);
    /** Whoever answers now may do so from what was asked some time ago. @param {URL} url @param {Headers} headers @returns {Said} */
    const server = (url, headers) => {
      const stale = clock.chance(0.2) ? Math.floor(clock.between(1, 12)) : 0;
      const body = oracle.stream(headers.get('last-event-id'), url.searchParams.get('events'), stale);
      return { status: 200, type: 'text/event-stream', body };
    };
    const client = new OracleClient('http://oracle.test', { publicKey: new FakeOracle().publicKey, fetch: network.fetch(server), clock });
    const events = clock.chance(0.5) ? ['e1', 'e3'] : undefined;
    const wanted = items.filter(({ eventId }) => events?.includes(eventId) ?? true).map(({ position }) => position);
    const last = wanted.at(-1) ?? 0;
    const after = clock.chance(0.7) ? Math.floor(clock.between(0, items[5]?.position ?? 1)) : undefined;
    const got = await clock.run(upTo(client.stream({ ...(after !== undefined && { after }), ...(events && { events }) }), last));
    // Without a position it begins behind the first that it was told, be it of a heartbeat.
    const from = after ?? Math.min(network.firstId ?? Infinity, Number(got[0]) - 1);
    assert.deepEqual(got, wanted.filter((position) => position > from));
    return { ...network.fates, repeats: oracle.repeats, items: got.length };
  });
  for (const fate of ['refused', 'mute', 'foreign', 'broken', 'cut', 'silent', 'repeats']) assert.ok((totals[fate] ?? 0) > ROUNDS / 10, fate);
});

test('a plain EventSource is told everything: from the last id on, whatever it was of', async (t) => {
  const { setTimeout: timeout } = globalThis;
  t.after(() => (globalThis.setTimeout = timeout));
  await rounds(t, async (clock) => {
    // Its pauses pass on the same clock.
    globalThis.setTimeout = /** @type {any} */ ((/** @type {() => void} */ run, /** @type {number} */ ms) => {
      const cancel = clock.after(ms, run);
      return { unref() {}, ref() {}, [Symbol.dispose]: cancel };
    });
    const items = itemsOf(clock);
    const oracle = new Oracle(clock, items);
    const network = new Network(clock, PEACE_MS);
    const events = clock.chance(0.5) ? 'e1,e3' : null;
    const wanted = items.filter(({ eventId }) => events?.split(',').includes(eventId) ?? true).map(({ position }) => position);
    const server = (/** @type {Headers} */ headers) => {
      const stale = clock.chance(0.2) ? Math.floor(clock.between(1, 12)) : 0;
      return oracle.stream(headers.get('last-event-id'), events, stale);
    };
    const source = new EventSource('http://oracle.test/v1/stream', /** @type {any} */ ({ node: { dispatcher: dispatcherOf(clock, network, server), reconnectionTime: 1000 } }));
    /** @type {Set<number>} */
    const got = new Set();
    const all = new Promise((resolve, reject) => {
      for (const kind of ['announced', 'attested']) {
        source.addEventListener(kind, (event) => {
          const { lastEventId } = /** @type {MessageEvent} */ (event);
          got.add(Number(lastEventId));
          if (Number(lastEventId) === wanted.at(-1)) resolve(null);
        });
      }
      source.addEventListener('error', () => source.readyState === EventSource.CLOSED && reject(new Error('it gave up')));
    });
    await clock.run(all, () => new Promise((resolve) => void setImmediate(() => setImmediate(resolve))));
    source.close();
    const from = Math.min(...got) - 1;
    assert.deepEqual([...got].sort((a, b) => a - b), wanted.filter((position) => position > from));
    return { ...network.fates, repeats: oracle.repeats, items: got.size };
  });
});

test('a wait returns the outcome through everything that can happen on the way to it', async (t) => {
  const log = new FakeLog(new FakeOracle());
  log.announce('other', { kind: 'enum', outcomes: ['a', 'b'] });
  log.announce('match', { kind: 'enum', outcomes: ['home', 'draw', 'away'] });
  const [announced, before] = [log.positions.get('match')?.announcement ?? 0, log.entries.length];
  log.attest('match', ['draw']);
  const json = (/** @type {object} */ value) => ({ status: 200, type: 'application/json', body: once(JSON.stringify(value)) });
  /** @param {number} status @param {string} slug */
  const problem = (status, slug) => ({ status, type: 'application/problem+json', headers: { 'retry-after': '5' }, body: once(JSON.stringify({ type: `/problems/${slug}`, detail: slug })) });
  await rounds(t, async (clock) => {
    const announcedAt = clock.between(-MINUTE, MINUTE);
    const attestedAt = Math.max(0, announcedAt) + clock.between(0, 3 * MINUTE);
    const network = new Network(clock, PEACE_MS);
    /** @param {URL} url @returns {Said} */
    const server = (url) => {
      const isAttested = clock.now() >= attestedAt;
      if (clock.now() < announcedAt) return problem(404, 'not-announced');
      if (url.pathname.endsWith('/bundle')) {
        const from = url.searchParams.get('from');
        return json(log.bundle('match', { size: isAttested ? log.entries.length : before, ...(from !== null && { from: Number(from) }) }));
      }
      if (url.pathname.startsWith('/v1/announcements')) return { status: 200, type: 'application/octet-stream', body: once(log.entries[announced]?.subarray(34)) };
      if (!isAttested) return problem(404, 'not-attested');
      return { status: 200, type: 'application/octet-stream', body: once(log.entries.at(-1)?.subarray(42)) };
    };
    /** The same, held until there is an outcome or the time that was asked for is over. @param {string} url @param {RequestInit} init */
    const fetch = async (url, init) => {
      const held = Number(new URL(url).searchParams.get('wait') ?? 0) * 1000;
      await clock.pause(Math.max(0, Math.min(held, attestedAt - clock.now())));
      return network.fetch(server)(url, init);
    };
    const client = new OracleClient('http://oracle.test', { identity: log.identity, fetch, clock });
    const { outcome } = await clock.run(client.wait('match', { timeoutMs: 20 * MINUTE }));
    assert.equal(outcome.text, 'draw');
    assert.ok(clock.now() >= attestedAt && clock.now() < PEACE_MS + 2 * MINUTE, `at ${clock.now()}, attested at ${attestedAt}`);
    return network.fates;
  });
});

test('a reader that was away for a week catches up in order', async () => {
  const clock = new VirtualClock(seeded(7));
  const items = Array.from({ length: 10_000 }, (_, n) => ({ position: 2 * n + 1, kind: 'attested', eventId: `e${n}`, at: 0 }));
  const oracle = new Oracle(clock, items);
  const network = new Network(clock, 0);
  const server = (/** @type {URL} */ _, /** @type {Headers} */ headers) => ({ status: 200, type: 'text/event-stream', body: oracle.stream(headers.get('last-event-id'), null) });
  const client = new OracleClient('http://oracle.test', { publicKey: new FakeOracle().publicKey, fetch: network.fetch(server), clock });
  const got = await clock.run(upTo(client.stream({ after: 100n }), 19_999));
  assert.deepEqual(got, items.map(({ position }) => position).filter((position) => position > 100));
});
