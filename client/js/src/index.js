/**
 * Client of a Peercoin DLC oracle: fetch, verify, wait, and the points and
 * secrets by which contracts settle.
 *
 * @module
 */
import * as check from './arguments.js';
import * as bundles from './bundle.js';
import * as codec from './codec.js';
import * as coinlib from './coinlib.js';
import * as dialect from './dialect.js';
import * as events from './event.js';
import * as hours from './hour.js';
import * as joint from './joint.js';
import { NonceProof } from './nonce-proof.js';
import * as notes from './note.js';
import * as points from './points.js';
import * as policies from './policy.js';
import * as ranges from './range.js';
import * as tags from './tags.js';
import * as tlog from './tlog.js';

const { guarded } = check;
const genesis = check.shaped({ logOrigin: check.text, logPublicKey: check.hash });
const head = check.shaped({ size: check.big, root: check.hash });

export { AdaptorSignature } from './adaptor.js';
export { OracleClient, TRUST_ON_FIRST_USE } from './client.js';
export * from './errors.js';
export { HourError } from './hour.js';
export { Memory } from './memory.js';
export { AdaptorSecret, OutcomePoint } from './outcome-point.js';
export { Witnesses } from './witnesses.js';
export { NonceProof };
export const { TIME_THRESHOLD } = coinlib;

export const verifyBundle = guarded(bundles.verifyBundle, {
  bundle: (value) => (typeof value === 'string' || value instanceof Uint8Array ? null : 'is neither bytes nor text'),
  identity: (value, name) => (typeof value === 'string' ? null : check.shaped({ name: check.text, vkey: check.text, publicKey: check.text })(value, name) && 'is neither a verifier key nor what parseIdentity returns'),
  options: check.optional(check.shaped({ known: check.orNull(head) })),
});
export const verifyHour = guarded(hours.verifyHour, {
  hour: (value) => (typeof value === 'string' || value instanceof Uint8Array ? null : 'is neither bytes nor text'),
  expected: check.shaped({
    hour: check.text,
    identity: (value, name) => (typeof value === 'string' ? null : check.shaped({ name: check.text, vkey: check.text, publicKey: check.text })(value, name) && 'is neither a verifier key nor what parseIdentity returns'),
    before: check.orNull(check.shaped({ size: check.big, left: check.listOf(check.text) })),
  }),
});
export const parseIdentity = guarded(notes.parseIdentity, { identity: check.text });
export const decodeAnnouncement = dialect.readAnnouncement;
export const decodeAttestation = dialect.readAttestation;
export const decodeAttestationTlv = guarded(codec.decodeAttestationTlv, { tlv: check.bytes });
export const encodeAnnouncement = guarded(codec.encodeAnnouncement, { announcement: check.announcement });
export const encodeAttestation = guarded(codec.encodeAttestation, {
  attestation: check.attestation,
  layout: check.optional((value) => (value === 'spec' || value === 'counted' ? null : "is neither 'spec' nor 'counted'")),
});
export const encodeEvent = guarded(codec.encodeEvent, { event: check.event });
export const announcementToJson = guarded(codec.announcementToJson, { announcement: check.announcement });
export const attestationToJson = guarded(codec.attestationToJson, { attestation: check.attestation });
export const toHex = guarded(codec.toHex, { tlv: check.bytes });
export const verifyAnnouncement = dialect.verifyAnnouncementForm;
export const verifyAttestation = dialect.verifyAttestationForm;
export const coinlibOutcomes = guarded(coinlib.coinlibOutcomes, { points: check.listOf(check.object), locktime: check.anything });
export const revealLocktime = guarded(coinlib.revealLocktime, { announcements: check.list });
export const refundLocktime = guarded(coinlib.refundLocktime, {
  attestBy: (value) => (typeof value === 'string' || value instanceof Date ? null : 'is neither a text nor a Date'),
  marginSeconds: check.optional(check.integer),
});
export const checkLocktimes = guarded(coinlib.checkLocktimes, { locktimes: check.object });
export const digitTexts = guarded(events.digitTexts, { descriptor: check.cutDescriptor, value: check.big });
export const maxValue = guarded(events.maxValue, { descriptor: check.cutDescriptor });
export const nonceCount = guarded(events.nonceCount, { descriptor: check.descriptor });
export const parseOutcome = guarded(events.parseOutcome, { descriptor: check.descriptor, texts: check.listOf(check.text) });
export const jointPoints = guarded(joint.jointPoints, { parts: check.listOf(check.shaped({ announcement: check.object })) });
export const { adaptorPoints, adaptorPointsLater, prefixPoint } = points;
export const signaturePoint = guarded(points.signaturePoint, { nonce: check.text, publicKey: check.text, text: check.text });
export const canonicalJson = guarded(policies.canonicalJson, { document: check.json });
export const questionOf = guarded(policies.questionOf, { policy: check.object, maturity: check.optional(check.seconds) });
export const readPolicy = guarded(policies.readPolicy, {
  input: (value) => (typeof value === 'string' || value instanceof Uint8Array ? null : 'is neither bytes nor text'),
  expectedHash: check.optional(check.hash),
});
export const groupRange = guarded(ranges.groupRange, { base: check.anything, nbDigits: check.anything, start: check.big, end: check.big });
export const rangePrefixes = guarded(ranges.rangePrefixes, { descriptor: check.cutDescriptor, start: check.big, end: check.big });
export const announcementHash = guarded(tags.announcementHash, { eventTlv: check.bytes });
export const attestationHash = guarded(tags.attestationHash, { outcome: check.text });
export const challenge = guarded(tags.challenge, { nonce: check.bytes, publicKey: check.bytes, message: check.bytes });
export const taggedHash = guarded(
  (/** @type {string} */ tag, /** @type {Uint8Array[]} */ ...parts) => {
    check.demand('parts', parts, check.listOf(check.bytes));
    return tags.taggedHash(tag, ...parts);
  },
  { tag: check.text },
);
export const announcementEntry = guarded(tlog.announcementEntry, { announcement: check.announcement, policyHash: check.hash });
export const attestationEntry = guarded(tlog.attestationEntry, { attestation: check.attestation, announcementPosition: check.position, manifestHash: check.hash });
export const leafHash = guarded(tlog.leafHash, { entry: check.bytes });
export const nonceProofEntry = guarded(tlog.nonceProofEntry, { proof: check.a(NonceProof), announcementPosition: check.position });
export const verifyCheckpoint = guarded(tlog.verifyCheckpoint, { note: check.text, log: genesis });
export const verifyConsistency = guarded(tlog.verifyConsistency, { older: head, newer: head, proof: check.listOf(check.text) });
export const verifyGenesis = guarded(tlog.verifyGenesis, { entry: check.bytes, publicKey: check.text });
export const verifyInclusion = guarded(tlog.verifyInclusion, { entry: check.bytes, position: (value, name) => (typeof value === 'bigint' ? null : check.integer(value, name)), proof: check.listOf(check.text), checkpoint: head });

/** @typedef {import('./event.js').Announcement} Announcement */
/** @typedef {import('./event.js').Attestation} Attestation */
/** @typedef {import('./event.js').OracleEvent} OracleEvent */
/** @typedef {import('./event.js').Descriptor} Descriptor */
/** @typedef {import('./event.js').EnumDescriptor} EnumDescriptor */
/** @typedef {import('./event.js').DigitsDescriptor} DigitsDescriptor */
/** @typedef {import('./event.js').Outcome} Outcome */
/** @template T @typedef {import('./dialect.js').Form<T>} Form */
/** @typedef {import('./dlc-json.js').AnnouncementJson} AnnouncementJson */
/** @typedef {import('./dlc-json.js').AttestationJson} AttestationJson */
/** @typedef {import('./tlv.js').Layout} Layout */
/** @typedef {import('./verify.js').VerifiedAnnouncement} VerifiedAnnouncement */
/** @typedef {import('./verify.js').VerifiedAttestation} VerifiedAttestation */
/** @typedef {import('./points.js').Selection} Selection */
/** @typedef {import('./points.js').Subject} Subject */
/** @typedef {import('./points.js').AdaptorPoint} AdaptorPoint */
/** @typedef {import('./joint.js').Part} Part */
/** @typedef {import('./joint.js').JointPoint} JointPoint */
/** @typedef {import('./coinlib.js').CetOutcome} CetOutcome */
/** @typedef {import('./client.js').Attested} Attested */
/** @typedef {import('./client.js').ClientOptions} ClientOptions */
/** @typedef {import('./client.js').CallOptions} CallOptions */
/** @typedef {import('./model.js').OracleInfo} OracleInfo */
/** @typedef {import('./model.js').EventInfo} EventInfo */
/** @typedef {import('./model.js').DigitsInfo} DigitsInfo */
/** @typedef {import('./model.js').ObservationInfo} ObservationInfo */
/** @typedef {import('./model.js').EventQuery} EventQuery */
/** @typedef {import('./model.js').EventsPage} EventsPage */
/** @typedef {import('./model.js').EvidenceInfo} EvidenceInfo */
/** @typedef {import('./model.js').ProofsInfo} ProofsInfo */
/** @typedef {import('./model.js').Inclusion} Inclusion */
/** @typedef {import('./model.js').SeriesInfo} SeriesInfo */
/** @typedef {import('./model.js').PeriodInfo} PeriodInfo */
/** @typedef {import('./model.js').UpcomingInfo} UpcomingInfo */
/** @typedef {import('./model.js').SeriesPage} SeriesPage */
/** @typedef {import('./hour.js').ProvenHour} ProvenHour */
/** @typedef {import('./hour.js').HourEntry} HourEntry */
/** @typedef {import('./hour.js').Tree} Tree */
/** @typedef {import('./bundle.js').Proven} Proven */
/** @typedef {import('./bundle.js').Refund} Refund */
/** @typedef {import('./bundle.js').Anchor} Anchor */
/** @typedef {import('./note.js').NoteKey} NoteKey */
/** @typedef {import('./memory.js').Head} Head */
/** @typedef {import('./memory.js').MemoryOptions} MemoryOptions */
/** @typedef {import('./tlog.js').Genesis} Genesis */
/** @typedef {import('./note.js').Checkpoint} Checkpoint */
/** @typedef {import('./policy.js').Policy} Policy */
/** @typedef {import('./policy.js').Question} Question */
/** @typedef {import('./policy.js').JsonDocument} JsonDocument */
/** @typedef {import('./stream.js').News} News */
/** @typedef {import('./stream.js').StreamOptions} StreamOptions */
