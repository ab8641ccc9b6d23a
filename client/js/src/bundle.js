/**
 * One event with everything that proves it, in one document that verifies
 * offline: the checkpoint, and under it the genesis, the announcement, the proof of
 * its nonces and, once they exist, the attestation or the notice that there will be
 * none.
 *
 * The root of trust is the log's verifier key, the oracle's *identity*. A
 * signature of the oracle key proves nothing by itself: whoever can choose the
 * outcomes of enough open events can combine their signatures into one on another
 * message (`docs/threat-model.md`). So nothing is taken from a bundle that is not
 * an entry of the log under a checkpoint of that key.
 *
 * Source: `docs/bundles.md`.
 *
 * @module
 */
import { AnchorFault, checkConfirmation, checkTransaction } from './anchor.js';
import { ANNOUNCEMENT, ATTESTATION, GENESIS, NONCE_PROOF, NOTICE, bodyOf, entryIn, isAbout, notCanonical, otherEntry, requireFollows, requireHashes, rules, within } from './bundle-entry.js';
import { readBundle } from './bundle-json.js';
import { hexBytes, sameBytes, textToUtf8 } from './bytes.js';
import { Cache } from './cache.js';
import { AT_ONCE, Together } from './claims.js';
import { BundleError, CodecError, IdentityError, LogError, NonceProofError, OracleError } from './errors.js';
import { NonceProof } from './nonce-proof.js';
import { ED25519, Note, noteKey, parseIdentity } from './note.js';
import { sha256Hex } from './tags.js';
import { readGenesis, verifyConsistency } from './tlog.js';
import { readAnnouncement, readAttestation, writeAnnouncement, writeAttestation } from './tlv.js';
import { verifyReadAnnouncement, verifyReadAttestation } from './verify.js';
import { Witnesses } from './witnesses.js';

/** @import { Bundle, Included } from './bundle-json.js' */
/** @import { Claims } from './claims.js' */
/** @import { Checkpoint, NoteKey } from './note.js' */
/** @import { Genesis } from './tlog.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

const REFUND = 1;

/** By its bytes in base64: one log has one, and its signature always holds. @type {Cache<Genesis>} */
const geneses = new Cache(16);
/** By their texts. @type {Cache<NoteKey>} */
const identities = new Cache(16);

/**
 * That an event will never be attested: contracts end by their refund.
 *
 * @typedef {object} Refund
 * @property {bigint} timeMs when that was decided, Unix milliseconds
 * @property {string} reason in one sentence
 */

/**
 * An anchor of which all holds that follows from its bytes. That its block is in
 * Peercoin's chain, a node says.
 *
 * @typedef {object} Anchor
 * @property {bigint} size entries of the log that it commits to
 * @property {string} txid as nodes write it
 * @property {number} vout
 * @property {{height: bigint, hash: string, time: string} | null} block as the server says
 */

/**
 * What a bundle proves about its event.
 *
 * @typedef {object} Proven
 * @property {Genesis} genesis who the oracle is
 * @property {Readonly<Checkpoint>} checkpoint under which head of the log
 * @property {readonly string[]} cosignedBy by the names in the policy of witnesses; empty without one
 * @property {VerifiedAnnouncement} announcement what was promised
 * @property {NonceProof | null} nonceProof that whoever announced it knows its nonces, null where the bundle does
 *   not show it: only proven ones may be added to another oracle's ({@link module:joint})
 * @property {VerifiedAttestation | null} attestation how it ended, if it has
 * @property {string | null} manifestSha256 of the evidence of the attestation, hex
 * @property {Readonly<Refund> | null} refund that there will be no attestation, if that is so
 * @property {string} policy the canonical document by which it is decided
 * @property {string} policyHash its SHA-256, hex
 * @property {{readonly announcement: bigint, readonly nonceProof: bigint | null, readonly attestation: bigint | null, readonly notice: bigint | null}} positions in the log
 * @property {Readonly<Anchor> | null} anchor that covers all of it, if the bundle has one
 */

/**
 * Checks everything that a bundle holds against the oracle's identity.
 *
 * @param {Uint8Array | string} input the JSON, as `GET /v1/events/{id}/bundle` serves it
 * @param {string | NoteKey} identity the verifier key of the oracle's log
 * @param {{witnesses?: string | Uint8Array | Witnesses | undefined, known?: {size: bigint, root: string} | null | undefined}} [options]
 *   `witnesses`: a C2SP tlog-policy that the checkpoint's cosignatures have to
 *   meet; `known`: a checkpoint that was seen before and must be continued
 * @returns {Proven}
 * @throws {BundleError | IdentityError | import('./errors.js').WitnessesError}
 */
export function verifyBundle(input, identity, { witnesses, known } = {}) {
  const key = typeof identity === 'string' ? identityOf(identity) : identity;
  const bundle = readBundle(input);
  const head = checkHead(bundle, key, witnesses === undefined ? null : witnessesOf(witnesses));
  const together = new Together();
  try {
    const proven = checkUnder(head, bundle, key, known, together);
    if (together.hold()) return proven;
  } catch (error) {
    if (!(error instanceof OracleError)) throw error;
  }
  // Something is wrong, and some of what comes before it was not checked yet: one after
  // the other, so that the first that is wrong is the one that is named.
  return checkUnder(head, bundle, key, known, AT_ONCE);
}

/**
 * Everything under the head of the log, in the order of `docs/bundles.md`. What it
 * returns is proven once the claims are known to hold.
 *
 * @param {{checkpoint: Readonly<Checkpoint>, cosignedBy: readonly string[]}} head
 * @param {Bundle} bundle
 * @param {NoteKey} key
 * @param {{size: bigint, root: string} | null | undefined} known
 * @param {Claims} claims
 * @returns {Proven}
 */
function checkUnder({ checkpoint, cosignedBy }, bundle, key, known, claims) {
  const genesis = checkGenesis(bundle, checkpoint, key, claims);
  const { announcement, policyHash } = checkAnnouncement(bundle, checkpoint, genesis, claims);
  const nonceProof = checkNonceProof(bundle, checkpoint, announcement, claims);
  const end = checkEnd(bundle, checkpoint, announcement, claims);
  checkPolicy(bundle, policyHash);
  const anchor = checkAnchor(bundle, checkpoint, key);
  if (known) checkContinues(bundle, checkpoint, known);
  return Object.freeze({
    ...{ genesis, checkpoint, cosignedBy, announcement, nonceProof, ...end, policy: bundle.policy, policyHash, anchor },
    positions: Object.freeze({
      announcement: bundle.announcement.position,
      nonceProof: bundle.nonceProof?.position ?? null,
      attestation: bundle.attestation?.position ?? null,
      notice: bundle.notice?.position ?? null,
    }),
  });
}

/** @param {string} vkey */
export function identityOf(vkey) {
  const kept = identities.get(vkey);
  if (kept) return kept;
  const key = parseIdentity(vkey);
  identities.set(vkey, key);
  return key;
}

/** @param {string | Uint8Array | Witnesses} witnesses */
export function witnessesOf(witnesses) {
  return witnesses instanceof Witnesses ? witnesses : new Witnesses(witnesses);
}

/**
 * The head of the log: signed by the identity, cosigned as the witnesses demand.
 *
 * @param {Bundle} bundle
 * @param {NoteKey} identity
 * @param {Witnesses | null} witnesses
 * @returns {{checkpoint: Readonly<Checkpoint>, cosignedBy: readonly string[]}}
 */
export function checkHead({ checkpoint: text }, identity, witnesses) {
  const note = within('checkpoint', 'checkpoint', () => new Note(text));
  const checkpoint = within('checkpoint', 'checkpoint', () => note.verify(identity));
  const cosignedBy = witnesses ? within('quorum', 'checkpoint', () => witnesses.check(note)) : Object.freeze([]);
  return { checkpoint, cosignedBy };
}

/**
 * Who the oracle is: entry 0 of this identity's log.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {NoteKey} identity
 * @param {Claims} [claims]
 * @returns {Genesis}
 */
export function checkGenesis({ genesis: part }, checkpoint, identity, claims = AT_ONCE) {
  if (part.position !== 0n) throw otherEntry('genesis');
  const entry = entryIn('genesis', part, checkpoint);
  bodyOf('genesis', entry, GENESIS);
  const kept = geneses.get(part.entry);
  const genesis = kept ?? within('entry', 'genesis', () => readGenesis(entry, claims));
  if (!kept) claims.whenHeld(() => geneses.set(part.entry, genesis));
  const named = namedBy(genesis);
  if (named !== identity.vkey) {
    throw new BundleError('other-log', 'genesis', `it names ${named ?? 'a log key that is none'}, the identity is ${identity.vkey}`);
  }
  return genesis;
}

/**
 * What was promised: an entry of the log, by its oracle, and valid.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {Genesis} genesis
 * @param {Claims} [claims]
 * @returns {{announcement: VerifiedAnnouncement, policyHash: string}}
 */
export function checkAnnouncement({ announcement: part, eventId }, checkpoint, genesis, claims = AT_ONCE) {
  const body = bodyOf('announcement', entryIn('announcement', part, checkpoint), ANNOUNCEMENT);
  const { policyHash, message } = within('entry', 'announcement', () => {
    const read = body.hex('policy_hash', 32);
    const bytes = body.rest();
    const announcement = readAnnouncement(bytes);
    // The codec also reads bare bodies; the log holds one form only.
    if (!sameBytes(writeAnnouncement(announcement), bytes)) throw notCanonical();
    return { policyHash: read, message: announcement };
  });
  isAbout('announcement', message.event.eventId, eventId);
  const [got, expected] = [message.oraclePublicKey, genesis.oraclePublicKey];
  if (got !== expected) throw new BundleError('other-key', 'announcement', `by oracle key ${got}, the log's is ${expected}`);
  return { policyHash, announcement: rules('announcement', () => verifyReadAnnouncement(message, claims)) };
}

/**
 * That whoever announced it knows the scalars of its nonces, where the bundle has the
 * log's proof of it.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {VerifiedAnnouncement} announcement
 * @param {Claims} [claims]
 * @returns {NonceProof | null}
 */
export function checkNonceProof({ nonceProof: part, announcement: { position } }, checkpoint, announcement, claims = AT_ONCE) {
  if (!part) return null;
  const name = 'nonce_proof';
  const body = bodyOf(name, entryIn(name, part, checkpoint), NONCE_PROOF);
  const { of, bytes } = within('entry', name, () => {
    const read = { of: BigInt(`0x${body.hex('announcement_position', 8)}`), bytes: body.hex('proof', 64) };
    body.end(name);
    return read;
  });
  requireFollows(name, part, of, position);
  try {
    const proof = NonceProof.fromHex(bytes);
    proof.claim(announcement, claims);
    return proof;
  } catch (error) {
    if (!(error instanceof NonceProofError)) throw error;
    const meaning = "whoever announced the event may not know its nonces: do not add it to another oracle's";
    throw new BundleError('nonce-proof', name, `${error.message}; ${meaning}`, { cause: error });
  }
}

/**
 * How it ended, if it has: with an attestation of this announcement, or with a
 * notice that there will be none.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {VerifiedAnnouncement} announcement
 * @param {Claims} [claims]
 * @returns {{attestation: VerifiedAttestation | null, manifestSha256: string | null, refund: Readonly<Refund> | null}}
 */
export function checkEnd(bundle, checkpoint, announcement, claims = AT_ONCE) {
  const { attestation, notice } = bundle;
  if (attestation && notice) throw new BundleError('two-ends', null, 'the bundle has an attestation and a notice that there is none');
  if (attestation) return attested(bundle, attestation, checkpoint, announcement, claims);
  const refund = notice && refunded(bundle, notice, checkpoint);
  return { attestation: null, manifestSha256: null, refund };
}

/**
 * By which rules: the document whose hash the announcement's entry has.
 *
 * @param {Bundle} bundle
 * @param {string} policyHash
 */
export function checkPolicy({ policy }, policyHash) {
  if (sha256Hex(textToUtf8(policy)) !== policyHash) {
    throw new BundleError('policy', 'policy', "its hash is not the one in the announcement's entry");
  }
}

/**
 * The anchor, where there is one: of this log, continued by the checkpoint, and of
 * more entries than the last position that the bundle has.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {NoteKey} identity
 * @returns {Readonly<Anchor> | null}
 */
export function checkAnchor({ anchor, announcement, nonceProof, attestation, notice }, checkpoint, identity) {
  if (!anchor) return null;
  const { origin, size, root, txid, vout, confirmation } = anchor;
  within('anchor', 'anchor', () => {
    checkTransaction(anchor);
    const note = new Note(anchor.note);
    const said = note.checkpoint;
    if (said.size !== size || said.root !== root || said.origin !== origin) throw new AnchorFault('note: it is of another log, size or root');
    if (confirmation) checkConfirmation(txid, confirmation);
  });
  within('checkpoint', 'anchor', () => new Note(anchor.note).verify(identity));
  requireHashes('anchor', anchor.consistency);
  within('inclusion', 'anchor', () => verifyConsistency(anchor, checkpoint, anchor.consistency));
  const positions = [announcement, nonceProof, attestation, notice].flatMap((part) => part?.position ?? []);
  const last = positions.reduce((a, b) => (a > b ? a : b));
  if (size <= last) throw new BundleError('anchor-too-early', 'anchor', `it has ${size} entries, the bundle's last is at position ${last}`);
  const block = confirmation && { height: confirmation.height, hash: confirmation.blockHash, time: confirmation.confirmedAt };
  return Object.freeze({ size, txid, vout: Number(vout), block: block && Object.freeze(block) });
}

/**
 * That the log is the one that was seen before with this size and root, or its
 * continuation.
 *
 * @param {Bundle} bundle
 * @param {Readonly<Checkpoint>} checkpoint that was verified
 * @param {{size: bigint, root: string}} known
 */
export function checkContinues({ consistency }, checkpoint, known) {
  const [got, size] = [checkpoint.size, known.size];
  if (got < size) throw new BundleError('older', 'checkpoint', `of ${got} entries; one of ${size} was seen before`);
  const isOf = consistency?.from === size;
  if (!isOf && got !== size) throw new BundleError('no-consistency', 'consistency', `no proof from ${size} entries, which were seen before`);
  const hashes = isOf ? consistency.hashes : [];
  requireHashes('consistency', hashes);
  try {
    verifyConsistency(known, checkpoint, hashes);
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    throw new BundleError('forked', 'checkpoint', `the log is not the one seen before, at ${size} entries: ${error.problem}`, { cause: error });
  }
}

/**
 * @param {Bundle} bundle
 * @param {Included} part
 * @param {Readonly<Checkpoint>} checkpoint
 * @param {VerifiedAnnouncement} announcement
 * @param {Claims} claims
 */
function attested(bundle, part, checkpoint, announcement, claims) {
  const name = 'attestation';
  const body = bodyOf(name, entryIn(name, part, checkpoint), ATTESTATION);
  const { of, manifestSha256, message } = within('entry', name, () => {
    const position = BigInt(`0x${body.hex('announcement_position', 8)}`);
    const manifest = body.hex('manifest_sha256', 32);
    const bytes = body.rest();
    const { attestation, layout } = readAttestation(bytes);
    const isCanonical = layout === 'spec' && attestation.eventId !== null && sameBytes(writeAttestation(attestation, layout), bytes);
    if (!isCanonical) throw notCanonical();
    return { of: position, manifestSha256: manifest, message: attestation };
  });
  requireFollows(name, part, of, bundle.announcement.position);
  return { attestation: rules(name, () => verifyReadAttestation(message, announcement, claims)), manifestSha256, refund: null };
}

/**
 * @param {Bundle} bundle
 * @param {Included} part
 * @param {Readonly<Checkpoint>} checkpoint
 */
function refunded(bundle, part, checkpoint) {
  const body = bodyOf('notice', entryIn('notice', part, checkpoint), NOTICE);
  const { kind, eventId, timeMs, reason } = within('entry', 'notice', () => {
    const [offset, read] = [body.offset, body.uint('kind', 1)];
    if (read !== REFUND && read !== 2) throw new CodecError('type', 'kind', offset, `is ${read}`);
    const notice = {
      kind: read,
      eventId: body.eventId(),
      timeMs: BigInt(`0x${body.hex('time_ms', 8)}`),
      reason: body.string('reason'),
    };
    body.end('notice');
    return notice;
  });
  if (kind !== REFUND) throw otherEntry('notice');
  isAbout('notice', eventId, bundle.eventId);
  return Object.freeze({ timeMs, reason });
}

/**
 * The identity that a genesis names.
 *
 * @param {Genesis} genesis
 * @returns {string | null} null where it names none
 */
function namedBy({ logOrigin, logPublicKey }) {
  try {
    return noteKey(logOrigin, ED25519, /** @type {Uint8Array} */ (hexBytes(logPublicKey))).vkey;
  } catch (error) {
    if (error instanceof IdentityError) return null;
    throw error;
  }
}
