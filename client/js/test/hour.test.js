import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { ArgumentError, HourError, MalformedError, Memory, NonceReusedError, OracleClient, ProblemError, adaptorPoints, verifyAnnouncement, verifyAttestation, verifyHour } from '../src/index.js';
import { FakeLog, filesOf, root } from './log.js';
import { FakeOracle } from './oracle.js';
import { must } from './vectors.js';
import { problem, send, serve } from './server.js';

/** @import { TestContext } from 'node:test' */

const { cases } = JSON.parse(readFileSync(new URL('../../../schema/vectors/hours.json', import.meta.url), 'utf8'));
/** @param {string} name */
const vector = (name) => must(cases.find((/** @type {{name: string}} */ c) => c.name === name));
const HOURS = ['from-the-genesis', 'empty', 'in-the-middle', 'open'].map(vector);
const { identity } = HOURS[0];

/**
 * A server of these hours, and a client of it.
 *
 * @param {TestContext} t
 * @param {{memory?: Memory, hours?: {hour: string, document: object}[]}} [options]
 */
async function world(t, { memory = new Memory(), hours = HOURS } = {}) {
  /** @type {string[]} */
  const asked = [];
  const { url } = await serve(t, (request, response) => {
    asked.push(String(request.url));
    const found = hours.find(({ hour }) => request.url === `/v1/bundles/${hour}`);
    if (found) send(response, found.document);
    else problem(response, 404, 'unknown-hour', { 'retry-after': '60' });
  });
  return { asked, memory, client: new OracleClient(url, { identity, memory, retries: 0 }) };
}

/** @param {string} code */
const isHour = (code) => (/** @type {unknown} */ error) => error instanceof HourError && error.code === code;
const HOUR = '2026-11-22T16';

/**
 * A server of one hour of a log, and of the log's files.
 *
 * @param {TestContext} t
 * @param {FakeLog} log
 * @param {object} document
 * @param {{memory?: Memory, files?: FakeLog | null}} [options] `files`: another log's, or none
 */
async function served(t, log, document, { memory = new Memory(), files = log } = {}) {
  const all = files ? filesOf(files) : new Map();
  const { url, requests } = await serve(t, (request, response) => {
    const file = all.get(request.url ?? '');
    if (request.url === `/v1/bundles/${HOUR}`) send(response, document);
    else if (file !== undefined) response.end(file);
    else problem(response, 404, 'unknown-tile');
  });
  return { memory, requests, client: new OracleClient(url, { identity: log.identity, memory, retries: 0 }) };
}

/** That a log of so many entries was seen. @param {FakeLog} log @param {number} size */
function seen(log, size) {
  return new Memory({ text: `log ${size} ${Buffer.from(root(log.entries.slice(0, size))).toString('hex')} ${log.identity}\n` });
}

describe('the log by hours', () => {
  test('has a contract its announcement and its outcome, and no request names the event', async (t) => {
    const { client, asked, memory } = await world(t);
    let before = null;
    const entries = [];
    for (const { hour } of HOURS) {
      const { proven, bytes } = await client.hour(hour, { before });
      assert.deepEqual(verifyHour(bytes, { identity, hour, before }).after, proven.after);
      entries.push(...proven.entries);
      before = proven.after;
    }
    assert.equal(before?.size, 9n);
    assert.equal(memory.head(identity)?.size, 9n);
    const promised = must(entries.find((entry) => entry.type === 'announcement' && entry.announcement.event.eventId.startsWith('bl1')));
    assert.ok(promised.type === 'announcement');
    const announcement = verifyAnnouncement(promised.announcement);
    const end = must(entries.find((entry) => entry.type === 'attestation' && entry.announcementPosition === promised.position));
    assert.ok(end.type === 'attestation');
    const attestation = verifyAttestation(end.attestation, announcement);
    const [point] = adaptorPoints(announcement, { outcome: 'draw' }, attestation);
    assert.equal(point?.secret?.point.compressed, point?.point.compressed);
    assert.deepEqual(asked, HOURS.map(({ hour }) => `/v1/bundles/${hour}`));
    assert.equal(await client.publicKey(), announcement.oraclePublicKey);
  });

  test('says of an hour ahead when to come back, and refuses what is no hour', async (t) => {
    const { client, asked } = await world(t);
    const ahead = await client.hour('2026-11-22T18').catch((error) => error);
    assert.ok(ahead instanceof ProblemError);
    assert.deepEqual([ahead.code, ahead.retryAfterMs], ['unknown-hour', 60_000]);
    for (const bad of ['2026-11-22', '2026-11-22T24', '../oracle', '']) await assert.rejects(client.hour(bad), ArgumentError);
    assert.equal(asked.length, 1);
  });

  test('must go on from what was seen before', async (t) => {
    const { client, memory } = await world(t);
    const [first, , middle] = HOURS;
    const { proven } = await client.hour(first.hour);
    await assert.rejects(client.hour(middle.hour, { before: { size: 2n, left: proven.after.left.slice(0, 1) } }), (error) => error instanceof HourError && error.code === 'gap');
    // A checkpoint of the same log's key, with another root.
    const other = new Memory({ text: `log 5 ${'55'.repeat(32)} ${identity}\n` });
    const forked = await world(t, { memory: other });
    await assert.rejects(forked.client.hour(middle.hour), (error) => error instanceof HourError && error.code === 'forked');
    // One that the hour does not reach, and nothing here that ties them.
    await assert.rejects(forked.client.hour(first.hour), isHour('no-consistency'));
    assert.equal(other.head(identity)?.size, 5n);
    assert.equal(memory.head(identity)?.size, 3n);
  });
});

describe('an hour and what was seen before', () => {
  /** @param {number} size */
  const grown = (size) => {
    const log = new FakeLog(new FakeOracle());
    log.grow(size - 1);
    return log;
  };

  // [entries that were seen, first of the hour, its end, entries of the log today]
  for (const [known, first, end, today] of /** @type {const} */ ([
    ...[[3, 5, 9, 9], [8, 12, 20, 20], [7, 2, 5, 7], [20, 2, 5, 30], [255, 257, 300, 300], [256, 300, 301, 700], [513, 600, 700, 700], [700, 3, 260, 701], [700, 256, 512, 999]],
  ])) {
    test(`${known} were seen, and it has those from ${first} to ${end} of ${today}`, async (t) => {
      const log = grown(today);
      const memory = seen(log, known);
      const { client } = await served(t, log, log.hour(HOUR, first, end), { memory });
      await client.hour(HOUR);
      assert.equal(memory.head(log.identity)?.size, BigInt(Math.max(known, end)));

      // Another log of the same key: what it says of itself holds, and it is not the one seen.
      const other = new FakeLog(log.oracle);
      other.announce('never', { kind: 'enum', outcomes: ['a', 'b'] });
      other.grow(today - 2);
      for (const files of [other, log]) {
        const mine = seen(log, known);
        const lying = await served(t, log, other.hour(HOUR, first, end), { memory: mine, files });
        await assert.rejects(lying.client.hour(HOUR), isHour('forked'));
        assert.equal(mine.head(log.identity)?.size, BigInt(known));
      }
      const silent = await served(t, log, other.hour(HOUR, first, end), { memory: seen(log, known), files: null });
      await assert.rejects(silent.client.hour(HOUR), isHour('no-consistency'));
    });
  }

  test('without anything seen, and where the hour has it, no file is asked for', async (t) => {
    const log = grown(20);
    for (const memory of [new Memory(), seen(log, 5), seen(log, 12), seen(log, 20)]) {
      const { client, requests } = await served(t, log, log.hour(HOUR, 5), { memory });
      await client.hour(HOUR);
      assert.equal(requests.length, 1);
    }
  });

  test('what another request learned meanwhile counts', async (t) => {
    const log = grown(20);
    const memory = seen(log, 10);
    const later = seen(log, 15).head(log.identity);
    // Between looking and remembering somebody else was faster.
    const saw = memory.saw.bind(memory);
    memory.saw = (identity, known, head) => {
      memory.saw = saw;
      saw(identity, known, must(later));
      return saw(identity, known, head);
    };
    const { client } = await served(t, log, log.hour(HOUR, 5), { memory });
    await client.hour(HOUR);
    assert.equal(memory.head(log.identity)?.size, 20n);
  });

  test('an announcement under a nonce that was attested is refused', async (t) => {
    const oracle = new FakeOracle();
    const log = new FakeLog(oracle);
    const memory = new Memory();
    const past = verifyAnnouncement(oracle.announce('past', { kind: 'enum', outcomes: ['a', 'b'] }));
    memory.learn(past, verifyAttestation(oracle.attest('past', ['a']), past));
    log.announceUnder('again', { kind: 'enum', outcomes: ['a', 'b'] }, [...past.event.nonces]);
    const { client } = await served(t, log, log.hour(HOUR, 0), { memory });
    await assert.rejects(client.hour(HOUR), NonceReusedError);
    assert.equal(memory.head(log.identity), null);
  });
});

describe('what an hour holds fits together', () => {
  /** @param {(log: FakeLog) => void} fill @param {number} [first] */
  const checked = (fill, first = 0) => {
    const log = new FakeLog(new FakeOracle());
    fill(log);
    return () => verifyHour(JSON.stringify(log.hour(HOUR, first)), { identity: log.identity, hour: HOUR });
  };
  const choice = /** @type {const} */ ({ kind: 'enum', outcomes: ['a', 'b'] });

  test('no nonce is in two events', () => {
    assert.throws(checked((log) => void log.announceUnder('two', choice, [...log.announce('one', choice).event.nonces])), isHour('nonce-reused'));
  });

  test('everything is by the key of the genesis', () => {
    const stranger = new FakeLog(new FakeOracle());
    stranger.announce('match', choice);
    stranger.attest('match', ['a']);
    const [, announced, attested] = stranger.entries;
    assert.throws(checked((log) => void log.entries.push(must(announced))), isHour('other-key'));
    assert.throws(checked((log) => {
      log.announce('match', choice);
      log.entries.push(must(attested));
    }), isHour('other-key'));
  });

  test('what belongs to an announcement comes after it', () => {
    const at = (/** @type {Uint8Array} */ entry, /** @type {number} */ position) => {
      const moved = Uint8Array.from(entry);
      new DataView(moved.buffer).setBigUint64(2, BigInt(position));
      return moved;
    };
    const world = (/** @type {FakeLog} */ log) => {
      log.announce('one', choice);
      const two = log.announce('two', choice);
      log.prove(two);
      log.attest('two', ['a']);
    };
    checked(world)();
    checked(world, 2)();
    checked(world, 3)();
    for (const [index, position] of /** @type {const} */ ([[3, 0], [3, 3], [3, 4], [3, 9], [4, 0], [4, 1], [4, 3], [4, 4], [4, 1000]])) {
      const moved = (/** @type {FakeLog} */ log) => {
        world(log);
        log.entries[index] = at(must(log.entries[index]), position);
      };
      assert.throws(checked(moved), isHour('other-announcement'), `${index} of ${position}`);
    }
  });
});

test('series are listed, and one says what is ahead', async (t) => {
  const daily = {
    ...{ series_id: 'ppcusd-daily', kind: 'digits', title: 'PPC/USD', description: null, names: {}, period: { cron: '0 16 * * *' } },
    ...{ announce_ahead_s: 604_800, settle_delay_s: 60, give_up_after_s: 259_200, nonces: 20, policy_hash: '5f'.repeat(32) },
    next: [{ event_id: 'x', maturity: '2026-11-22T16:00:00Z', announce_at: '2026-11-15T16:00:00Z', attest_by: '2026-11-25T16:00:00Z', state: null }],
    next_from: null,
  };
  /** @type {string[]} */
  const asked = [];
  const { url } = await serve(t, (request, response) => {
    asked.push(String(request.url));
    if (request.url?.startsWith('/v1/series?') || request.url === '/v1/series') send(response, { series: [daily], next_cursor: null });
    else send(response, request.url?.includes('broken') ? { ...daily, next: 1 } : daily);
  });
  const client = new OracleClient(url, { identity, retries: 0 });
  assert.equal((await client.series({ limit: 2 })).series[0]?.next[0]?.event_id, 'x');
  const one = await client.oneSeries('ppcusd-daily', { from: '2026-11-22T00:00:00Z', limit: 3 });
  assert.deepEqual([one.next[0]?.state, one.next_from], [null, null]);
  assert.deepEqual(asked, ['/v1/series?limit=2', '/v1/series/ppcusd-daily?from=2026-11-22T00%3A00%3A00Z&limit=3']);
  await assert.rejects(client.oneSeries('another'), MalformedError);
  await assert.rejects(client.oneSeries('broken'), MalformedError);
  await assert.rejects(client.oneSeries(''), ArgumentError);
});
