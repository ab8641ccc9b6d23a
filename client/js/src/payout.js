/**
 * A payout curve over an event's number, as ranges of equal payout: what a contract
 * about a number needs a transaction for.
 *
 * All in integers, as `oracle_client::payout` computes it in Rust: payouts in units of
 * the coin, numbers as the oracle attests them.
 *
 * @module
 */
import { cutDescriptor, demand, listOf } from './arguments.js';
import { ArgumentError } from './errors.js';
import { maxValue } from './event.js';
import { MAX_BITS, MAX_POINTS } from './range.js';

/** @import { DigitsDescriptor } from './event.js' */

/** All numbers from `range[0]` to `range[1]` pay one of the parties so much. @typedef {{range: [bigint, bigint], payout: bigint}} Piece */

/**
 * Straight lines through corners (number, payout), flat before the first and after the
 * last, rounded to the nearest multiple of `step`, halves upwards. At most 65,536 corners,
 * and as many pieces: a contract has a transaction for each, at least.
 *
 * @param {DigitsDescriptor} descriptor
 * @param {readonly (readonly [number: bigint, payout: bigint])[]} corners in ascending order
 * @param {bigint} step
 * @returns {Piece[]} every number once, in ascending order
 * @throws {ArgumentError} that names `descriptor`, `corners` or `step`: for more pieces
 *   than a contract can have, take a larger `step`
 */
export function linearPayouts(descriptor, corners, step) {
  demand('descriptor', descriptor, cutDescriptor);
  const max = descriptor.nbDigits <= MAX_BITS ? maxValue(descriptor) : 1n << MAX_BITS;
  if (max >> MAX_BITS !== 0n) throw new ArgumentError('descriptor', `its digits hold more than ${MAX_BITS} bits`);
  demand('corners', corners, listOf((corner) => (Array.isArray(corner) && corner.length === 2 && corner.every((x) => typeof x === 'bigint') ? null : 'is no pair of bigints')));
  if (corners.length > MAX_POINTS) throw new ArgumentError('corners', `are ${corners.length}; at most ${MAX_POINTS} make a curve`);
  const min = descriptor.isSigned ? -max : 0n;
  const [first, last] = [corners[0], corners.at(-1)];
  if (typeof step !== 'bigint' || step <= 0n) throw new ArgumentError('step', 'is no bigint above zero');
  if (!first || !last) throw new ArgumentError('corners', 'are none');
  if (corners.some(([x, y]) => x < min || x > max || y < 0n)) throw new ArgumentError('corners', 'lie outside of what the event can attest, or below zero');
  /** @type {Piece[]} */
  const pieces = [];
  /** @param {bigint} start @param {bigint} end @param {bigint} payout */
  const push = (start, end, payout) => {
    const before = pieces.at(-1);
    if (start > end) return;
    if (before?.payout === payout) before.range[1] = end;
    else if (pieces.length === MAX_POINTS) throw new ArgumentError('step', `makes more than ${MAX_POINTS} ranges of equal payout; take a larger one`);
    else pieces.push({ range: [start, end], payout });
  };
  push(min, first[0] - 1n, rounded(first[1], 1n, step));
  for (const [i, to] of corners.entries()) {
    const from = corners[i - 1];
    if (!from) continue;
    if (from[0] >= to[0]) throw new ArgumentError('corners', 'do not ascend');
    const width = to[0] - from[0];
    const at = (/** @type {bigint} */ x) => rounded(from[1] * width + (to[1] - from[1]) * (x - from[0]), width, step);
    for (let start = from[0]; start < to[0]; ) {
      // Along a line the payout changes in one direction: where it changes next is found by halves.
      let [same, other] = [start, to[0]];
      while (other - same > 1n) {
        const middle = (same + other) / 2n;
        if (at(middle) === at(start)) same = middle;
        else other = middle;
      }
      push(start, same, at(start));
      start = same + 1n;
    }
  }
  push(last[0], max, rounded(last[1], 1n, step));
  return pieces;
}

/** The nearest multiple of `step` to a fraction. @param {bigint} top @param {bigint} bottom @param {bigint} step */
function rounded(top, bottom, step) {
  return ((2n * top + bottom * step) / (2n * bottom * step)) * step;
}
