/**
 * The only source of verified messages.
 *
 * The codec has already refused what is not one exact, well-formed message
 * (curve points, minimal lengths, NFC, distinct non-empty outcomes); here is
 * decided whether it is true. What passes is a frozen copy that this module
 * remembers: points and secrets are computed from nothing else, in TypeScript
 * by its type and in plain JavaScript by that memory.
 *
 * Two rules need more than one message and are not checked here: that a nonce
 * never occurs in another event, and that an event id is announced once.
 *
 * @module verify
 */
import { decodeAnnouncement, decodeAttestation, encodeAnnouncement, encodeAttestation } from './codec.js';
import { hexBytes } from './bytes.js';
import { AT_ONCE } from './claims.js';
import { VerifyError } from './errors.js';
import { nonceCount, parseOutcome } from './event.js';
import { announcementHash, attestationHash } from './tags.js';
import { writeEvent } from './tlv.js';

/** @import { Claims } from './claims.js' */
/** @import { Announcement, Attestation, Outcome } from './event.js' */

/**
 * The mark that only verification gives; it exists in types alone.
 *
 * @type {unique symbol}
 */
const VERIFIED = Symbol('verified');

/** @template T @typedef {T & {readonly [VERIFIED]: true}} Verified */
/** @typedef {Verified<Announcement>} VerifiedAnnouncement */
/** An attestation with what it establishes. @typedef {Verified<Attestation & {readonly outcome: Readonly<Outcome>}>} VerifiedAttestation */

/** @type {WeakSet<object>} */
const announcements = new WeakSet();
/** @type {WeakMap<object, VerifiedAnnouncement>} */
const attestations = new WeakMap();

/**
 * Checks an announcement: nonce count, nonces pairwise distinct and none the
 * oracle's key, signature over the event TLV (dlcspecs `Oracle.md`).
 *
 * Whose key it is, is not known here: compare `oraclePublicKey` with the key of
 * the oracle that you trust.
 *
 * @param {Announcement | Uint8Array | string} input a decoded message, or one in
 *   any form that {@link decodeAnnouncement} reads
 * @returns {VerifiedAnnouncement}
 * @throws {import('./errors.js').CodecError | VerifyError}
 */
export function verifyAnnouncement(input) {
  // A message that someone else built or may still change is read from its own
  // bytes: strictly, and into a copy of which every part is frozen.
  return verifyReadAnnouncement(decodeAnnouncement(isInput(input) ? input : encodeAnnouncement(input)));
}

/**
 * {@link verifyAnnouncement} of what the codec has just read. Whether its signature
 * holds may be known when the claims are checked, and not before.
 *
 * @internal
 * @param {Announcement} announcement
 * @param {Claims} [claims]
 * @returns {VerifiedAnnouncement}
 */
export function verifyReadAnnouncement(announcement, claims = AT_ONCE) {
  const { signature, oraclePublicKey, event } = announcement;
  const expected = nonceCount(event.descriptor);
  if (event.nonces.length !== expected) {
    throw new VerifyError('nonce-count', `${event.nonces.length} nonces; the descriptor needs ${expected}`);
  }
  /** @type {Set<string>} */
  const seen = new Set();
  for (const [index, nonce] of event.nonces.entries()) {
    if (nonce === oraclePublicKey) throw new VerifyError('nonce-is-key', `nonce ${index} is the oracle's public key`);
    if (seen.has(nonce)) throw new VerifyError('duplicate-nonce', `nonce ${index} occurs earlier in the same event`);
    seen.add(nonce);
  }
  if (!hold(claims, [signature], [announcementHash(writeEvent(event))], oraclePublicKey)) {
    throw new VerifyError('announcement-signature', 'the announcement signature is not valid');
  }
  claims.whenHeld(() => announcements.add(announcement));
  return /** @type {VerifiedAnnouncement} */ (announcement);
}

/**
 * Checks an attestation against its announcement: same event and key, one
 * signature and one text per nonce in announced order, texts inside the
 * descriptor, every signature valid (dlcspecs `Oracle.md`).
 *
 * The old wire form has no event id; then the nonces alone tie it to the event,
 * which they do, since a nonce is announced once.
 *
 * @param {Attestation | Uint8Array | string} input a decoded message, or one in
 *   any form that {@link decodeAttestation} reads
 * @param {VerifiedAnnouncement} announcement
 * @returns {VerifiedAttestation} with its `outcome`
 * @throws {import('./errors.js').CodecError | VerifyError}
 */
export function verifyAttestation(input, announcement) {
  requireVerifiedAnnouncement(announcement);
  if (!isInput(input) && input.outcomes.length !== input.signatures.length) {
    // No wire form holds it, so it has no bytes to be read from.
    throw new VerifyError('outcome-count', `${input.outcomes.length} outcomes; ${input.signatures.length} signatures`);
  }
  return verifyReadAttestation(decodeAttestation(isInput(input) ? input : encodeAttestation(input)), announcement);
}

/**
 * {@link verifyAttestation} of what the codec has just read. Whether its signatures
 * hold may be known when the claims are checked, and not before.
 *
 * @internal
 * @param {Attestation} attestation
 * @param {VerifiedAnnouncement} announcement
 * @param {Claims} [claims]
 * @returns {VerifiedAttestation}
 */
export function verifyReadAttestation(attestation, announcement, claims = AT_ONCE) {
  const { oraclePublicKey, event } = announcement;
  const { eventId, signatures, outcomes } = attestation;
  if (eventId !== null && eventId !== event.eventId) {
    throw new VerifyError(
      'event-id',
      `the attestation is for event ${JSON.stringify(eventId)}, the announcement of ${JSON.stringify(event.eventId)}`,
    );
  }
  if (attestation.oraclePublicKey !== oraclePublicKey) {
    throw new VerifyError('public-key', 'the attestation names another oracle key than the announcement');
  }
  const expected = event.nonces.length;
  if (signatures.length !== expected) {
    throw new VerifyError('signature-count', `${signatures.length} signatures; the announcement has ${expected} nonces`);
  }
  const outcome = parseOutcome(event.descriptor, outcomes);
  if (!outcome) throw new VerifyError('outcome', 'the attested texts are no outcome of the event');
  const digests = outcomes.map(attestationHash);
  const allHold = hold(claims, signatures, digests, oraclePublicKey);
  for (const [index, signature] of signatures.entries()) {
    if (!signature.startsWith(event.nonces[index] ?? '-')) {
      throw new VerifyError('nonce', `signature ${index} does not use nonce ${index} of the announcement`);
    }
    // One after the other only to say which of them does not hold.
    if (!allHold && !hold(AT_ONCE, [signature], digests.slice(index, index + 1), oraclePublicKey)) {
      throw new VerifyError('signature', `signature ${index} is not valid over its outcome`);
    }
  }
  const verified = Object.freeze({ ...attestation, outcome });
  claims.whenHeld(() => attestations.set(verified, announcement));
  return /** @type {VerifiedAttestation} */ (/** @type {unknown} */ (verified));
}

/**
 * Refuses what {@link verifyAnnouncement} has not returned.
 *
 * @param {VerifiedAnnouncement} announcement
 * @throws {VerifyError} `unverified`
 */
export function requireVerifiedAnnouncement(announcement) {
  if (!announcements.has(announcement)) {
    throw new VerifyError('unverified', 'the announcement did not come out of verifyAnnouncement');
  }
}

/**
 * Refuses what {@link verifyAttestation} has not returned for this announcement.
 *
 * @param {VerifiedAttestation} attestation
 * @param {VerifiedAnnouncement} announcement
 * @throws {VerifyError} `unverified`
 */
export function requireVerifiedAttestation(attestation, announcement) {
  requireVerifiedAnnouncement(announcement);
  const against = attestations.get(attestation);
  // The same announcement may have been read twice; one signature signs one event.
  if (against?.signature !== announcement.signature) {
    throw new VerifyError('unverified', 'the attestation did not come out of verifyAttestation with this announcement');
  }
}

/**
 * @param {unknown} input
 * @returns {input is Uint8Array | string}
 */
function isInput(input) {
  return typeof input === 'string' || input instanceof Uint8Array;
}

/**
 * Whether these signatures hold, as far as the claims know.
 *
 * @param {Claims} claims
 * @param {readonly string[]} signatures hex
 * @param {readonly Uint8Array[]} digests what each of them signs
 * @param {string} publicKey hex
 */
function hold(claims, signatures, digests, publicKey) {
  const key = hexBytes(publicKey);
  const signed = digests.map((message, i) => ({ signature: hexBytes(signatures[i] ?? '') ?? new Uint8Array(), message }));
  return key !== null && claims.signatures(signed, key);
}
