import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ed25519 } from '@noble/curves/ed25519.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

import { liftX, verifySchnorr, verifySchnorrBatch } from '../src/curve.js';
import { ed25519Holds, isEd25519Key } from '../src/ed25519.js';
import { SETTLED, combine, element, elementOf, isZero, mul, plus, product, settle, square, squared, take, valueOf } from '../src/field.js';
import { VerifyError, verifyAnnouncement, verifyAttestation } from '../src/index.js';
import { evenY, halves, isZeroSum } from '../src/secp.js';
import { FakeOracle } from './oracle.js';

const { Point } = secp256k1;
const N = Point.Fn.ORDER;
const P = Point.Fp.ORDER;

/** @param {bigint} value @param {number} bytes */
const bigEndian = (value, bytes) => hexToBytes(value.toString(16).padStart(2 * bytes, '0'));
const random = () => BigInt(`0x${bytesToHex(crypto.getRandomValues(new Uint8Array(32)))}`);

test('field elements are what bigints are, at the edges too, and products stay settled', () => {
  const edges = [0n, 1n, 2n, 977n, 2n ** 24n - 1n, 2n ** 32n + 976n, 2n ** 240n, 2n ** 255n, P / 2n, P / 2n + 1n, P - 2n ** 32n, P - 977n, P - 1n];
  const values = [...edges, ...Array.from({ length: 60 }, () => random() % P)];
  const out = element();
  const holds = (/** @type {bigint} */ due, /** @type {string} */ what) => {
    assert.equal(valueOf(out), ((due % P) + P) % P, what);
    assert.ok(out.subarray(0, 11).every((limb, i) => Number.isInteger(limb) && Math.abs(limb) <= (i === 0 ? 2 ** 24 : SETTLED)), what);
    assert.ok(Math.abs(out[10] ?? 0) < 2 ** 15 + 64, what);
  };
  for (const a of values) {
    for (const b of values) {
      const [x, y] = [elementOf(a), elementOf(b)];
      mul(out, x, y);
      holds(a * b, 'product');
      combine(out, x, 1, y, -1);
      assert.equal(isZero(out), a === b);
      // What formulas multiply at most: a sum of two times a sum of two.
      combine(x, x, 1, y, 1);
      combine(y, y, 2, y, 0);
      mul(out, x, y);
      holds((a + b) * 2n * b, 'product of sums');
      square(out, x);
      holds((a + b) ** 2n, 'square of a sum');
      combine(out, x, 8, y, -8);
      settle(out);
      holds(8n * (a - b), 'many at once');
    }
  }
  // The largest limbs that there may be, of either sign: 2^53 is not reached.
  const largest = (/** @type {number} */ times) => {
    const out = element().fill(times * SETTLED);
    [out[0], out[10]] = [times * 2 ** 24, times * 2 ** 15];
    return out;
  };
  for (const [k, l] of /** @type {const} */ ([[2, 2], [2, -2], [5, 1], [-5, 1], [-1, -5]])) {
    const [x, y, z] = [largest(k), largest(l), largest(1)];
    const [a, b, c] = [valueOf(x), valueOf(y), valueOf(z)];
    mul(out, x, y);
    holds(a * b, 'largest');
    for (const many of [-8, -1, 1, 8]) {
      product(out, x, y);
      plus(out, z, many);
      plus(out, z, many);
      take(out);
      holds(a * b + BigInt(2 * many) * c, 'largest, and more');
    }
    square(out, largest(2));
    holds(4n * c * c, 'largest squared');
    squared(out, z);
    plus(out, z, -8);
    take(out);
    holds(c * c - 8n * c, 'largest squared, and more');
  }
});

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

test('sums of multiples are those of @noble/curves, whatever points and scalars', () => {
  const points = Array.from({ length: 16 }, () => Point.BASE.multiply((random() % (N - 1n)) + 1n));
  const [a = Point.BASE, b = Point.BASE] = points;
  const most = 2n ** 128n - 1n;
  const few = [0n, 1n, 2n, 3n, 4n, 5n, 7n, 8n, most, most - 1n, most + 1n, 1n << 127n, 0xaaaaaaaaaaaaaaaan, N / 2n, N - 2n, N - 1n];
  /** @type {[typeof points, bigint[]][]} */
  const cases = [
    [points, few],
    [points, points.map(() => random() >> 128n)],
    [points, points.map(() => random() % N)],
    // The same point, its opposite, and the multiples that sums run into.
    [[a, a], [5n, 5n]],
    [[a, a.negate()], [7n, 7n]],
    [[a, a.negate()], [most, most]],
    [[a, a.double(), a.multiply(3n)], [3n, 1n, 1n]],
    [[a, a.double().negate()], [2n, 1n]],
    [[a, a.multiply(3n).negate(), b], [3n, 1n, 0n]],
    [[], []],
    ...few.map((scalar) => /** @type {[typeof points, bigint[]]} */ ([[a], [scalar]])),
  ];
  for (const [terms, scalars] of cases) {
    const sum = terms.reduce((total, point, i) => total.add(point.multiplyUnsafe(scalars[i] ?? 0n)), Point.ZERO);
    const holds = (/** @type {typeof a} */ due) =>
      due.is0() ? isZeroSum(terms, scalars) : isZeroSum([...terms, due], [...scalars, N - 1n]);
    assert.equal(holds(sum), true, scalars.join());
    for (const other of [sum.add(Point.BASE), sum.negate().add(b), Point.ZERO]) {
      if (!other.equals(sum)) assert.equal(holds(other), false, scalars.join());
    }
  }
});

test('a scalar is cut into two of half its length', () => {
  const lambda = 0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72n;
  for (const k of [0n, 1n, 2n ** 128n - 1n, 2n ** 128n, N / 2n, N - lambda, lambda, N - 1n, ...Array.from({ length: 500 }, () => random() % N)]) {
    const [u, v] = halves(k);
    assert.equal((((u + v * lambda) % N) + N) % N, k);
    for (const half of [u, v]) assert.ok((half < 0n ? -half : half) < 2n ** 128n, k.toString(16));
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
  // More weights than browsers draw at once.
  assert.ok(verifySchnorrBatch(Array.from({ length: 4200 }, () => good), key));
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

test('many at once hold exactly if each of them does', () => {
  const secret = schnorr.utils.randomSecretKey();
  const key = schnorr.getPublicKey(secret);
  const spoil = [
    (/** @type {Uint8Array} */ s) => s,
    (/** @type {Uint8Array} */ s) => s.map((byte, i) => (i === 63 ? byte ^ 1 : byte)),
    (/** @type {Uint8Array} */ s) => Uint8Array.of(...s.subarray(0, 32), ...bigEndian(N - BigInt(`0x${bytesToHex(s.subarray(32))}`), 32)),
    (/** @type {Uint8Array} */ s) => Uint8Array.of(...Point.BASE.toBytes(true).subarray(1), ...s.subarray(32)),
  ];
  for (let round = 0; round < 60; round += 1) {
    const dice = crypto.getRandomValues(new Uint8Array(12));
    const signed = Array.from(dice.subarray(0, 2 + (Number(dice[11]) % 10)), (die, i) => {
      const message = bigEndian(BigInt(round * 100 + i), 32);
      const signature = schnorr.sign(message, secret);
      // One in sixteen is spoilt, so about half of the batches hold.
      return { message, signature: (spoil[die < 240 ? 0 : 1 + (die % 3)] ?? spoil[0])?.(signature) ?? signature };
    });
    const due = signed.every(({ message, signature }) => schnorr.verify(signature, message, key));
    assert.equal(signed.every(({ message, signature }) => verifySchnorr(signature, message, key)), due);
    assert.equal(verifySchnorrBatch(signed, key), due);
  }
});

test('one wrong digit of many is named, wherever it is, and so are two that cancel out', () => {
  const oracle = new FakeOracle();
  const announcement = verifyAnnouncement(oracle.announce('d', { kind: 'digits', base: 2, isSigned: false, unit: '', precision: 0, nbDigits: 20 }));
  const attestation = oracle.attest('d', [...'01010101010101010101']);
  verifyAttestation(attestation, announcement);
  /** @param {Record<number, bigint>} off */
  const shifted = (off) =>
    attestation.signatures.map((hex, i) => {
      const s = (BigInt(`0x${hex.slice(64)}`) + (off[i] ?? 0n) + N) % N;
      return hex.slice(0, 64) + s.toString(16).padStart(64, '0');
    });
  /** @param {Record<number, bigint>} off @param {number} index */
  const refused = (off, index) =>
    assert.throws(
      () => verifyAttestation({ ...attestation, signatures: shifted(off) }, announcement),
      (error) => error instanceof VerifyError && error.code === 'signature' && error.message.startsWith(`signature ${index} `),
    );
  for (let index = 0; index < 20; index += 1) refused({ [index]: 1n }, index);
  // With weights of 1 these sums would be what they should be.
  refused({ 3: 5n, 17: -5n }, 3);
  refused({ 0: 1n, 1: 1n, 2: -2n }, 0);
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
