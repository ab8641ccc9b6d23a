/**
 * secp256k1, as far as a participant needs it.
 *
 * Nothing here is secret from the one who computes it (points of public
 * messages; scalars that the oracle publishes), so variable-time
 * multiplication is fine; what is not is marked.
 *
 * @module
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';

import { bytesToHex, bytesToNumber, hexBytes } from './bytes.js';
import { Cache } from './cache.js';
import { evenY, isSumOf } from './secp.js';

/** @typedef {InstanceType<typeof secp256k1.Point>} CurvePoint */

/** The group order n. */
export const ORDER = secp256k1.Point.Fn.ORDER;
/** The generator G. */
export const GENERATOR = secp256k1.Point.BASE;
/** The point at infinity. */
export const INFINITY = secp256k1.Point.ZERO;

/** Lifted points by x: those of an announcement are needed again. @type {Cache<CurvePoint>} */
const lifted = new Cache(1024);
/** Keys that signatures were checked against. @type {Cache<{point: CurvePoint, uses: number}>} */
const keys = new Cache(16);
/** Bytes of a weight in a batch. */
const WEIGHT = 16;
/** A key that is used so often gets a table of multiples. */
const OFTEN = 8;

/**
 * `lift_x` of BIP340: the point of even y with this x coordinate.
 *
 * @param {string} xonly 32 bytes, hex
 * @returns {CurvePoint | null} null where x is on no point
 */
export function liftX(xonly) {
  const bytes = hexBytes(xonly);
  if (bytes?.length !== 32) return null;
  const known = lifted.get(xonly);
  if (known) return known;
  const x = bytesToNumber(bytes);
  const y = evenY(x);
  if (y === null) return null;
  const point = secp256k1.Point.fromAffine({ x, y });
  lifted.set(xonly, point);
  return point;
}

/**
 * A point from its SEC1 compressed form.
 *
 * @param {string} compressed 33 bytes, hex
 * @returns {CurvePoint | null}
 */
export function pointFromCompressed(compressed) {
  const bytes = hexBytes(compressed);
  if (bytes?.length !== 33) return null;
  try {
    return secp256k1.Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

/**
 * The BIP340 challenge `e = int(H(R ‖ P ‖ m)) mod n`.
 *
 * @param {Uint8Array} nonce R, x-only
 * @param {Uint8Array} publicKey P, x-only
 * @param {Uint8Array} message 32 bytes
 * @returns {bigint}
 */
export function challengeOf(nonce, publicKey, message) {
  return bytesToNumber(schnorr.utils.taggedHash('BIP0340/challenge', nonce, publicKey, message)) % ORDER;
}

/**
 * Whether a BIP340 signature holds.
 *
 * @param {Uint8Array} signature 64 bytes
 * @param {Uint8Array} message 32 bytes
 * @param {Uint8Array} publicKey x-only
 * @returns {boolean}
 */
export function verifySchnorr(signature, message, publicKey) {
  const key = signature.length === 64 ? keyOf(publicKey) : null;
  if (!key) return false;
  const [r, s] = [signature.subarray(0, 32), bytesToNumber(signature.subarray(32))];
  if (s >= ORDER) return false;
  const found = GENERATOR.multiplyUnsafe(s).subtract(key.multiplyUnsafe(challengeOf(r, publicKey, message)));
  if (found.is0()) return false;
  const { x, y } = found.toAffine();
  return y % 2n === 0n && x === bytesToNumber(r);
}

/**
 * Whether all of these BIP340 signatures of one key hold, which takes a fraction of
 * the time of one after the other: Σ w·s·G = Σ w·R + (Σ w·e)·P for weights w that
 * nobody could foresee. One that does not hold goes unnoticed once in 2^128 times.
 *
 * @param {readonly {signature: Uint8Array, message: Uint8Array}[]} signed
 * @param {Uint8Array} publicKey x-only
 * @returns {boolean}
 */
export function verifySchnorrBatch(signed, publicKey) {
  const key = keyOf(publicKey);
  const points = signed.map(({ signature }) => (signature.length === 64 ? liftX(bytesToHex(signature.subarray(0, 32))) : null));
  if (!key) return false;
  /** @type {{x: bigint, y: bigint}[]} */
  const nonces = [];
  for (const point of points) {
    if (!point) return false;
    nonces.push(point.toAffine());
  }
  const random = globalThis.crypto.getRandomValues(new Uint8Array(WEIGHT * signed.length));
  const weights = signed.map((_, i) => random.subarray(WEIGHT * i, WEIGHT * (i + 1)));
  let [scalar, challenges] = [0n, 0n];
  for (const [i, { signature, message }] of signed.entries()) {
    const [w, s] = [bytesToNumber(weights[i] ?? new Uint8Array()), bytesToNumber(signature.subarray(32))];
    if (s >= ORDER) return false;
    scalar += w * s;
    challenges += w * challengeOf(signature.subarray(0, 32), publicKey, message);
  }
  const due = GENERATOR.multiplyUnsafe(scalar % ORDER).subtract(key.multiplyUnsafe(challenges % ORDER));
  return isSumOf(nonces, weights, due.is0() ? null : due.toAffine());
}

/**
 * @param {Uint8Array} publicKey x-only
 * @returns {CurvePoint | null}
 */
function keyOf(publicKey) {
  const name = bytesToHex(publicKey);
  let known = keys.get(name);
  if (!known) {
    const point = liftX(name);
    if (!point) return null;
    known = { point, uses: 0 };
    keys.set(name, known);
  }
  known.uses += 1;
  if (known.uses === OFTEN) known.point.precompute(8, false);
  return known.point;
}

/**
 * The x coordinate of a point, hex.
 *
 * @param {CurvePoint} point
 * @returns {string}
 */
export function xonlyOf(point) {
  return bytesToHex(point.toBytes(true)).slice(2);
}
