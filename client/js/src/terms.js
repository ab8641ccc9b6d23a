/**
 * What two parties agree on, in copies of the contract's own: whatever happens to the
 * lists and dates that were handed over, what was negotiated stays what it was.
 *
 * @module
 */
import { big, demand, hash, listOf, object, shaped } from './arguments.js';
import { millisecondsOf, refundLocktime } from './coinlib.js';
import { ContractError } from './errors.js';
import { countOf, ownSelection } from './points.js';
import { MAX_POINTS } from './range.js';
import { requireVerifiedAnnouncement } from './verify.js';

/** @import { Offer, Terms } from './contract.js' */
/** @import { Coin } from './transaction.js' */

/** @param {unknown} value */
function pairOfUnits(value) {
  return Array.isArray(value) && value.length === 2 && value.every((units) => typeof units === 'bigint') ? null : 'is no pair of bigints';
}

/** @param {unknown} value */
function timeGiven(value) {
  return typeof value === 'string' || value instanceof Date ? null : 'is neither a text nor a Date';
}

/**
 * A copy that nobody else can change: what was negotiated stays what it was.
 *
 * @param {Terms} terms
 * @returns {Terms}
 */
export function ownTerms(terms) {
  const { announcement, attestBy, stakes, payouts } = terms ?? {};
  demand('terms', terms, shaped({ announcement: object, attestBy: timeGiven, stakes: pairOfUnits, payouts: listOf(shaped({ first: big })) }));
  requireVerifiedAnnouncement(announcement);
  // A Date can be set, frozen or not; one that is none is refused here.
  refundLocktime(attestBy);
  const own = payouts.map(({ when, first }) => Object.freeze({ when: ownSelection(when), first }));
  /** @type {readonly [bigint, bigint]} */
  const pair = [stakes[0], stakes[1]];
  Object.freeze(pair);
  return Object.freeze({
    announcement,
    attestBy: new Date(millisecondsOf(attestBy)).toISOString(),
    stakes: pair,
    payouts: Object.freeze(own),
  });
}

/**
 * @param {readonly [Offer, Offer]} offers
 * @returns {readonly [Offer, Offer]}
 */
export function ownOffers(offers) {
  demand('offers', offers, listOf(shaped({ coin: object })));
  if (offers.length !== 2) throw new ContractError('count', `${offers.length} offers; a contract has two parties`);
  /** @param {Offer} offer @returns {Offer} */
  const own = ({ key, payout, coin }) => Object.freeze({ key: bytesOf('key', key), payout: bytesOf('coin', payout), coin: ownCoin(coin) });
  return [own(offers[0]), own(offers[1])];
}

/** @param {Coin} coin @returns {Coin} */
export function ownCoin(coin) {
  demand('coin', coin, shaped({ txid: hash, index: outputIndex, amount: big }));
  // One coin has one spelling: in another case it would pass for another coin.
  return Object.freeze({ txid: coin.txid.toLowerCase(), index: coin.index, amount: coin.amount, script: bytesOf('coin', coin.script) });
}

/** @param {unknown} value */
function outputIndex(value) {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff_ffff ? null : 'is no index of an output';
}

/** @param {'key' | 'coin'} code @param {Uint8Array} bytes */
function bytesOf(code, bytes) {
  if (!(bytes instanceof Uint8Array)) throw new ContractError(code, 'a key or a script is no Uint8Array');
  return Uint8Array.from(bytes);
}

/** Copies of what is bytes, nothing for what is not. @param {readonly Uint8Array[]} list @returns {readonly Uint8Array[]} */
export function ownBytes(list) {
  return Object.freeze(Array.from(list, (bytes) => (bytes instanceof Uint8Array ? Uint8Array.from(bytes) : new Uint8Array())));
}

/** Plain objects and arrays, to their last part. @param {unknown} value */
export function freeze(value) {
  const isPlain = Array.isArray(value) || (value !== null && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype);
  if (!isPlain) return;
  Object.values(/** @type {object} */ (value)).forEach(freeze);
  Object.freeze(value);
}

/**
 * Refuses more transactions than two parties can sign, before any is made.
 *
 * @param {Terms} terms
 */
export function requireFew({ announcement: { event }, payouts }) {
  const tooMany = () => new ContractError('payout', `payouts: they need more than ${MAX_POINTS} transactions; pay in larger steps`);
  if (payouts.length > MAX_POINTS) throw tooMany();
  let count = 0;
  for (const { when } of payouts) {
    count += countOf(event.descriptor, when);
    if (count > MAX_POINTS) throw tooMany();
  }
}
