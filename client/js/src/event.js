/**
 * What an event is: its name, its maturity, the outcomes it can have.
 *
 * Source: dlcspecs `Messaging.md` and `Oracle.md`. Outcomes are texts and
 * `bigint`s, never numbers: above 2^53 a number loses its last digit.
 *
 * @module
 */
import { isNfc, isText, textToUtf8 } from './bytes.js';

/** Longest string read or written in a message, bytes. The wire allows more. */
export const MAX_STRING_BYTES = 4096;
/** Largest count that the wire's `u16` holds. */
export const MAX_ITEMS = 0xffff;

/**
 * One of a list of texts: non-empty, NFC, distinct, in announced order.
 *
 * @typedef {object} EnumDescriptor
 * @property {'enum'} kind
 * @property {readonly string[]} outcomes
 */

/**
 * A number, digit by digit, each signed under a nonce of its own.
 *
 * The value is `digits · base^precision` (not 10^precision); this oracle always
 * announces precision 0 and puts the decimal scale into the unit.
 *
 * @typedef {object} DigitsDescriptor
 * @property {'digits'} kind
 * @property {number} base at least 2
 * @property {boolean} isSigned whether the first nonce signs `+` or `-`
 * @property {string} unit free text, for example `uUSD/PPC`
 * @property {number} precision exponent of the base
 * @property {number} nbDigits the sign not counted
 */

/** @typedef {EnumDescriptor | DigitsDescriptor} Descriptor */

/**
 * @typedef {object} OracleEvent
 * @property {readonly string[]} nonces R values, x-only hex, one per signature in that order
 * @property {number} maturity when the outcome is fixed, Unix seconds
 * @property {Descriptor} descriptor what the outcome can be
 * @property {string} eventId unique per oracle for ever
 */

/**
 * What an oracle promises: the nonces under which it will sign an outcome.
 *
 * @typedef {object} Announcement
 * @property {string} signature BIP340 over the event TLV's hash, hex
 * @property {string} oraclePublicKey P, x-only hex
 * @property {OracleEvent} event
 */

/**
 * What an oracle says happened: one signature per nonce over one text each.
 *
 * @typedef {object} Attestation
 * @property {string | null} eventId null only in the old wire form that lacks it
 * @property {string} oraclePublicKey P, x-only hex
 * @property {readonly string[]} signatures hex; the first 32 bytes of each are its nonce
 * @property {readonly string[]} outcomes the texts signed, in nonce order
 */

/**
 * @typedef {object} EnumOutcome
 * @property {'enum'} kind
 * @property {string} text
 */

/**
 * @typedef {object} DigitsOutcome
 * @property {'digits'} kind
 * @property {bigint} value the attested integer
 * @property {string} text the same in decimal
 */

/** What happened, inside its descriptor. @typedef {EnumOutcome | DigitsOutcome} Outcome */

/**
 * Why a name is not an event id.
 *
 * @param {string} id
 * @returns {string | null} null where it is one
 */
export function eventIdProblem(id) {
  if (id === '') return 'is empty';
  return textProblem(id);
}

/**
 * Why a descriptor describes no event.
 *
 * @param {Descriptor} descriptor
 * @returns {string | null} null where it does
 */
export function descriptorProblem(descriptor) {
  if (descriptor.kind === 'digits') {
    const { base, isSigned, unit, nbDigits } = descriptor;
    if (base < 2) return `base is ${base}; it must be at least 2`;
    if (nbDigits < 1) return 'nb_digits is 0; it must be at least 1';
    if (isSigned && nbDigits === MAX_ITEMS) return 'needs more nonces than an event can list';
    const problem = textProblem(unit);
    return problem && `unit ${problem}`;
  }
  const { outcomes } = descriptor;
  if (outcomes.length === 0) return 'has no outcomes';
  if (outcomes.length > MAX_ITEMS) return `has more than ${MAX_ITEMS} outcomes`;
  /** @type {Set<string>} */
  const seen = new Set();
  for (const [index, outcome] of outcomes.entries()) {
    const problem = outcome === '' ? 'is empty' : textProblem(outcome);
    if (problem) return `outcome ${index} ${problem}`;
    if (seen.has(outcome)) return `outcome ${JSON.stringify(outcome)} occurs twice`;
    seen.add(outcome);
  }
  return null;
}

/** @param {string} text */
function textProblem(text) {
  if (!isText(text)) return 'has a lone surrogate';
  if (textToUtf8(text).length > MAX_STRING_BYTES) return `is longer than ${MAX_STRING_BYTES} bytes`;
  return isNfc(text) ? null : 'is not in Unicode normalisation form C';
}

/**
 * Nonces that an announcement of this event carries: 1 for an enum event, one
 * per digit (and one for the sign) for a digit event.
 *
 * @param {Descriptor} descriptor
 */
export function nonceCount(descriptor) {
  return descriptor.kind === 'enum' ? 1 : descriptor.nbDigits + (descriptor.isSigned ? 1 : 0);
}

/**
 * Whether the nonce at `index` can sign this text.
 *
 * @param {Descriptor} descriptor
 * @param {number} index
 * @param {string} value
 */
export function canSign(descriptor, index, value) {
  if (descriptor.kind === 'enum') return index === 0 && descriptor.outcomes.includes(value);
  if (descriptor.isSigned && index === 0) return value === '+' || value === '-';
  return isDigit(descriptor.base, value);
}

/**
 * Only the canonical decimal text of a digit is one: base 16 digit fifteen is
 * `15`, and neither `015` nor `f`.
 *
 * @param {number} base
 * @param {string} value
 */
function isDigit(base, value) {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(value) && Number(value) < base;
}

/**
 * The largest number that the digits can hold: `base^nbDigits − 1`.
 *
 * @param {DigitsDescriptor} descriptor
 * @returns {bigint}
 */
export function maxValue(descriptor) {
  return BigInt(descriptor.base) ** BigInt(descriptor.nbDigits) - 1n;
}

/**
 * The texts that state a number, one per nonce, most significant digit first,
 * the sign before them where there is one. Above the maximum the maximum is
 * stated; below the minimum −maximum if signed, else 0 (dlcspecs `Oracle.md`).
 *
 * @param {DigitsDescriptor} descriptor
 * @param {bigint} value
 * @returns {string[]}
 */
export function digitTexts(descriptor, value) {
  const negative = value < 0n;
  const magnitude = !negative ? value : descriptor.isSigned ? -value : 0n;
  const max = maxValue(descriptor);
  const texts = placesOf(magnitude < max ? magnitude : max, descriptor.base, descriptor.nbDigits);
  return descriptor.isSigned ? [negative ? '-' : '+', ...texts] : texts;
}

/**
 * A number that fits as so many digits, most significant first.
 *
 * @param {bigint} value
 * @param {number} base
 * @param {number} count
 * @returns {string[]}
 */
export function placesOf(value, base, count) {
  const radix = BigInt(base);
  /** @type {string[]} */
  const places = new Array(count);
  let rest = value;
  for (let i = count - 1; i >= 0; i -= 1) {
    places[i] = String(rest % radix);
    rest /= radix;
  }
  return places;
}

/**
 * The outcome that a list of signed texts states. Exact: only one list of texts
 * states an outcome.
 *
 * @param {Descriptor} descriptor
 * @param {readonly string[]} texts
 * @returns {Readonly<Outcome> | null} null where they are no outcome of the event
 */
export function parseOutcome(descriptor, texts) {
  if (texts.length !== nonceCount(descriptor)) return null;
  if (!texts.every((text, index) => canSign(descriptor, index, text))) return null;
  if (descriptor.kind === 'enum') return Object.freeze({ kind: 'enum', text: texts.join() });
  const digits = descriptor.isSigned ? texts.slice(1) : texts;
  const radix = BigInt(descriptor.base);
  const magnitude = digits.reduce((sum, digit) => sum * radix + BigInt(digit), 0n);
  const negative = descriptor.isSigned && texts[0] === '-';
  // Zero is signed `+`.
  if (negative && magnitude === 0n) return null;
  const value = negative ? -magnitude : magnitude;
  return Object.freeze({ kind: 'digits', value, text: String(value) });
}
