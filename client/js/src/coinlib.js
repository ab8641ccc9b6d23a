/**
 * What Peercoin's coinlib takes from an oracle, under its own names.
 *
 * coinlib's `DLCTerms.outcomes` maps an x-only adaptor point to a `CETOutcome`
 * (outputs and a locktime); it knows neither digits nor attestations. From an
 * event this module makes the points and locktimes before it, and the scalar
 * for `SchnorrAdaptorSignature.adapt` after it.
 *
 * Two things to get right: coinlib reads an x-only point as the one with an
 * even y, so the scalar is that of the *sum*, negated if the sum has an odd y;
 * and a CET must not be locked for longer than until the oracle speaks, nor be
 * of another locktime type than the refund, nor come after it.
 *
 * @module
 */
import { CoinlibError } from './errors.js';
import { requireVerifiedAnnouncement } from './verify.js';

/** @import { JointPoint } from './joint.js' */
/** @import { AdaptorSecret } from './outcome-point.js' */
/** @import { AdaptorPoint, Subject } from './points.js' */
/** @import { VerifiedAnnouncement } from './verify.js' */

/** Locktimes below are block heights, from here on they are timestamps (consensus). */
export const TIME_THRESHOLD = 500_000_000;
const MAX_LOCKTIME = 0xffff_ffff;

/**
 * One entry of coinlib's `DLCTerms.outcomes`, without the outputs, which are the
 * participants' matter.
 *
 * @typedef {object} CetOutcome
 * @property {string} xonly the key of the entry, hex
 * @property {readonly Subject[]} subjects what it stands for, at each oracle
 * @property {number} locktime for `CETOutcome.locktime`
 * @property {AdaptorSecret | null} adaptorScalar for
 *   `SchnorrAdaptorSignature.adapt`, once this came true: the secret of the
 *   even-y point
 */

/**
 * The entries by x-only point, in the order in which coinlib serialises them.
 *
 * @param {readonly (AdaptorPoint | JointPoint)[]} points
 * @param {number} locktime of every CET: {@link revealLocktime}, or earlier
 * @returns {CetOutcome[]}
 * @throws {CoinlibError} `summand`, `shared-point`, `not-a-timestamp`
 */
export function coinlibOutcomes(points, locktime) {
  requireLocktime(locktime);
  /** @type {Map<string, CetOutcome>} */
  const entries = new Map();
  for (const entry of points) {
    const subjects = 'subjects' in entry ? entry.subjects : [entry.subject];
    if (subjects.some(({ kind }) => kind === 'digit')) {
      throw new CoinlibError('summand', 'a single digit is a summand; choose outcomes, prefixes or a range');
    }
    const { xonly } = entry.point;
    if (entries.has(xonly)) throw new CoinlibError('shared-point', `two outcomes share the point ${xonly}`);
    entries.set(xonly, { xonly, subjects, locktime, adaptorScalar: entry.secret?.normalised ?? null });
  }
  return [...entries.values()].sort((a, b) => (a.xonly < b.xonly ? -1 : 1));
}

/**
 * When an oracle, or the last of several, is expected to speak: the maturity.
 * The latest locktime that a CET of the event may have, and the usual one.
 *
 * The chain compares with the median time of 11 blocks, which lags about an hour.
 *
 * @param {readonly VerifiedAnnouncement[]} announcements
 * @returns {number} Unix seconds
 * @throws {CoinlibError | import('./errors.js').VerifyError} `no-oracle`,
 *   `not-a-timestamp`; `unverified`
 */
export function revealLocktime(announcements) {
  if (announcements.length === 0) throw new CoinlibError('no-oracle', 'no oracle given');
  announcements.forEach(requireVerifiedAnnouncement);
  return requireLocktime(announcements.reduce((latest, { event }) => Math.max(latest, event.maturity), 0));
}

/**
 * The refund's locktime: a margin after the time from which the oracle will
 * certainly not attest any more (`attest_by` of the event; the latest, if there
 * are several oracles).
 *
 * The margin is the time to get a CET mined that was attested at the last
 * moment; a day is ample.
 *
 * @param {string | Date} attestBy RFC 3339, with `Z` or an offset: a time without
 *   one would be another second in every place
 * @param {number} [marginSeconds]
 * @returns {number} Unix seconds
 * @throws {CoinlibError} `not-a-timestamp`
 */
export function refundLocktime(attestBy, marginSeconds = 86_400) {
  const second = Math.floor(millisecondsOf(attestBy) / 1000);
  // A locktime in the very second of attest_by would not be after it.
  return requireLocktime(second + Math.max(1, Math.floor(marginSeconds)));
}

/**
 * coinlib's rules for the locktime of a CET: not later than the expected reveal,
 * and before the refund.
 *
 * @param {{cet: number, reveal: number, refund: number}} locktimes Unix seconds
 * @throws {CoinlibError} `after-reveal`, `after-refund`, `not-a-timestamp`
 */
export function checkLocktimes({ cet, reveal, refund }) {
  for (const locktime of [cet, reveal, refund]) requireLocktime(locktime);
  if (cet > reveal) throw new CoinlibError('after-reveal', `CET locktime ${cet} is after the expected reveal ${reveal}`);
  if (cet >= refund) throw new CoinlibError('after-refund', `CET locktime ${cet} is not before the refund locktime ${refund}`);
}

/**
 * @param {string | Date} time RFC 3339, with `Z` or an offset
 * @returns {number} Unix milliseconds; NaN for a `Date` that is none
 * @throws {CoinlibError} `not-a-timestamp`
 */
export function millisecondsOf(time) {
  return time instanceof Date ? time.getTime() : timeOf(time);
}

const RFC_3339 = /^(\d{4}-\d{2}-\d{2})T([01]\d|2[0-3]):\d{2}:\d{2}(\.\d+)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

/**
 * @param {string} text
 * @returns {number} milliseconds
 */
function timeOf(text) {
  const day = RFC_3339.exec(text.toUpperCase())?.[1];
  const midnight = new Date(`${day}T00:00:00Z`);
  // A 30 February would otherwise be the second of March.
  const isDay = !Number.isNaN(midnight.getTime()) && midnight.toISOString().startsWith(`${day}`);
  const time = isDay ? new Date(text.toUpperCase()).getTime() : Number.NaN;
  if (Number.isNaN(time)) {
    throw new CoinlibError('not-a-timestamp', `${JSON.stringify(text)} is not a time in RFC 3339, with Z or an offset`);
  }
  return time;
}

/** @param {number} locktime */
function requireLocktime(locktime) {
  if (!Number.isInteger(locktime) || locktime < TIME_THRESHOLD || locktime > MAX_LOCKTIME) {
    throw new CoinlibError('not-a-timestamp', `${locktime} is not a timestamp locktime (${TIME_THRESHOLD} to ${MAX_LOCKTIME})`);
  }
  return locktime;
}
