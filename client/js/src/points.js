/**
 * The participant's mathematics: what an attestation's signatures will be, seen
 * from the announcement.
 *
 * For a nonce R, the oracle's key P and an outcome text m the signature's s has
 * the point `S = lift_x(R) + e·lift_x(P)` with `e = H_challenge(R ‖ P ‖
 * H_attestation(m))`. A contract is encrypted to S, or to the sum of the S of
 * the first digits, or of several oracles; the attestation is the key.
 *
 * Source: dlcspecs `Oracle.md`, `NumericOutcomeCompression.md`; BIP340.
 *
 * @module
 */
import { hexBytes } from './bytes.js';
import { INFINITY, liftX } from './curve.js';
import { PointsError } from './errors.js';
import { canSign, digitTexts, parseOutcome } from './event.js';
import { AdaptorSecret, OutcomePoint } from './outcome-point.js';
import { MAX_POINTS, rangePrefixes, requireInside } from './range.js';
import { attestationHash, challenge } from './tags.js';
import { requireVerifiedAnnouncement, requireVerifiedAttestation } from './verify.js';

/** @import { CurvePoint } from './curve.js' */
/** @import { Descriptor, DigitsDescriptor } from './event.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

/**
 * Which points of an event: `'all'` (every outcome of an enum event, every value
 * of every digit of a digit event); one outcome (an enum text, or the attested
 * integer); all numbers that begin with some digits, most significant first and
 * for a signed event after `+` or `-`; or all numbers of a range, both ends
 * included.
 *
 * @typedef {'all' | {readonly outcome: string | bigint} | {readonly prefix: readonly string[]} |
 *   {readonly range: readonly [start: bigint, end: bigint]}} Selection
 */

/**
 * What a point stands for. A `digit` is one value of one nonce: a summand, of no
 * use to a contract alone. A `prefix` covers the numbers from `first` to `last`.
 *
 * @typedef {{readonly kind: 'outcome', readonly text: string} |
 *   {readonly kind: 'digit', readonly index: number, readonly value: string} |
 *   {readonly kind: 'prefix', readonly values: readonly string[], readonly first: bigint, readonly last: bigint}
 * } Subject
 */

/**
 * A point, and its secret if that is what came true.
 *
 * @typedef {object} AdaptorPoint
 * @property {Subject} subject
 * @property {OutcomePoint} point
 * @property {AdaptorSecret | null} secret null before the attestation and for
 *   what did not happen
 */

/**
 * The selected points of an event, in ascending order of outcome.
 *
 * @param {VerifiedAnnouncement} announcement
 * @param {Selection} selection
 * @param {VerifiedAttestation | null} [attestation] once there is one, for the secrets
 * @returns {AdaptorPoint[]}
 * @throws {PointsError | import('./errors.js').VerifyError}
 */
export function adaptorPoints(announcement, selection, attestation = null) {
  return chosen(announcement, selection, attestation).map((one) => pointOf(announcement, one, attestation));
}

/** How long one piece of work takes before others have their turn, milliseconds. */
const TURN_MS = 8;

/**
 * The same as {@link adaptorPoints}, in turns: others of the event loop have theirs in
 * between, every few milliseconds, so that a page with thousands of outcomes stays alive.
 *
 * @param {VerifiedAnnouncement} announcement
 * @param {Selection} selection
 * @param {VerifiedAttestation | null} [attestation]
 * @param {{signal?: AbortSignal | undefined}} [options] the signal's reason ends it
 * @returns {Promise<AdaptorPoint[]>}
 * @throws {PointsError | import('./errors.js').VerifyError}
 */
export async function adaptorPointsLater(announcement, selection, attestation = null, options = {}) {
  const signal = options?.signal;
  signal?.throwIfAborted();
  /** @type {AdaptorPoint[]} */
  const points = [];
  let began = performance.now();
  for (const one of chosen(announcement, selection, attestation)) {
    if (performance.now() - began >= TURN_MS) {
      await new Promise((resolve) => void setTimeout(resolve));
      signal?.throwIfAborted();
      began = performance.now();
    }
    points.push(pointOf(announcement, one, attestation));
  }
  return points;
}

/**
 * @param {VerifiedAnnouncement} announcement
 * @param {Selection} selection
 * @param {VerifiedAttestation | null} attestation
 */
function chosen(announcement, selection, attestation) {
  if (attestation !== null) requireVerifiedAttestation(attestation, announcement);
  else requireVerifiedAnnouncement(announcement);
  return subjects(announcement.event.descriptor, selection);
}

/**
 * @param {VerifiedAnnouncement} announcement
 * @param {Selected} selected
 * @param {VerifiedAttestation | null} attestation
 * @returns {AdaptorPoint}
 */
function pointOf(announcement, { subject, at, values }, attestation) {
  return { subject, point: sumOf(announcement, at, values), secret: secretOf(attestation, at, values) };
}

/**
 * The point of every outcome that begins with these values: the sum of the
 * signature points of the first nonces.
 *
 * For a signed digit event the first value is `+` or `-`; for an enum event the
 * only value is the outcome.
 *
 * @param {VerifiedAnnouncement} announcement
 * @param {readonly string[]} values
 * @returns {OutcomePoint}
 */
export function prefixPoint(announcement, values) {
  requireVerifiedAnnouncement(announcement);
  requireSelection({ prefix: values });
  return sumOf(announcement, 0, values);
}

/**
 * The point of the signature that key and nonce make over an outcome text.
 *
 * @param {string} nonce R, x-only hex
 * @param {string} publicKey P, x-only hex
 * @param {string} text
 * @returns {OutcomePoint}
 * @throws {PointsError} `point`, `infinity`
 */
export function signaturePoint(nonce, publicKey, text) {
  const [R, P] = [liftX(nonce), liftX(publicKey)];
  const [r, p] = [hexBytes(nonce), hexBytes(publicKey)];
  if (!R || !P || !r || !p) throw new PointsError('point', 'nonce or key is no x-only point');
  return new OutcomePoint(R.add(P.multiplyUnsafe(challenge(r, p, attestationHash(text)))));
}

/** @typedef {{subject: Subject, at: number, values: readonly string[]}} Selected */

/** How a selection is written, for who wrote it otherwise. */
const SELECTIONS = "'all', {outcome: 'draw'}, {outcome: 254359n}, {prefix: ['0', '1']} or {range: [0n, 99n]}";

/**
 * Refuses what only looks like a selection: numbers where texts are signed, or several
 * selections in one.
 *
 * @param {unknown} selection
 */
function requireSelection(selection) {
  if (selection === 'all') return;
  const given = selection !== null && typeof selection === 'object' ? Object.entries(selection) : [];
  const [[key, value] = ['', null]] = given;
  if (given.length !== 1 || !['outcome', 'prefix', 'range'].includes(key)) {
    throw new PointsError('selection', `a selection is one of ${SELECTIONS}`);
  }
  if (key === 'outcome') {
    if (typeof value !== 'string' && typeof value !== 'bigint') throw new PointsError('selection', `outcome: is ${named(value)}; outcomes are texts, or bigints for digits`);
    return;
  }
  const kind = key === 'prefix' ? 'string' : 'bigint';
  if (!Array.isArray(value) || (key === 'range' && value.length !== 2)) {
    throw new PointsError('selection', key === 'prefix' ? 'prefix: is no array of digit texts' : 'range: is no pair of bigints');
  }
  const index = value.findIndex((item) => typeof item !== kind);
  if (index >= 0) throw new PointsError('selection', `${key}[${index}]: is ${named(value[index])}; write ${key === 'prefix' ? "['0', '1']" : '[0n, 99n]'}`);
}

/**
 * A selection that nobody else can change any more.
 *
 * @param {Selection} selection
 * @returns {Selection}
 * @throws {PointsError} `selection`
 */
export function ownSelection(selection) {
  requireSelection(selection);
  if (selection === 'all') return selection;
  if ('outcome' in selection) return Object.freeze({ outcome: selection.outcome });
  if ('prefix' in selection) return Object.freeze({ prefix: Object.freeze([...selection.prefix]) });
  /** @type {readonly [bigint, bigint]} */
  const range = [selection.range[0], selection.range[1]];
  Object.freeze(range);
  return Object.freeze({ range });
}

/**
 * How many points a selection has, without computing any.
 *
 * @param {Descriptor} descriptor
 * @param {Selection} selection
 */
export function countOf(descriptor, selection) {
  if (selection !== 'all' && !('range' in selection)) return 1;
  return subjects(descriptor, selection).length;
}

/** @param {unknown} value */
function named(value) {
  return typeof value === 'number' ? `the number ${value}` : value === null ? 'null' : `of type ${typeof value}`;
}

/**
 * @param {Descriptor} descriptor
 * @param {Selection} selection
 * @returns {Selected[]}
 */
function subjects(descriptor, selection) {
  requireSelection(selection);
  if (selection === 'all') return descriptor.kind === 'enum' ? enumSubjects(descriptor.outcomes) : digitSubjects(descriptor);
  if ('outcome' in selection) return [outcomeSubject(descriptor, selection.outcome)];
  if ('prefix' in selection) return [prefixSubject(descriptor, selection.prefix)];
  if (descriptor.kind === 'enum') throw new PointsError('kind', 'a range needs a digit event');
  const [start, end] = selection.range;
  return rangePrefixes(descriptor, start, end).map((values) => prefixSubject(descriptor, values));
}

/**
 * @param {readonly string[]} outcomes
 * @returns {Selected[]}
 */
function enumSubjects(outcomes) {
  return outcomes.map((text) => ({ subject: { kind: 'outcome', text }, at: 0, values: [text] }));
}

/**
 * @param {DigitsDescriptor} descriptor
 * @returns {Selected[]}
 */
function digitSubjects({ base, isSigned, nbDigits }) {
  const total = base * nbDigits + (isSigned ? 2 : 0);
  if (total > MAX_POINTS) throw new PointsError('too-many', `${total} points; at most ${MAX_POINTS} are computed at once`);
  const signs = isSigned ? [['+', '-']] : [];
  const digits = Array.from({ length: nbDigits }, () => Array.from({ length: base }, (_, digit) => String(digit)));
  return [...signs, ...digits].flatMap((values, index) =>
    values.map((value) => /** @type {Selected} */ ({ subject: { kind: 'digit', index, value }, at: index, values: [value] })),
  );
}

/**
 * @param {Descriptor} descriptor
 * @param {string | bigint} outcome
 * @returns {Selected}
 */
function outcomeSubject(descriptor, outcome) {
  if (descriptor.kind === 'enum') {
    const text = String(outcome);
    if (!descriptor.outcomes.includes(text)) throw new PointsError('outcome', `${JSON.stringify(text)} is not an outcome of the event`);
    return { subject: { kind: 'outcome', text }, at: 0, values: [text] };
  }
  if (typeof outcome === 'string' && !/^-?[0-9]+$/.test(outcome)) {
    throw new PointsError('outcome', `${JSON.stringify(outcome)} is not a decimal integer`);
  }
  const value = BigInt(outcome);
  requireInside(descriptor, value);
  return { subject: { kind: 'outcome', text: String(value) }, at: 0, values: digitTexts(descriptor, value) };
}

/**
 * @param {Descriptor} descriptor
 * @param {readonly string[]} values
 * @returns {Selected}
 */
function prefixSubject(descriptor, values) {
  requirePrefix(descriptor, values);
  const copy = Object.freeze([...values]);
  if (descriptor.kind === 'enum') return { subject: { kind: 'outcome', text: copy.join() }, at: 0, values: copy };
  const { first, last } = numbersOf(descriptor, copy);
  return { subject: { kind: 'prefix', values: copy, first, last }, at: 0, values: copy };
}

/**
 * @param {Descriptor} descriptor
 * @param {readonly string[]} values
 */
function requirePrefix(descriptor, values) {
  if (values.length === 0) throw new PointsError('empty', 'a prefix of nothing has no point');
  const most = descriptor.kind === 'enum' ? 1 : descriptor.nbDigits + (descriptor.isSigned ? 1 : 0);
  if (values.length > most) throw new PointsError('too-long', `${values.length} values; the event has ${most}`);
  for (const [index, value] of values.entries()) {
    if (!canSign(descriptor, index, value)) {
      throw new PointsError('value', `${JSON.stringify(value)} is not an outcome value of nonce ${index}`);
    }
  }
  // Nobody will ever know the secret of such a point.
  const isWhole = descriptor.kind === 'digits' && values.length === most;
  if (isWhole && values[0] === '-' && values.slice(1).every((digit) => digit === '0')) {
    throw new PointsError('negative-zero', 'zero is never signed -');
  }
}

/**
 * The numbers that begin with these values: the free digits all zero, and all at
 * their highest.
 *
 * @param {DigitsDescriptor} descriptor
 * @param {readonly string[]} values
 */
function numbersOf(descriptor, values) {
  const free = descriptor.nbDigits + (descriptor.isSigned ? 1 : 0) - values.length;
  /** @param {number} digit */
  const filled = (digit) => {
    const outcome = parseOutcome(descriptor, [...values, .../** @type {string[]} */ (Array(free).fill(String(digit)))]);
    // Where the free digits are zero, `-` states no number: these begin at −1.
    return outcome?.kind === 'digits' ? outcome.value : -1n;
  };
  const [far, near] = [filled(descriptor.base - 1), filled(0)];
  return far < near ? { first: far, last: near } : { first: near, last: far };
}

/** Points once computed, for every announcement still in use. @type {WeakMap<object, Map<string, CurvePoint>>} */
const computed = new WeakMap();
const MOST_KEPT = 4096;

/**
 * @param {VerifiedAnnouncement} announcement
 * @param {number} at first nonce
 * @param {readonly string[]} values
 * @returns {OutcomePoint}
 */
function sumOf(announcement, at, values) {
  const { oraclePublicKey, event } = announcement;
  if (at === 0) requirePrefix(event.descriptor, values);
  const kept = computed.get(announcement) ?? new Map();
  computed.set(announcement, kept);
  const points = values.map((value, i) => {
    const nonce = event.nonces[at + i] ?? '';
    const key = `${at + i} ${value}`;
    const known = kept.get(key);
    if (known) return known;
    const { point } = signaturePoint(nonce, oraclePublicKey, value);
    if (kept.size < MOST_KEPT) kept.set(key, point);
    return point;
  });
  return new OutcomePoint(points.reduce((total, point) => total.add(point), INFINITY));
}

/**
 * @param {VerifiedAttestation | null} attestation
 * @param {number} at
 * @param {readonly string[]} values
 * @returns {AdaptorSecret | null}
 */
function secretOf(attestation, at, values) {
  if (!attestation?.outcomes.slice(at, at + values.length).every((text, i) => text === values[i])) return null;
  return AdaptorSecret.ofSignatures(attestation.signatures.slice(at, at + values.length));
}
