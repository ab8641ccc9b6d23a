/**
 * Messages as wallets and programs hold them, and of the older dialect.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { announcement as announcementShape, attestation as attestationShape, demand } from './arguments.js';
import { base64Bytes, hexBytes, textToUtf8, utf8ToText } from './bytes.js';
import { decodeAnnouncement, decodeAttestation, encodeAnnouncement, encodeAttestation } from './codec.js';
import { verifySchnorr } from './curve.js';
import { ArgumentError, VerifyError } from './errors.js';
import { writeEvent } from './tlv.js';
import { verifyAnnouncement, verifyAttestation } from './verify.js';

/** @import { AnnouncementJson, AttestationJson } from './dlc-json.js' */
/** @import { Announcement, Attestation } from './event.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

/**
 * A message in any form in which it may be held: its bytes, the hex or base64 text of
 * them, DLC JSON as text or parsed.
 *
 * @template T
 * @typedef {Uint8Array | ArrayBuffer | string | T} Form
 */

/**
 * An announcement from any form in which it may be held.
 *
 * @param {Form<AnnouncementJson>} input
 * @returns {Announcement}
 * @throws {import('./errors.js').CodecError | ArgumentError}
 */
export function readAnnouncement(input) {
  return decodeAnnouncement(held('announcement', input));
}

/**
 * An attestation from any form in which it may be held, of either layout, also the old
 * one without event id.
 *
 * @param {Form<AttestationJson>} input
 * @returns {Attestation}
 * @throws {import('./errors.js').CodecError | ArgumentError}
 */
export function readAttestation(input) {
  return decodeAttestation(held('attestation', input));
}

/**
 * Checks an announcement: nonce count, nonces pairwise distinct and none the oracle's
 * key, signature over the event (dlcspecs `Oracle.md`). Whose key it is, is not known
 * here: compare `oraclePublicKey` with the key of the oracle that you trust.
 *
 * @param {Form<AnnouncementJson> | Announcement} input
 * @returns {VerifiedAnnouncement}
 * @throws {import('./errors.js').CodecError | VerifyError | ArgumentError}
 */
export function verifyAnnouncementForm(input) {
  const isMessage = input !== null && typeof input === 'object' && 'event' in input;
  const message = isMessage ? /** @type {Announcement} */ (input) : readAnnouncement(/** @type {Form<AnnouncementJson>} */ (input));
  demand('announcement', message, announcementShape);
  try {
    return verifyAnnouncement(message);
  } catch (error) {
    if (!(error instanceof VerifyError) || error.code !== 'announcement-signature') throw error;
    const { signature, oraclePublicKey, event } = decodeAnnouncement(encodeAnnouncement(message));
    if (!isSigned(signature, writeEvent(event), oraclePublicKey)) throw error;
    throw older('announcement-signature', 'announcement');
  }
}

/**
 * Checks an attestation against its announcement: same event and key, one signature and
 * one text per nonce in announced order, texts inside the descriptor, every signature
 * valid (dlcspecs `Oracle.md`).
 *
 * @param {Form<AttestationJson> | Attestation} input
 * @param {VerifiedAnnouncement} announcement
 * @returns {VerifiedAttestation} with its `outcome`
 * @throws {import('./errors.js').CodecError | VerifyError | ArgumentError}
 */
export function verifyAttestationForm(input, announcement) {
  // DLC JSON has the members of an attestation, under the same names.
  const isObject = input !== null && typeof input === 'object' && !(input instanceof Uint8Array || isBuffer(input));
  const message = isObject ? /** @type {Attestation} */ ({ eventId: null, ...input }) : readAttestation(/** @type {Form<AttestationJson>} */ (input));
  demand('attestation', message, attestationShape);
  try {
    return verifyAttestation(message, announcement);
  } catch (error) {
    if (!(error instanceof VerifyError) || error.code !== 'signature') throw error;
    const { signatures, outcomes, oraclePublicKey } = decodeAttestation(encodeAttestation(message));
    if (!signatures.every((signature, i) => isSigned(signature, textToUtf8(outcomes[i] ?? ''), oraclePublicKey))) throw error;
    throw older('signature', 'attestation');
  }
}

/** Also one of another realm. @param {unknown} input @returns {input is ArrayBuffer} */
function isBuffer(input) {
  return Object.prototype.toString.call(input) === '[object ArrayBuffer]';
}

/**
 * @param {string} name
 * @param {unknown} input
 * @returns {Uint8Array | string}
 */
function held(name, input) {
  if (input instanceof Uint8Array) return fromText(utf8ToText(input)) ?? input;
  if (isBuffer(input)) return held(name, new Uint8Array(input));
  if (typeof input === 'string') return fromText(input) ?? input;
  if (input === null || typeof input !== 'object' || Array.isArray(input) || ArrayBuffer.isView(input)) {
    throw new ArgumentError(name, 'is neither bytes, nor hex, base64 or JSON text, nor a parsed object');
  }
  try {
    return JSON.stringify(input);
  } catch (error) {
    throw new ArgumentError(name, `is an object that no JSON is read into: ${error}`);
  }
}

/**
 * The bytes of a base64 text; hex is for the codec to read.
 *
 * @param {string | null} text
 */
function fromText(text) {
  const trimmed = text?.trim() ?? '';
  return trimmed === '' || trimmed.startsWith('{') || hexBytes(trimmed) ? null : base64Bytes(trimmed);
}

/**
 * Whether a signature holds over the plain SHA-256, as the older dialect signs.
 *
 * @param {string} signature
 * @param {Uint8Array} signed
 * @param {string} publicKey
 */
function isSigned(signature, signed, publicKey) {
  const [bytes, key] = [hexBytes(signature), hexBytes(publicKey)];
  return bytes !== null && key !== null && verifySchnorr(bytes, sha256(signed), key);
}

/** @param {'announcement-signature' | 'signature'} code @param {string} what */
function older(code, what) {
  return new VerifyError(
    code,
    `the ${what} is of the older, untagged dialect, which signs plain SHA-256: this oracle and this client speak the ` +
      'tagged one alone, since one nonce signed in both reveals the key',
  );
}
