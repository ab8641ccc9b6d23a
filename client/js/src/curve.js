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

/** @typedef {InstanceType<typeof secp256k1.Point>} CurvePoint */

/** The group order n. */
export const ORDER = secp256k1.Point.Fn.ORDER;
/** The generator G. */
export const GENERATOR = secp256k1.Point.BASE;
/** The point at infinity. */
export const INFINITY = secp256k1.Point.ZERO;

/**
 * `lift_x` of BIP340: the point of even y with this x coordinate.
 *
 * @param {string} xonly 32 bytes, hex
 * @returns {CurvePoint | null} null where x is on no point
 */
export function liftX(xonly) {
  const bytes = hexBytes(xonly);
  if (bytes?.length !== 32) return null;
  try {
    return schnorr.utils.lift_x(bytesToNumber(bytes));
  } catch {
    return null;
  }
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
 * Whether a BIP340 signature holds.
 *
 * @param {Uint8Array} signature 64 bytes
 * @param {Uint8Array} message 32 bytes
 * @param {Uint8Array} publicKey x-only
 * @returns {boolean}
 */
export function verifySchnorr(signature, message, publicKey) {
  return schnorr.verify(signature, message, publicKey);
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
