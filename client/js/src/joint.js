/**
 * Several oracles at once: contracts that need all of them to agree.
 *
 * The point of an outcome is the sum of the oracles' points, its secret the sum
 * of their secrets. Parity is a matter of the sum: add the parts as they are and
 * normalise what comes out.
 *
 * **The sum needs every oracle only if each of them knows its nonces.** An
 * announcement proves that its oracle knows the secret of its key P; it proves
 * nothing about the nonce R. An oracle that announces last can choose
 * `R2 = a·G − S1(m)` for one outcome m and sign honestly: every check of the
 * announcement passes, and `S1 + S2 = (a + e2·x2)·G` is a point whose secret it
 * knows alone, before anyone has attested anything. It does not know the secret of
 * R2, though. So a sum demands of each oracle the proof that it knows those of its
 * nonces, which stands in its log behind the announcement and in the event's bundle.
 *
 * For an oracle whose log has no such proofs the caller has to say that its nonces
 * are taken on trust. The sum is then as good as the choice of events: only such
 * that this oracle had announced, and had in its log, before the others announced
 * theirs and before the parties chose them; never one that was announced after the
 * offer or at a party's wish.
 *
 * Another event of the same oracle is not a second oracle either: one key decides
 * both.
 *
 * @module joint
 */
import { NonceProofError, PointsError } from './errors.js';
import { NonceProof } from './nonce-proof.js';
import { AdaptorSecret, OutcomePoint } from './outcome-point.js';
import { adaptorPoints } from './points.js';
import { requireVerifiedAnnouncement } from './verify.js';

/** @import { AdaptorPoint, Selection, Subject } from './points.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

/**
 * One oracle's part: its event, and what it would have to attest. Oracles word
 * outcomes as they like, so each part has its own selection; with `'all'` the
 * oracles have outcomes of the same texts.
 *
 * @typedef {object} Part
 * @property {VerifiedAnnouncement} announcement
 * @property {VerifiedAttestation | null} [attestation]
 * @property {NonceProof | null} [nonceProof] of the event's bundle: that the oracle knows its nonces. It is
 *   verified against the announcement before anything is added up
 * @property {boolean} [noncesOnTrust] true where there is no proof and the caller takes that upon them: if this
 *   oracle announced after another of the sum, it may know the joint secret of one outcome alone
 * @property {Selection} selection
 */

/**
 * A point of several oracles, and its secret once all of them attested it.
 *
 * @typedef {object} JointPoint
 * @property {readonly Subject[]} subjects what it stands for at each oracle
 * @property {OutcomePoint} point the sum of the oracles' points
 * @property {AdaptorSecret | null} secret the sum of their secrets
 */

/**
 * The points of these oracles together, in the order of the first one's.
 *
 * Prefixes and ranges need oracles that cut numbers alike (base, sign, digits
 * and precision; that their units mean the same is for the reader to see). One
 * event given twice is refused: it would count as two oracles and is one. So is an
 * oracle whose nonces are neither proven nor taken on trust; one alone needs no proof,
 * as nothing is added to it.
 *
 * @param {readonly Part[]} parts
 * @returns {JointPoint[]}
 * @throws {PointsError | import('./errors.js').VerifyError}
 */
export function jointPoints(parts) {
  const [first, ...others] = parts;
  if (!first) throw new PointsError('empty', 'no oracle given');
  requireDistinct(parts);
  for (const part of parts) requireNonces(part, parts.length);
  for (const other of others) requireAlike(first, other);
  return selectionsOf(first).flatMap((outcome) => {
    const columns = parts.map((part) => adaptorPoints(part.announcement, outcome ?? part.selection, part.attestation));
    return addUp(columns);
  });
}

/**
 * `'all'` outcome by outcome, so that other oracles may list them in another order.
 *
 * @param {Part} first
 * @returns {(Selection | null)[]} null for each part's own selection
 */
function selectionsOf({ selection, announcement }) {
  if (selection !== 'all') return [null];
  const { descriptor } = announcement.event;
  if (descriptor.kind === 'digits') {
    throw new PointsError('kind', 'a digit event needs an outcome, a prefix or a range');
  }
  return descriptor.outcomes.map((outcome) => ({ outcome }));
}

/**
 * @param {readonly AdaptorPoint[][]} columns one per oracle
 * @returns {JointPoint[]}
 */
function addUp(columns) {
  const rows = columns[0] ?? [];
  if (columns.some((column) => column.length !== rows.length)) throw unlike('number of points');
  return rows.map((_, i) => {
    const row = columns.flatMap((column) => column[i] ?? []);
    const secrets = row.flatMap(({ secret }) => secret ?? []);
    return {
      subjects: row.map(({ subject }) => subject),
      point: OutcomePoint.sum(row.map(({ point }) => point)),
      secret: secrets.length === row.length ? AdaptorSecret.sum(secrets) : null,
    };
  });
}

/** @param {readonly Part[]} parts */
function requireDistinct(parts) {
  const events = parts.map(({ announcement: { oraclePublicKey, event } }) => `${oraclePublicKey} ${event.eventId}`);
  if (new Set(events).size !== events.length) {
    throw new PointsError('mismatch', 'one event of one oracle is given twice');
  }
}

/**
 * Refuses an oracle that may not know its own nonces. A proof must hold wherever
 * there is one.
 *
 * @param {Part} part
 * @param {number} count of parts
 */
function requireNonces({ announcement, nonceProof, noncesOnTrust }, count) {
  requireVerifiedAnnouncement(announcement);
  const name = `oracle ${announcement.oraclePublicKey}, event ${JSON.stringify(announcement.event.eventId)}`;
  if (nonceProof) {
    if (!(nonceProof instanceof NonceProof)) throw new PointsError('nonce-proof', `${name}: nonceProof is no NonceProof`);
    try {
      nonceProof.verify(announcement);
    } catch (error) {
      if (!(error instanceof NonceProofError)) throw error;
      throw new PointsError('nonce-proof', `${name}: ${error.message}; take the one of its bundle, or leave this oracle out`, { cause: error });
    }
  } else if (count > 1 && noncesOnTrust !== true) {
    throw new PointsError(
      'nonces-not-proven',
      `${name}: nothing proves that it knows its nonces. Whoever announced last could have chosen one that cancels ` +
        "the others', and would know the joint secret of an outcome alone. Give the nonceProof of its bundle, or say " +
        'noncesOnTrust: true if it announced before the others and before the parties chose its event',
    );
  }
}

/**
 * Refuses selections that do not mean the same at both.
 *
 * @param {Part} first
 * @param {Part} other
 */
function requireAlike(first, other) {
  const kind = kindOf(first.selection);
  if (kindOf(other.selection) !== kind) throw unlike('kind of selection');
  const [a, b] = [first.announcement.event.descriptor, other.announcement.event.descriptor];
  if (a.kind === 'enum' || b.kind === 'enum' || kind === 'outcome') return;
  if (wording(first.selection) !== wording(other.selection)) throw unlike('selection');
  const same = /** @type {const} */ (['base', 'isSigned', 'nbDigits', 'precision']).every((key) => a[key] === b[key]);
  if (!same) throw unlike('base, sign, digits or precision');
}

/** @param {Selection} selection */
function kindOf(selection) {
  if (selection === 'all') return 'all';
  return 'outcome' in selection ? 'outcome' : 'prefix' in selection ? 'prefix' : 'range';
}

/** @param {Selection} selection */
function wording(selection) {
  if (selection === 'all') return '';
  return ('prefix' in selection ? selection.prefix : 'range' in selection ? selection.range : []).join();
}

/** @param {string} what */
function unlike(what) {
  return new PointsError('mismatch', `the oracles differ in ${what}`);
}
