/**
 * A numeric range as the few digit prefixes that cover it.
 *
 * Source: dlcspecs `NumericOutcomeCompression.md`.
 *
 * @module
 */
import { PointsError } from './errors.js';
import { maxValue, placesOf } from './event.js';

/** @import { DigitsDescriptor } from './event.js' */

/** Widest number that is grouped, bits; the other implementations stop there. */
export const MAX_BITS = 127n;
/** Most prefixes that one call makes. */
export const MAX_POINTS = 65_536;

/**
 * The fewest digit prefixes that cover exactly the values from `start` to `end`,
 * both included, in ascending order of the values they cover.
 *
 * A prefix is most significant digit first; the digits it leaves out are free.
 * It has at least one digit: a prefix of none would need no attestation, so the
 * range of all values is one prefix per first digit.
 *
 * @param {number} base at least 2
 * @param {number} nbDigits
 * @param {bigint} start
 * @param {bigint} end
 * @returns {string[][]}
 * @throws {PointsError} `base`, `digits`, `backwards`, `above`, `too-many`
 */
export function groupRange(base, nbDigits, start, end) {
  if (!Number.isInteger(base) || base < 2 || base > 0xffff) {
    throw new PointsError('base', `base is ${base}; it must be from 2 to 65535`);
  }
  if (!Number.isInteger(nbDigits) || nbDigits < 1 || nbDigits > MAX_BITS) throw tooWide(base, nbDigits);
  const radix = BigInt(base);
  const count = radix ** BigInt(nbDigits);
  if (count > 1n << MAX_BITS) throw tooWide(base, nbDigits);
  if (start < 0n || start > end) throw new PointsError('backwards', `range starts at ${start}, ends at ${end}`);
  if (end >= count) throw new PointsError('above', `range ends at ${end}; the digits hold at most ${count - 1n}`);
  /** @type {string[][]} */
  const prefixes = [];
  for (let next = start; next <= end; ) {
    // The largest aligned block that begins here and does not pass the end.
    let free = 0;
    let width = 1n;
    while (free + 1 < nbDigits && next % (width * radix) === 0n && next + width * radix - 1n <= end) {
      free += 1;
      width *= radix;
    }
    if (prefixes.length === MAX_POINTS) throw new PointsError('too-many', `more than ${MAX_POINTS} prefixes`);
    prefixes.push(placesOf(next / width, base, nbDigits - free));
    next += width;
  }
  return prefixes;
}

/**
 * The fewest prefixes that cover exactly the numbers from `start` to `end`, both
 * included, in ascending order: the texts of the first nonces, with the sign
 * first where there is one.
 *
 * @param {DigitsDescriptor} descriptor
 * @param {bigint} start
 * @param {bigint} end
 * @returns {string[][]}
 * @throws {PointsError} `outside` for numbers that the event would clamp
 */
export function rangePrefixes(descriptor, start, end) {
  if (start > end) throw new PointsError('backwards', `range starts at ${start}, after its end ${end}`);
  for (const bound of [start, end]) requireInside(descriptor, bound);
  const { base, nbDigits, isSigned } = descriptor;
  if (!isSigned) return groupRange(base, nbDigits, start, end);
  /** @type {string[][]} */
  let prefixes = [];
  if (start < 0n) {
    // Negative numbers ascend as their magnitudes descend.
    const nearest = end < -1n ? -end : 1n;
    prefixes = groupRange(base, nbDigits, nearest, -start).reverse().map((digits) => ['-', ...digits]);
  }
  if (end >= 0n) {
    const positive = groupRange(base, nbDigits, start > 0n ? start : 0n, end);
    prefixes.push(...positive.map((digits) => ['+', ...digits]));
  }
  return prefixes;
}

/**
 * Refuses a number that the event cannot state: the point of the clamped number
 * would be that of another outcome.
 *
 * @param {DigitsDescriptor} descriptor
 * @param {bigint} value
 */
export function requireInside(descriptor, value) {
  const max = maxValue(descriptor);
  if (value > max || value < (descriptor.isSigned ? -max : 0n)) {
    throw new PointsError('outside', `${value} is outside what the event can attest`);
  }
}

/**
 * @param {number} base
 * @param {number} nbDigits
 */
function tooWide(base, nbDigits) {
  return new PointsError('digits', `${nbDigits} digits of base ${base} are not between 1 digit and ${MAX_BITS} bits`);
}
