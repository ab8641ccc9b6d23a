import assert from 'node:assert/strict';
import { test } from 'node:test';

import { schnorr } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';

import * as api from '../src/index.js';
import { FakeOracle } from './oracle.js';

const { ArgumentError, OracleError, PointsError, VerifyError, adaptorPoints, decodeAnnouncement, verifyAnnouncement, verifyAttestation } = api;

const oracle = new FakeOracle();
const digits = oracle.announce('d', { kind: 'digits', base: 2, isSigned: false, unit: '', precision: 0, nbDigits: 3 });
const announcement = verifyAnnouncement(digits);
const attested = oracle.attest('d', ['0', '0', '1']);
const attestation = verifyAttestation(attested, announcement);

const JUNK = [undefined, null, true, 7, 7n, NaN, '', 'zz', '\ud800', {}, [], [null], [7], () => 7, Symbol('s'), new Date(NaN), new Uint8Array(), new ArrayBuffer(3), new Map(), { kind: 'digits' }, { outcome: 7 }, { range: [0, 1] }, { event: {} }];

/** @param {() => unknown} call @param {string} name */
async function typed(call, name) {
  try {
    await call();
  } catch (error) {
    assert.ok(error instanceof OracleError, `${name}: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

test('whatever an exported function is given, what it throws is an error of this package', async () => {
  const functions = Object.entries(api).filter(([, value]) => typeof value === 'function' && !/^class /.test(String(value)));
  assert.ok(functions.length > 40);
  for (const [name, run] of functions) {
    for (const junk of JUNK) {
      const call = /** @type {(...args: unknown[]) => unknown} */ (run);
      await typed(() => call(junk), name);
      await typed(() => call(junk, junk), name);
      await typed(() => call(junk, junk, junk, junk), name);
      await typed(() => call(announcement, junk, junk), name);
      await typed(() => call(digits.event.descriptor, junk, junk), name);
      await typed(() => call(new Uint8Array(40), junk, junk, junk), name);
    }
  }
});

test('so it is with classes', async () => {
  const { secret, point } = /** @type {import('../src/index.js').AdaptorPoint} */ (adaptorPoints(announcement, { outcome: 1n }, attestation)[0]);
  const signature = new api.AdaptorSignature(point.point, 1n);
  const client = new api.OracleClient('http://127.0.0.1:1', { identity: api.TRUST_ON_FIRST_USE, retries: 0 });
  /** @type {any} */
  const any = api;
  for (const junk of /** @type {any[]} */ (JUNK)) {
    for (const name of ['Memory', 'Witnesses', 'OutcomePoint', 'AdaptorSecret']) await typed(() => new any[name](junk), name);
    for (const [name, method] of [['OutcomePoint', 'fromHex'], ['OutcomePoint', 'sum'], ['AdaptorSecret', 'fromHex'], ['AdaptorSecret', 'sum'], ['AdaptorSecret', 'ofSignatures'], ['AdaptorSignature', 'fromHex'], ['NonceProof', 'fromBytes'], ['NonceProof', 'fromHex']]) {
      await typed(() => any[String(name)][String(method)](junk), `${name}.${method}`);
    }
    await typed(() => signature.verify(junk, junk, point), 'verify');
    await typed(() => signature.verify('', '', junk), 'verify');
    await typed(() => signature.adapt(junk, junk, junk), 'adapt');
    if (secret) await typed(() => signature.adapt(secret, junk, junk), 'adapt');
    await typed(() => signature.extract(junk, point), 'extract');
    await typed(() => signature.toCoinlib(junk), 'toCoinlib');
    assert.equal(point.equals(junk), false);
    await typed(() => new api.OracleClient(junk, { identity: api.TRUST_ON_FIRST_USE }), 'url');
    await typed(() => new api.OracleClient('http://127.0.0.1', junk), 'options');
    for (const option of ['identity', 'publicKey', 'witnesses', 'memory', 'fetch', 'timeoutMs', 'retries', 'maxBytes']) {
      await typed(() => new api.OracleClient('http://127.0.0.1', /** @type {any} */ ({ identity: api.TRUST_ON_FIRST_USE, [option]: junk })), option);
    }
    if (typeof junk === 'string' && junk === 'zz') continue;
    for (const method of ['event', 'proven', 'announcement', 'attestation', 'wait', 'policy', 'evidence', 'evidenceBody', 'manifest', 'proofs']) {
      await typed(() => /** @type {any} */ (client)[method](junk), method);
    }
  }
});

test('the error names the argument', () => {
  /** @type {[() => unknown, string][]} */
  const cases = [
    [() => api.encodeAnnouncement(/** @type {any} */ ({ ...digits, event: { ...digits.event, nonces: 'ab' } })), 'announcement: event nonces is no array'],
    [() => api.digitTexts(/** @type {any} */ (digits.event.descriptor), /** @type {any} */ (7)), 'value: is no bigint'],
    [() => api.verifyInclusion(new Uint8Array(), 1.5, [], { origin: '', size: 1n, root: '00'.repeat(32) }), 'position: is no whole number'],
    [() => api.jointPoints(/** @type {any} */ ([{}])), 'parts: [0] announcement is no object'],
    [() => api.verifyBundle(/** @type {any} */ ({}), ''), 'bundle: is neither'],
  ];
  for (const [call, message] of cases) assert.throws(call, (error) => error instanceof ArgumentError && error.message.startsWith(message), message);
});

test('a selection is texts and bigints: numbers give no point without its secret', () => {
  assert.ok(adaptorPoints(announcement, { prefix: ['0', '0', '1'] }, attestation)[0]?.secret);
  for (const selection of [{ prefix: [0, 0, 1] }, { prefix: '001' }, { outcome: 1 }, { range: [0, 7] }, { range: [0n] }, { range: [0n, 1n, 2n] }, { outcome: 1n, prefix: ['0'] }, {}, null, 'some', 7]) {
    assert.throws(() => adaptorPoints(announcement, /** @type {any} */ (selection), attestation), (error) => error instanceof PointsError && error.code === 'selection', JSON.stringify(selection, (_, v) => (typeof v === 'bigint' ? `${v}n` : v)));
  }
  assert.throws(() => api.prefixPoint(announcement, /** @type {any} */ ([0, 0, 1])), PointsError);
});

test('a message is taken in every form in which it may be held', () => {
  const bytes = api.encodeAnnouncement(digits);
  const text = bytesToHex(bytes);
  const json = api.announcementToJson(digits);
  const forms = [bytes, Buffer.from(bytes), bytes.slice().buffer, text, text.toUpperCase(), ` ${text}\n`, Buffer.from(bytes).toString('base64'), JSON.stringify(json), json, utf8ToBytes(text), utf8ToBytes(Buffer.from(bytes).toString('base64'))];
  for (const form of forms) {
    assert.deepEqual(decodeAnnouncement(/** @type {any} */ (form)), digits);
    assert.deepEqual(verifyAnnouncement(/** @type {any} */ (form)), digits);
  }
  const other = api.encodeAttestation(attested);
  for (const form of [other, other.slice().buffer, bytesToHex(other), Buffer.from(other).toString('base64'), api.attestationToJson(attested), JSON.stringify(api.attestationToJson(attested)), attested]) {
    assert.deepEqual(verifyAttestation(/** @type {any} */ (form), announcement).outcome, { kind: 'digits', value: 1n, text: '1' });
  }
});

test('a message of the older dialect is refused as such', () => {
  const key = schnorr.utils.randomSecretKey();
  const oraclePublicKey = bytesToHex(schnorr.getPublicKey(key));
  const old = { signature: bytesToHex(schnorr.sign(sha256(api.encodeEvent(digits.event)), key)), oraclePublicKey, event: digits.event };
  assert.throws(() => verifyAnnouncement(old), (error) => error instanceof VerifyError && error.code === 'announcement-signature' && /older, untagged dialect/.test(error.message));
  assert.throws(() => verifyAnnouncement({ ...old, signature: digits.signature }), (error) => error instanceof VerifyError && !/older/.test(error.message));
  const { announcement: mine, attestation: theirs } = oracle.speakOld('m', ['a', 'b'], 'a');
  assert.throws(() => verifyAttestation(theirs, verifyAnnouncement(mine)), (error) => error instanceof VerifyError && error.code === 'signature' && /older, untagged dialect/.test(error.message));
});

test('thousands of points let others have their turn', async (t) => {
  const outcomes = Array.from({ length: 5000 }, (_, n) => `outcome ${n}`);
  const many = verifyAnnouncement(oracle.announce('many', { kind: 'enum', outcomes }));
  const signed = verifyAttestation(oracle.attest('many', ['outcome 77']), many);
  // In processor time: what else the machine does is not counted.
  let [longest, last, turns] = [0, process.cpuUsage(), 0];
  const beat = setInterval(() => {
    const { user, system } = process.cpuUsage(last);
    longest = Math.max(longest, (user + system) / 1000);
    last = process.cpuUsage();
    turns += 1;
  }, 1);
  const points = await api.adaptorPointsLater(many, 'all', signed);
  clearInterval(beat);
  t.diagnostic(`${turns} turns for others; the longest block was ${longest.toFixed(0)} ms of processor time`);
  assert.ok(longest < 200 && turns > 20, `${longest}, ${turns}`);
  assert.deepEqual(points.flatMap(({ secret }, n) => (secret ? [n] : [])), [77]);
  assert.deepEqual(points.slice(0, 3), adaptorPoints(many, 'all', signed).slice(0, 3));
  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error('enough')), 5);
  const again = verifyAnnouncement(oracle.announce('again', { kind: 'enum', outcomes }));
  await assert.rejects(api.adaptorPointsLater(again, 'all', null, { signal: stop.signal }), /enough/);
});
