import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { ArgumentError, HourError, MalformedError, Memory, OracleClient, ProblemError, adaptorPoints, verifyAnnouncement, verifyAttestation, verifyHour } from '../src/index.js';
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
    // One that the hour does not reach says nothing of it.
    await forked.client.hour(first.hour);
    assert.equal(other.head(identity)?.size, 5n);
    assert.equal(memory.head(identity)?.size, 3n);
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
