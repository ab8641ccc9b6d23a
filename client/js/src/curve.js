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
import { evenY, isZeroSum } from './secp.js';

/** @typedef {InstanceType<typeof secp256k1.Point>} CurvePoint */

/** The group order n. */
export const ORDER = secp256k1.Point.Fn.ORDER;
/** The generator G. */
export const GENERATOR = secp256k1.Point.BASE;
/** The point at infinity. */
export const INFINITY = secp256k1.Point.ZERO;

/** Lifted points by x: those of an announcement are needed again. @type {Cache<CurvePoint>} */
const lifted = new Cache(1024);
/** Bytes of a weight in a batch. */
const WEIGHT = 16;

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
  if (signature.length !== 64) return false;
  // Of the points with this x the one of even y, as BIP340 demands.
  const [key, nonce] = [liftX(bytesToHex(publicKey)), liftX(bytesToHex(signature.subarray(0, 32)))];
  const s = bytesToNumber(signature.subarray(32));
  if (key === null || nonce === null || s >= ORDER) return false;
  const e = challengeOf(signature.subarray(0, 32), publicKey, message);
  return isZeroSum([GENERATOR, key, nonce], [s, negated(e), ORDER - 1n]);
}

/**
 * Whether all of these BIP340 signatures of one key hold, which takes a fraction of
 * the time of one after the other: Σ w·s·G = Σ w·R + (Σ w·e)·P, by one sum of
 * multiples of the nonces; the key, which they share, is multiplied once.
 *
 * Why that is enough: R is lifted to its even y, and what is on no point is refused,
 * as for one signature. So each equation s·G = R + e·P holds as it is, or is off by a
 * point D other than infinity; D = d·G, since the group has the prime order n. All of
 * them together hold if Σ w·d = 0 (mod n). The weights are 128 random bits each, drawn
 * here, after all signatures are given: whatever the others are, at most one value of
 * the weight of a signature with d ≠ 0 makes the sum zero, for weights are below n and
 * d has an inverse. So a wrong one goes unnoticed once in 2^128 times at most.
 *
 * @param {readonly {signature: Uint8Array, message: Uint8Array}[]} signed
 * @param {Uint8Array} publicKey x-only
 * @returns {boolean}
 */
export function verifySchnorrBatch(signed, publicKey) {
  const key = liftX(bytesToHex(publicKey));
  if (key === null) return false;
  const random = globalThis.crypto.getRandomValues(new Uint8Array(WEIGHT * signed.length));
  /** @type {CurvePoint[]} */
  const nonces = [];
  /** @type {bigint[]} */
  const weights = [];
  let [scalar, challenges] = [0n, 0n];
  for (const [i, { signature, message }] of signed.entries()) {
    const nonce = signature.length === 64 ? liftX(bytesToHex(signature.subarray(0, 32))) : null;
    const s = bytesToNumber(signature.subarray(32));
    if (nonce === null || s >= ORDER) return false;
    const w = bytesToNumber(random.subarray(WEIGHT * i, WEIGHT * (i + 1)));
    nonces.push(nonce);
    weights.push(w);
    scalar += w * s;
    challenges += w * challengeOf(signature.subarray(0, 32), publicKey, message);
  }
  return isZeroSum([GENERATOR, key, ...nonces], [negated(scalar), challenges % ORDER, ...weights]);
}

/**
 * @param {bigint} scalar
 * @returns {bigint} from 0 to n − 1
 */
export function negated(scalar) {
  return (ORDER - (scalar % ORDER)) % ORDER;
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
