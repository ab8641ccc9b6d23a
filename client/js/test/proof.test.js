import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ArgumentError,
  BundleError,
  HashError,
  Memory,
  NeverError,
  NonceReusedError,
  NotYetError,
  OracleClient,
  OracleError,
  TRUST_ON_FIRST_USE,
  TransportError,
  WrongEventError,
  WrongIdentityError,
  WrongKeyError,
  verifyBundle,
} from '../src/index.js';
import { FakeLog } from './log.js';
import { FakeOracle } from './oracle.js';

/** @import { ClientOptions, Descriptor } from '../src/index.js' */
/** @import { BundleJson } from './log.js' */

/** @type {Descriptor} */
const ENUM = { kind: 'enum', outcomes: ['home', 'draw', 'away'] };

/** A log with an attested, an open and a refunded event. */
function logOf(oracle = new FakeOracle()) {
  const log = new FakeLog(oracle);
  for (const id of ['match', 'open', 'off']) log.announce(id, ENUM);
  log.attest('match', ['draw']);
  log.refund('off', 'no game');
  return log;
}

/** @param {FakeLog} log @param {string} url @param {Partial<ClientOptions>} [options] */
function client(log, url, options) {
  return new OracleClient(url, { identity: log.identity, retries: 0, firstBackoffMs: 1, maxBackoffMs: 5, ...options });
}

/** @param {Promise<unknown>} call @param {string} code */
function refused(call, code) {
  return assert.rejects(call, (error) => {
    assert.ok(error instanceof BundleError, String(error));
    assert.equal(error.code, code, error.message);
    return true;
  });
}

test('an event is proven with nothing but the identity, online and, from its bundle, offline', async (t) => {
  const log = logOf();
  const { url, requests } = await log.serve(t);
  const reader = client(log, url);
  assert.equal(reader.isPinned, true);
  assert.equal((await reader.attestation('match')).outcome.text, 'draw');
  assert.equal((await reader.announcement('match')).event.eventId, 'match');
  assert.equal(requests.length, 1, 'one bundle says it all');
  assert.equal((await reader.policy('match')).text, log.policy);
  assert.equal(await reader.publicKey(), log.oracle.publicKey);
  assert.equal(await reader.identity(), log.identity);
  const { proven, bytes } = await reader.proof('match');
  assert.deepEqual(verifyBundle(bytes, log.identity).positions, proven.positions);
  assert.deepEqual(proven.positions, { announcement: 1n, nonceProof: null, attestation: 4n, notice: null });
});

test('what has no outcome yet, and what never will, says so', async (t) => {
  const log = logOf();
  const { url } = await log.serve(t);
  const reader = client(log, url);
  await assert.rejects(reader.attestation('open'), (error) => error instanceof NotYetError && error.code === 'not-attested');
  await assert.rejects(reader.wait('open', { timeoutMs: 20 }), NotYetError);
  await assert.rejects(reader.attestation('off'), (error) => error instanceof NeverError && error.isProven && error.detail === 'no game');
  const early = await log.serve(t, { change: () => null });
  await assert.rejects(client(log, early.url).announcement('open'), (error) => error instanceof NotYetError && error.code === 'not-announced');
});

test('waiting returns what the log has, once it has it', async (t) => {
  const log = logOf();
  const { url, requests } = await log.serve(t);
  const waiting = client(log, url).wait('open', { timeoutMs: 30_000 });
  while (!requests.some(({ url: path }) => path?.startsWith('/v1/attestations'))) await new Promise((done) => setTimeout(done, 2));
  log.attest('open', ['away']);
  const { outcome } = await waiting;
  assert.equal(outcome.text, 'away');
  // The last question was for the proof that the log only grew.
  assert.match(requests.at(-1)?.url ?? '', /bundle\?from=6$/);
});

test("an attestation that the log does not have is not returned, though the oracle's key signed it", async (t) => {
  const log = logOf();
  const { url } = await log.serve(t, {
    change(bundle) {
      delete bundle['attestation'];
      return bundle;
    },
  });
  await assert.rejects(client(log, url).attestation('match'), NotYetError);
});

test('a lying server is refused, each lie by its name', async (t) => {
  const log = logOf();
  const twin = logOf(log.oracle);
  const stranger = logOf();
  /** @type {[string, (bundle: BundleJson) => BundleJson][]} */
  const lies = [
    ['inclusion', (bundle) => ({ ...bundle, genesis: stranger.included(0) })],
    ['checkpoint', (bundle) => ({ ...bundle, checkpoint: new FakeLog(log.oracle, { seed: 8 }).note() })],
    ['other-key', () => Object.assign(stranger, { entries: [log.entries[0], ...stranger.entries.slice(1)] }).bundle('match')],
    ['other-event', (bundle) => ({ ...bundle, announcement: log.included(2) })],
    ['inclusion', (bundle) => ({ ...bundle, announcement: { ...log.included(1), hashes: log.included(2).hashes } })],
    ['inclusion', (bundle) => ({ ...bundle, announcement: twin.included(1) })],
    ['policy', (bundle) => ({ ...bundle, policy: '{}' })],
    ['json', () => ({ format: 'peercoin-dlc-oracle/bundle/v1' })],
    ['format', (bundle) => ({ ...bundle, format: 'peercoin-dlc-oracle/bundle/v2' })],
  ];
  for (const [code, lie] of lies) {
    const { url } = await log.serve(t, { change: lie });
    for (const ask of /** @type {const} */ (['announcement', 'attestation', 'policy', 'proven', 'wait'])) await refused(client(log, url)[ask]('match'), code);
  }
  const { url } = await log.serve(t, { change: () => log.bundle('open') });
  await assert.rejects(client(log, url).announcement('match'), WrongEventError);
});

test('a log that forked, shrank or lost its past is refused by whoever saw more of it', async (t) => {
  const log = logOf();
  const served = await log.serve(t);
  const memory = new Memory();
  const reader = client(log, served.url, { memory });
  await reader.announcement('open');
  log.grow(2);
  await reader.proven('match');
  const head = memory.head(log.identity);
  assert.equal(head?.size, BigInt(log.entries.length));

  const fork = logOf(log.oracle);
  fork.grow(9);
  const forked = await fork.serve(t);
  await refused(client(log, forked.url, { memory }).announcement('match'), 'forked');
  const older = await log.serve(t, { change: () => log.bundle('match', { size: 6, from: 6 }) });
  await refused(client(log, older.url, { memory }).announcement('match'), 'older');
  const short = await logOf(log.oracle).serve(t);
  await refused(client(log, short.url, { memory }).announcement('match'), 'older');
  log.grow(1);
  const silent = await log.serve(t, { change: () => log.bundle('match') });
  await refused(client(log, silent.url, { memory }).announcement('match'), 'no-consistency');
  assert.deepEqual(memory.head(log.identity), head, 'what was refused is not remembered');
  await client(log, served.url, { memory }).announcement('match');
});

test('many questions at once are answered under checkpoints that continue each other', async (t) => {
  const log = logOf();
  const { url } = await log.serve(t, {
    change(bundle, id) {
      const { from } = bundle['consistency'] ?? {};
      log.grow(1);
      return log.bundle(id, from === undefined ? {} : { from });
    },
  });
  const reader = client(log, url);
  const all = await Promise.all(['match', 'open', 'off', 'match', 'open'].map((id) => reader.announcement(id)));
  assert.deepEqual(all.map(({ event }) => event.eventId), ['match', 'open', 'off', 'match', 'open']);
});

test('an attested nonce is refused in any other announcement, proven or not', async (t) => {
  const log = logOf();
  const served = await log.serve(t);
  const memory = new Memory();
  await client(log, served.url, { memory }).attestation('match');
  const { nonces } = (await client(log, served.url).announcement('match')).event;
  // Even if the log had it.
  log.announceUnder('never', ENUM, [...nonces]);
  await assert.rejects(client(log, served.url, { memory }).announcement('never'), NonceReusedError);
  const unproven = { unproven: true, publicKey: log.oracle.publicKey };
  await assert.rejects(client(log, served.url, { ...unproven, memory }).announcement('never'), NonceReusedError);
  // What was attested unproven is remembered too.
  const other = client(log, served.url, unproven);
  await other.attestation('match');
  await assert.rejects(other.announcement('never'), NonceReusedError);
  await client(log, served.url).announcement('never');
});

test('without an identity the first log that the server names is the one, and nobody is pinned', async (t) => {
  const log = logOf();
  const { url } = await log.serve(t);
  /** @type {ClientOptions[]} */
  const ways = [{ identity: TRUST_ON_FIRST_USE }, { publicKey: log.oracle.publicKey }, { publicKey: TRUST_ON_FIRST_USE }];
  for (const options of ways) {
    const reader = new OracleClient(url, { retries: 0, ...options });
    assert.equal(reader.isPinned, false);
    assert.equal((await reader.attestation('match')).outcome.text, 'draw');
    assert.equal(await reader.identity(), log.identity);
  }
  const other = new FakeOracle().publicKey;
  await assert.rejects(new OracleClient(url, { publicKey: other }).attestation('match'), WrongKeyError);
  await assert.rejects(client(log, url, { publicKey: other }).attestation('match'), WrongKeyError);
  await assert.rejects(client(new FakeLog(log.oracle, { seed: 8 }), url).oracle(), WrongIdentityError);
  assert.throws(() => new OracleClient(url, /** @type {any} */ ({})), ArgumentError);
  assert.throws(() => new OracleClient(url, { identity: 'nobody' }), OracleError);
  assert.equal(client(log, url, { unproven: true }).isPinned, false);
});

test('the word of the server about its key pins nothing when the log is pinned', async (t) => {
  const log = logOf();
  const { url } = await log.serve(t);
  const reader = client(log, url);
  const honest = log.oracle;
  log.oracle = new FakeOracle();
  await reader.oracle();
  log.oracle = honest;
  assert.equal((await reader.attestation('match')).outcome.text, 'draw');
  log.oracle = new FakeOracle();
  await assert.rejects(reader.oracle(), WrongKeyError);
});

test("a contract's policy is the one that was announced", async (t) => {
  const log = logOf();
  const { url } = await log.serve(t);
  assert.equal((await client(log, url).policy('match', { expectedHash: log.policyHash.toUpperCase() })).hash, log.policyHash);
  await assert.rejects(client(log, url).policy('match', { expectedHash: '00'.repeat(32) }), HashError);
});

test('nothing that was proven is returned before it is remembered', async (t) => {
  const log = logOf();
  const { url } = await log.serve(t);
  const memory = new Memory({ append: () => Promise.reject(new Error('disk full')) });
  await assert.rejects(client(log, url, { memory }).attestation('match'), /disk full/);
});

test('a page in JSON in place of the oracle ends no wait for what is proven', async (t) => {
  const log = logOf();
  /** @type {{[page: string]: unknown}} */
  const pages = { object: {}, error: { status: 'error', message: 'log in' }, list: [], text: 'no', nothing: null, format: { format: 'peercoin' } };
  for (const [name, page] of Object.entries(pages)) {
    let isThere = true;
    const { url } = await log.serve(t, { change: (bundle) => (isThere ? /** @type {BundleJson} */ ({ toJSON: () => page }) : bundle) });
    await assert.rejects(client(log, url).wait('match', { timeoutMs: 20 }), (error) => error instanceof TransportError && error.code === 'foreign', name);
    const waiting = client(log, url).wait('match', { timeoutMs: 60_000 });
    setTimeout(() => (isThere = false), 20);
    assert.equal((await waiting).outcome.text, 'draw', name);
  }
  // Of the first use the identity is asked for too.
  let isPortal = true;
  const info = log.info;
  Object.defineProperty(log, 'info', { get: () => (isPortal ? { login: true } : info) });
  const { url } = await log.serve(t);
  const waiting = client(log, url, { identity: TRUST_ON_FIRST_USE }).wait('match', { timeoutMs: 60_000 });
  setTimeout(() => (isPortal = false), 20);
  assert.equal((await waiting).outcome.text, 'draw');
});
