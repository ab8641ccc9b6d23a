import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';

import { Together } from '../src/claims.js';
import { isZeroRelation, liftX, verifySchnorrBatch } from '../src/curve.js';
import { BundleError, encodeAnnouncement, encodeAttestation, verifyAnnouncement, verifyBundle } from '../src/index.js';
import { requireVerifiedAnnouncement, verifyReadAnnouncement } from '../src/verify.js';
import { FakeLog } from './log.js';
import { FakeOracle } from './oracle.js';

/** @import { Announcement, Descriptor } from '../src/index.js' */
/** @import { BundleJson } from './log.js' */

const N = secp256k1.Point.Fn.ORDER;
const G = secp256k1.Point.BASE;
/** @type {Descriptor} */
const DIGITS = { kind: 'digits', base: 2, isSigned: false, unit: '', precision: 0, nbDigits: 20 };
const TEXTS = [...'01101001100101101001'];
const oracle = new FakeOracle();

/** The same with another s or z, its last 32 bytes. @param {Uint8Array} bytes @param {bigint} by */
function shifted(bytes, by = 0n) {
  const at = bytes.length - 32;
  const s = (((BigInt(`0x${bytesToHex(bytes.subarray(at))}`) + by) % N) + N) % N;
  return concatBytes(bytes.subarray(0, at), hexToBytes(s.toString(16).padStart(64, '0')));
}

/** @param {string} hex @param {bigint} [by] */
const shiftedHex = (hex, by) => bytesToHex(shifted(hexToBytes(hex), by));

/** The challenge of a proof of nonces. @param {Announcement} announcement @param {Uint8Array} proof */
function challenge(announcement, proof) {
  const digest = sha256(encodeAnnouncement(announcement));
  const key = hexToBytes(announcement.oraclePublicKey);
  return BigInt(`0x${bytesToHex(schnorr.utils.taggedHash('peercoin-dlc-oracle/nonce-proof/v1', proof.subarray(0, 32), key, digest))}`) % N;
}

/**
 * By how much each equation of a bundle is off.
 *
 * @typedef {object} Off
 * @property {bigint} [genesis]
 * @property {bigint} [announcement]
 * @property {bigint | ((c: bigint) => bigint)} [proof]
 * @property {Record<number, bigint>} [signatures]
 */

let events = 0;

/**
 * An event in a log of its own, of which everything holds but what is off.
 *
 * @param {Off} off
 * @param {{isProven?: boolean}} [options]
 */
function bundleOf(off, { isProven = true } = {}) {
  const [log, id] = [new FakeLog(oracle), `event ${(events += 1)}`];
  log.entries[0] = shifted(log.entries[0] ?? new Uint8Array(), off.genesis);
  const honest = oracle.announce(id, DIGITS);
  const announcement = { ...honest, signature: shiftedHex(honest.signature, off.announcement) };
  log.positions.set(id, { announcement: 1 });
  log.entries.push(concatBytes(Uint8Array.of(1, 1), hexToBytes(log.policyHash), encodeAnnouncement(announcement)));
  if (isProven) {
    const proof = oracle.prove(announcement);
    const by = typeof off.proof === 'function' ? off.proof(challenge(announcement, proof)) : off.proof;
    log.prove(announcement, { bytes: shifted(proof, by) });
  }
  const attested = oracle.attest(id, TEXTS);
  const signatures = attested.signatures.map((hex, i) => shiftedHex(hex, off.signatures?.[i]));
  const start = concatBytes(Uint8Array.of(1, 2), hexToBytes('1'.padStart(16, '0')), new Uint8Array(32));
  log.positions.set(id, { ...log.positions.get(id), announcement: 1, attestation: log.entries.length });
  log.entries.push(concatBytes(start, encodeAttestation({ ...attested, signatures })));
  return { bundle: log.bundle(id), identity: log.identity };
}

/** @param {{bundle: BundleJson, identity: string}} of @param {string} code @param {RegExp} [message] */
function refused({ bundle, identity }, code, message = /./) {
  // Twice: what was refused has left nothing behind.
  for (const _ of [1, 2]) {
    assert.throws(() => verifyBundle(JSON.stringify(bundle), identity), (error) => {
      assert.ok(error instanceof BundleError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, message);
      return true;
    });
  }
}

describe('in the sum of all equations of a bundle', () => {
  test('nothing is refused where each of them holds', () => {
    for (const isProven of [true, false]) {
      const { bundle, identity } = bundleOf({}, { isProven });
      const { announcement, attestation, nonceProof } = verifyBundle(JSON.stringify(bundle), identity);
      requireVerifiedAnnouncement(announcement);
      assert.equal(attestation?.outcome.text, '432489');
      assert.equal(nonceProof !== null, isProven);
    }
  });

  test('one that is wrong is refused under its own name', () => {
    for (const by of [1n, -1n, N / 2n]) {
      refused(bundleOf({ genesis: by }), 'entry', /did not sign the genesis/);
      refused(bundleOf({ announcement: by }), 'announcement-signature');
      refused(bundleOf({ proof: by }), 'nonce-proof');
      for (const index of [0, 7, 19]) refused(bundleOf({ signatures: { [index]: by } }), 'signature', new RegExp(`signature ${index} `));
      refused(bundleOf({ signatures: { 19: by } }, { isProven: false }), 'signature', /signature 19 /);
    }
  });

  test('those that would cancel out if the weights were equal, or known, are refused', () => {
    const by = 5n;
    refused(bundleOf({ signatures: { 3: by, 17: -by } }), 'signature', /signature 3 /);
    refused(bundleOf({ signatures: { 0: by, 1: by, 2: -2n * by } }), 'signature', /signature 0 /);
    refused(bundleOf({ genesis: by, announcement: -by }), 'entry', /did not sign the genesis/);
    refused(bundleOf({ announcement: by, signatures: { 4: -by } }), 'announcement-signature');
    // In the sum the proof has −z: the same shift of z and of an s cancels.
    refused(bundleOf({ announcement: by, proof: by }), 'announcement-signature');
    refused(bundleOf({ proof: by, signatures: { 0: by } }), 'nonce-proof');
    // A weight is a power of the challenge less what is drawn, which nobody knows: not 0, and not 1.
    for (const drawn of [0n, 1n]) {
      refused(bundleOf({ proof: (c) => by * (c - drawn), signatures: { 0: by } }), 'nonce-proof');
      refused(bundleOf({ proof: (c) => by * (c ** 3n - drawn), signatures: { 2: by } }), 'nonce-proof');
    }
  });

  test('the first that is wrong is named, as if each were checked where it stands', () => {
    const policy = (/** @type {{bundle: BundleJson, identity: string}} */ { bundle, identity }) => ({ bundle: { ...bundle, policy: '{}' }, identity });
    refused(policy(bundleOf({})), 'policy');
    refused(policy(bundleOf({ genesis: 1n, signatures: { 1: 1n } })), 'entry');
    refused(policy(bundleOf({ announcement: 1n, proof: 1n })), 'announcement-signature');
    refused(policy(bundleOf({ proof: 1n, signatures: { 1: 1n } })), 'nonce-proof');
    refused(policy(bundleOf({ signatures: { 1: 1n } })), 'signature');
  });

  test('each nonce is there as often as 16 bytes say that are drawn for this sum', (t) => {
    const { bundle, identity } = bundleOf({});
    /** @type {string[]} */
    const draws = [];
    const draw = globalThis.crypto.getRandomValues.bind(globalThis.crypto);
    t.mock.method(globalThis.crypto, 'getRandomValues', (/** @type {Uint8Array<ArrayBuffer>} */ bytes) => {
      draws.push(bytesToHex(draw(bytes)));
      return bytes;
    });
    for (const _ of [1, 2]) verifyBundle(JSON.stringify(bundle), identity);
    // The genesis, the announcement and 20 digits; the second time the genesis is known.
    assert.deepEqual(draws.map((hex) => hex.length / 32), [22, 21]);
    const each = draws.flatMap((hex) => hex.match(/.{32}/g) ?? []);
    assert.equal(new Set(each).size, 43);
  });
});

describe('what is claimed together', () => {
  const secret = schnorr.utils.randomSecretKey();
  const key = schnorr.getPublicKey(secret);
  const messages = Array.from({ length: 5 }, (_, i) => new Uint8Array(32).fill(i));
  const signed = messages.map((message) => ({ message, signature: schnorr.sign(message, secret) }));

  test('is kept only if all of it holds', () => {
    for (const [claims, due] of /** @type {const} */ ([[signed, true], [signed.map((one, i) => ({ ...one, message: messages[i ^ 1] ?? key })), false]])) {
      const together = new Together();
      let kept = 0;
      together.whenHeld(() => (kept += 1));
      assert.equal(together.signatures(claims, key), true);
      assert.equal(kept, 0);
      assert.equal(together.hold(), due);
      assert.equal(kept, due ? 1 : 0);
    }
  });

  test('has one relation and one key: of a second one it is known at once whether it holds', () => {
    const together = new Together();
    assert.equal(together.relation([[G, 1n]]), true);
    assert.equal(together.relation([[G, -1n]]), false, 'which would cancel the first');
    assert.equal(together.hold(), false);
    const other = new Together();
    assert.equal(other.signatures(signed.slice(0, 1), key), true);
    const [strange] = [schnorr.getPublicKey(schnorr.utils.randomSecretKey())];
    assert.equal(other.signatures(signed, strange), false);
    assert.equal(other.hold(), true);
    assert.equal(new Together().hold(), true);
  });

  test('an announcement is not verified before its claim is known to hold', () => {
    const announcement = verifyAnnouncement(oracle.announce('claimed', DIGITS));
    const copy = { ...announcement, signature: shiftedHex(announcement.signature, 1n) };
    const together = new Together();
    const claimed = verifyReadAnnouncement(/** @type {Announcement} */ (copy), together);
    assert.equal(together.hold(), false);
    assert.throws(() => requireVerifiedAnnouncement(claimed), /did not come out/);
  });

  test('a relation may have any points: those of signatures, the key, G, and one twice', () => {
    const [nonce] = signed.map(({ signature }) => liftX(bytesToHex(signature.subarray(0, 32))));
    const point = liftX(bytesToHex(key));
    assert.ok(nonce && point);
    const points = [nonce, point, G, nonce, nonce.negate(), G.double()];
    const scalars = points.map((_, i) => N / BigInt(i + 2));
    const sum = points.reduce((total, at, i) => total.add(at.multiplyUnsafe(scalars[i] ?? 0n)), secp256k1.Point.ZERO);
    /** @type {[typeof G, bigint][]} */
    const relation = [...points.map((at, i) => /** @type {[typeof G, bigint]} */ ([at, scalars[i] ?? 0n])), [sum, -1n]];
    assert.ok(isZeroRelation(relation));
    assert.ok(verifySchnorrBatch(signed, key, relation));
    assert.ok(!verifySchnorrBatch(signed, key, relation.slice(1)));
    assert.ok(!verifySchnorrBatch(signed, key, [...relation, [G, 1n]]));
    // What a signature is off by, the relation cannot know how to take back.
    const [first, ...rest] = signed;
    assert.ok(first);
    const wrong = { ...first, signature: shifted(first.signature, 1n) };
    for (const weight of [1n, -1n]) assert.ok(!verifySchnorrBatch([wrong, ...rest], key, [...relation, [G, weight]]));
  });

  test('a signature whose nonce is G or the key is counted like any other', () => {
    // R = P: s = x + e·x, for the secret x of even y.
    const at = G.multiply(BigInt(`0x${bytesToHex(secret)}`)).toAffine();
    const x = at.y % 2n === 0n ? BigInt(`0x${bytesToHex(secret)}`) : N - BigInt(`0x${bytesToHex(secret)}`);
    const made = (/** @type {Uint8Array} */ r, /** @type {bigint} */ k) => {
      const message = new Uint8Array(32).fill(9);
      const e = BigInt(`0x${bytesToHex(schnorr.utils.taggedHash('BIP0340/challenge', r, key, message))}`) % N;
      return { message, signature: concatBytes(r, hexToBytes(((k + e * x) % N).toString(16).padStart(64, '0'))) };
    };
    const odd = [made(key, x), made(G.toBytes(true).subarray(1), 1n)];
    for (const one of odd) assert.ok(schnorr.verify(one.signature, one.message, key));
    assert.ok(verifySchnorrBatch([...signed, ...odd], key, [[G, 3n], [G, -3n]]));
    for (const one of odd) assert.ok(!verifySchnorrBatch([...signed, { ...one, signature: shifted(one.signature, 1n) }], key));
  });
});
