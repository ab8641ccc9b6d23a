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
/** Bytes of the random multiple of a nonce in a batch. */
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

/** A BIP340 signature of 64 bytes over a message of 32. @typedef {{signature: Uint8Array, message: Uint8Array}} Signed */

/** Points, each with its scalar, of which the sum of multiples has to be the point at infinity. @typedef {readonly (readonly [CurvePoint, bigint])[]} Relation */

/**
 * Whether the sum of these multiples is the point at infinity.
 *
 * @param {Relation} relation
 * @returns {boolean}
 */
export function isZeroRelation(relation) {
  return isZeroSum(relation.map(([point]) => point), relation.map(([, scalar]) => reduced(scalar)));
}

/**
 * Whether all of these BIP340 signatures of one key hold, and a relation of points
 * beside them, which takes a fraction of the time of one after the other:
 * relation + Σ w·(s·G − R − e·P) is the point at infinity. Each nonce is multiplied
 * once, also where the relation has it; G and the key, which all share, too.
 *
 * Why that is enough: R is lifted to its even y, and what is on no point is refused,
 * as for one signature. So each equation s·G = R + e·P holds as it is, or is off by a
 * point D other than infinity; D = d·G, since the group has the prime order n. The
 * relation, whose weight is 1, is off by d₀·G. All of them together hold if
 * d₀ + Σ w·d = 0 (mod n).
 *
 * A signature's weight is w = c − k (mod n): c is how often its nonce is in the sum so
 * far, k how often it is from then on, 128 random bits that are drawn here, after all
 * equations are given and whatever the others are. So if some signatures are wrong, let
 * the last of them have the weight c − k. Signatures behind it have d = 0 and add
 * nothing, c and all before it do not depend on k, and d has an inverse: at most one
 * value of k makes the sum zero. Who made the signatures meets it once in 2^128 times at
 * most. If no signature is wrong but the relation is, the sum is d₀ ≠ 0.
 *
 * That k is drawn and not w is what spares half the work: k·R has half as many digits
 * as a multiple of full length, whatever the relation says of R.
 *
 * @param {readonly Signed[]} signed
 * @param {Uint8Array} publicKey x-only
 * @param {Relation} [relation]
 * @returns {boolean}
 */
export function verifySchnorrBatch(signed, publicKey, relation = []) {
  const key = liftX(bytesToHex(publicKey));
  if (key === null) return false;
  const random = randomBytes(WEIGHT * signed.length);
  /** How often each point is in the sum. @type {Map<CurvePoint, bigint>} */
  const times = new Map();
  const add = (/** @type {CurvePoint} */ point, /** @type {bigint} */ scalar) => times.set(point, (times.get(point) ?? 0n) + scalar);
  for (const [point, scalar] of relation) add(point, scalar);
  let [responses, challenges] = [0n, 0n];
  for (const [i, { signature, message }] of signed.entries()) {
    const nonce = signature.length === 64 ? liftX(bytesToHex(signature.subarray(0, 32))) : null;
    const s = bytesToNumber(signature.subarray(32));
    if (nonce === null || s >= ORDER) return false;
    const k = bytesToNumber(random.subarray(WEIGHT * i, WEIGHT * (i + 1)));
    const w = (times.get(nonce) ?? 0n) - k;
    times.set(nonce, k);
    responses += w * s;
    challenges += w * challengeOf(signature.subarray(0, 32), publicKey, message);
  }
  // Last, since a nonce may be one of these points too.
  add(GENERATOR, responses);
  add(key, -challenges);
  return isZeroRelation([...times]);
}

/** What `getRandomValues` fills at once at most. */
const RANDOM_AT_ONCE = 65_536;

/**
 * @param {number} length
 * @returns {Uint8Array} unpredictable
 */
function randomBytes(length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += RANDOM_AT_ONCE) {
    globalThis.crypto.getRandomValues(bytes.subarray(at, at + RANDOM_AT_ONCE));
  }
  return bytes;
}

/**
 * @param {bigint} scalar
 * @returns {bigint} from 0 to n − 1
 */
export function negated(scalar) {
  return reduced(-scalar);
}

/**
 * @param {bigint} scalar of any size and sign
 * @returns {bigint} from 0 to n − 1
 */
function reduced(scalar) {
  const rest = scalar % ORDER;
  return rest < 0n ? rest + ORDER : rest;
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
