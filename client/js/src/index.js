/**
 * Client of a Peercoin DLC oracle: fetch, verify, wait, and the points and
 * secrets by which contracts settle.
 *
 * @module
 */
export { AdaptorSignature } from './adaptor.js';
export { verifyBundle } from './bundle.js';
export { OracleClient, TRUST_ON_FIRST_USE } from './client.js';
export {
  announcementToJson,
  attestationToJson,
  decodeAnnouncement,
  decodeAttestation,
  decodeAttestationTlv,
  encodeAnnouncement,
  encodeAttestation,
  encodeEvent,
  toHex,
} from './codec.js';
export { TIME_THRESHOLD, checkLocktimes, coinlibOutcomes, refundLocktime, revealLocktime } from './coinlib.js';
export * from './errors.js';
export { digitTexts, maxValue, nonceCount, parseOutcome } from './event.js';
export { jointPoints } from './joint.js';
export { Memory } from './memory.js';
export { NonceProof } from './nonce-proof.js';
export { parseIdentity } from './note.js';
export { AdaptorSecret, OutcomePoint } from './outcome-point.js';
export { adaptorPoints, prefixPoint, signaturePoint } from './points.js';
export { canonicalJson, questionOf, readPolicy } from './policy.js';
export { groupRange, rangePrefixes } from './range.js';
export { announcementHash, attestationHash, challenge, taggedHash } from './tags.js';
export { announcementEntry, attestationEntry, leafHash, nonceProofEntry, verifyCheckpoint, verifyConsistency, verifyGenesis, verifyInclusion } from './tlog.js';
export { verifyAnnouncement, verifyAttestation } from './verify.js';
export { Witnesses } from './witnesses.js';

/** @typedef {import('./event.js').Announcement} Announcement */
/** @typedef {import('./event.js').Attestation} Attestation */
/** @typedef {import('./event.js').OracleEvent} OracleEvent */
/** @typedef {import('./event.js').Descriptor} Descriptor */
/** @typedef {import('./event.js').EnumDescriptor} EnumDescriptor */
/** @typedef {import('./event.js').DigitsDescriptor} DigitsDescriptor */
/** @typedef {import('./event.js').Outcome} Outcome */
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
/** @typedef {import('./model.js').EventQuery} EventQuery */
/** @typedef {import('./model.js').EventsPage} EventsPage */
/** @typedef {import('./model.js').EvidenceInfo} EvidenceInfo */
/** @typedef {import('./model.js').ProofsInfo} ProofsInfo */
/** @typedef {import('./model.js').Inclusion} Inclusion */
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
