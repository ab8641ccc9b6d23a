import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

import { liftX, verifySchnorr, verifySchnorrBatch } from '../src/curve.js';
import { ed25519Holds, isEd25519Key } from '../src/ed25519.js';
import { VerifyError, verifyAnnouncement, verifyAttestation } from '../src/index.js';
import { evenY, isSumOf } from '../src/secp.js';
import { FakeOracle } from './oracle.js';

const { Point } = secp256k1;
const N = Point.Fn.ORDER;
const P = Point.Fp.ORDER;

/** @param {bigint} value @param {number} bytes */
const bigEndian = (value, bytes) => hexToBytes(value.toString(16).padStart(2 * bytes, '0'));
const random = () => BigInt(`0x${bytesToHex(crypto.getRandomValues(new Uint8Array(32)))}`);

test('square roots are those of @noble/curves, and where there is none there is none', () => {
  let none = 0;
  for (const x of [0n, 1n, 5n, P - 1n, P, P + 1n, ...Array.from({ length: 200 }, random)]) {
    let due = null;
    try {
      due = schnorr.utils.lift_x(x).y;
    } catch {
      none += 1;
    }
    assert.equal(evenY(x), due, x.toString(16));
  }
  assert.ok(none > 50, 'half of all x are on no point');
});

test('sums of multiples are those of @noble/curves, whatever points and weights', () => {
  const points = Array.from({ length: 12 }, () => Point.BASE.multiply((random() % (N - 1n)) + 1n));
  const [a = Point.BASE, b = Point.BASE] = points;
  const most = 2n ** 128n - 1n;
  const few = [0n, 1n, 2n, 3n, 4n, 5n, 7n, 8n, most, most - 1n, 1n << 127n, 0xaaaaaaaaaaaaaaaan];
  /** @type {[typeof points, bigint[]][]} */
  const cases = [
    [points, few],
    [points, points.map(() => random() >> 128n)],
    // The same point, its opposite, and the multiples that sums run into.
    [[a, a], [5n, 5n]],
    [[a, a.negate()], [7n, 7n]],
    [[a, a.negate()], [most, most]],
    [[a, a.double(), a.multiply(3n)], [3n, 1n, 1n]],
    [[a, a.double().negate()], [2n, 1n]],
    [[a, a.multiply(3n).negate(), b], [3n, 1n, 0n]],
    [[], []],
    ...few.map((weight) => /** @type {[typeof points, bigint[]]} */ ([[a], [weight]])),
  ];
  for (const [terms, weights] of cases) {
    const due = terms.reduce((sum, point, i) => sum.add(point.multiplyUnsafe(weights[i] ?? 0n)), Point.ZERO);
    const holds = (/** @type {typeof a} */ expected) =>
      isSumOf(terms.map((point) => point.toAffine()), weights.map((w) => bigEndian(w, 16)), expected.is0() ? null : expected.toAffine());
    assert.equal(holds(due), true, weights.join());
    for (const other of [due.add(Point.BASE), due.negate().add(b), Point.ZERO]) {
      if (!other.equals(due)) assert.equal(holds(other), false, weights.join());
    }
  }
});

test('signatures hold where they do for @noble/curves, alone and many at once', () => {
  const secret = schnorr.utils.randomSecretKey();
  const key = schnorr.getPublicKey(secret);
  const signed = Array.from({ length: 10 }, (_, i) => {
    const message = bigEndian(BigInt(i), 32);
    return { message, signature: schnorr.sign(message, secret) };
  });
  assert.ok(signed.every(({ message, signature }) => verifySchnorr(signature, message, key)));
  assert.ok(verifySchnorrBatch(signed, key));
  assert.ok(!verifySchnorrBatch(signed, schnorr.getPublicKey(schnorr.utils.randomSecretKey())));
  const [good = { message: key, signature: key }, other = good] = signed;
  const [r, s] = [good.signature.subarray(0, 32), good.signature.subarray(32)];
  const bad = [
    { ...good, message: other.message },
    ...[0, 31, 32, 63].map((at) => ({ ...good, signature: good.signature.map((byte, i) => (i === at ? byte ^ 1 : byte)) })),
    // The same s and r beyond their ranges, nothing, and the point at infinity.
    { ...good, signature: Uint8Array.of(...r, ...bigEndian(N, 32)) },
    { ...good, signature: Uint8Array.of(...r, ...bigEndian(2n ** 256n - 1n, 32)) },
    { ...good, signature: Uint8Array.of(...bigEndian(P, 32), ...s) },
    { ...good, signature: new Uint8Array(64) },
    { ...good, signature: good.signature.subarray(1) },
    { ...good, signature: Uint8Array.of(...r, ...bigEndian(N - BigInt(`0x${bytesToHex(s)}`), 32)) },
  ];
  for (const [n, one] of bad.entries()) {
    assert.equal(verifySchnorr(one.signature, one.message, key), false, `${n}`);
    assert.equal(verifySchnorrBatch([...signed, one], key), false, `${n}`);
  }
  // Two that are wrong by opposite amounts cancel out in a sum without weights.
  const shifted = (/** @type {typeof good} */ { message, signature }, /** @type {bigint} */ by) => {
    const sum = (BigInt(`0x${bytesToHex(signature.subarray(32))}`) + by + N) % N;
    return { message, signature: Uint8Array.of(...signature.subarray(0, 32), ...bigEndian(sum, 32)) };
  };
  assert.equal(verifySchnorrBatch([shifted(good, 1n), shifted(other, -1n), ...signed.slice(2)], key), false);
  assert.equal(verifySchnorr(good.signature, good.message, bigEndian(5n, 32)), false, 'no point');
  assert.equal(liftX('ff'.repeat(32)), null);
});

test('one wrong digit of many is named', () => {
  const oracle = new FakeOracle();
  const announcement = verifyAnnouncement(oracle.announce('d', { kind: 'digits', base: 2, isSigned: false, unit: '', precision: 0, nbDigits: 12 }));
  const attestation = oracle.attest('d', [...'010101010101']);
  verifyAttestation(attestation, announcement);
  for (const index of [0, 5, 11]) {
    const signatures = attestation.signatures.map((hex, i) => (i === index ? `${hex.slice(0, -1)}${hex.endsWith('0') ? 1 : 0}` : hex));
    assert.throws(
      () => verifyAttestation({ ...attestation, signatures }, announcement),
      (error) => error instanceof VerifyError && error.code === 'signature' && error.message.startsWith(`signature ${index} `),
    );
  }
});

test('Ed25519 is strict: one spelling of a signature, and no weak key', () => {
  const secret = new Uint8Array(32).fill(3);
  const key = ed25519.getPublicKey(secret);
  const message = Uint8Array.of(1, 2, 3);
  const signature = ed25519.sign(message, secret);
  // Also once the key has a table.
  for (let i = 0; i < 5; i += 1) assert.equal(ed25519Holds(signature, message, key), true);
  for (let bit = 0; bit < 512; bit += 7) {
    const spoilt = Uint8Array.from(signature);
    spoilt[bit >> 3] = Number(spoilt[bit >> 3]) ^ (1 << (bit & 7));
    assert.equal(ed25519Holds(spoilt, message, key), false, `bit ${bit}`);
  }
  // The same s again, one order further on.
  const s = BigInt(`0x${bytesToHex(signature.slice(32).reverse())}`) + ed25519.Point.Fn.ORDER;
  assert.equal(ed25519Holds(Uint8Array.of(...signature.subarray(0, 32), ...bigEndian(s, 32).reverse()), message, key), false);
  assert.equal(ed25519Holds(signature.subarray(1), message, key), false);
  assert.equal(ed25519Holds(signature, Uint8Array.of(1, 2), key), false);
  // Points of order 1, 2, 4 and 8, and what is no point.
  for (const weak of ['01'.padEnd(64, '0'), 'ec'.padEnd(62, 'f').concat('7f'), '00'.repeat(32), 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a', '02'.repeat(32)]) {
    assert.equal(isEd25519Key(hexToBytes(weak)), false, weak);
  }
});
