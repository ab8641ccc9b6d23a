/**
 * Ed25519 by its strict rules: one signature has one spelling, and no weak key
 * signs.
 *
 * Source: RFC 8032; as `verify_strict` of the Rust crate `ed25519-dalek`.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';

import { bytesToHex, concatBytes, sameBytes } from './bytes.js';
import { Cache } from './cache.js';

/** @typedef {InstanceType<typeof ed25519.Point>} EdwardsPoint */

const { Point } = ed25519;
const { ORDER } = Point.Fn;
/** Keys that are used so often get a table of multiples. */
const OFTEN = 3;
/** A log has one key; some witnesses beside it. @type {Cache<{point: EdwardsPoint, uses: number}>} */
const keys = new Cache(32);

/**
 * Whether 32 bytes are a key that can sign: a point, and not of small order.
 *
 * @param {Uint8Array} key
 */
export function isEd25519Key(key) {
  return pointOf(key) !== null;
}

/**
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @param {Uint8Array} key
 */
export function ed25519Holds(signature, message, key) {
  const point = signature.length === 64 ? pointOf(key) : null;
  if (!point) return false;
  const [r, s] = [signature.subarray(0, 32), littleEndian(signature.subarray(32))];
  if (s >= ORDER) return false;
  const k = littleEndian(sha512(concatBytes(r, key, message))) % ORDER;
  // R is computed and its one encoding compared; the cofactor does not help.
  const found = Point.BASE.multiplyUnsafe(s).subtract(point.multiplyUnsafe(k));
  return sameBytes(found.toBytes(), r) && !found.isSmallOrder();
}

/**
 * @param {Uint8Array} key
 * @returns {EdwardsPoint | null}
 */
function pointOf(key) {
  const name = bytesToHex(key);
  let known = keys.get(name);
  if (!known) {
    let point;
    try {
      point = Point.fromBytes(key);
    } catch {
      return null;
    }
    if (point.isSmallOrder()) return null;
    known = { point, uses: 0 };
    keys.set(name, known);
  }
  known.uses += 1;
  if (known.uses === OFTEN) known.point.precompute(6, false);
  return known.point;
}

/** @param {Uint8Array} bytes */
function littleEndian(bytes) {
  return BigInt(`0x${bytesToHex(Uint8Array.from(bytes).reverse())}`);
}
