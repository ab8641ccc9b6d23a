/**
 * The only tagged hashes of the package: `H_tag(m) = SHA256(SHA256(tag) ‖
 * SHA256(tag) ‖ m)` (BIP340).
 *
 * The older, untagged dialect is deliberately absent: one nonce signed in both
 * dialects reveals the private key.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { bytesToHex, concatBytes, textToUtf8 } from './bytes.js';

export { challengeOf as challenge } from './curve.js';

/** Tag of the announcement digest (dlcspecs `Oracle.md`). */
export const ANNOUNCEMENT_TAG = 'DLC/oracle/announcement/v0';
/** Tag of the outcome digest (dlcspecs `Oracle.md`). */
export const ATTESTATION_TAG = 'DLC/oracle/attestation/v0';
/** Tag of the BIP340 challenge. */
export const CHALLENGE_TAG = 'BIP0340/challenge';

/**
 * Tagged SHA-256 over the concatenation of `parts`.
 *
 * @param {string} tag
 * @param {...Uint8Array} parts
 * @returns {Uint8Array} 32 bytes
 */
export function taggedHash(tag, ...parts) {
  const name = sha256(textToUtf8(tag));
  return sha256(concatBytes(name, name, ...parts));
}

/**
 * What an announcement signature signs: the hash of the event TLV, type and
 * length included (dlcspecs `Oracle.md`).
 *
 * @param {Uint8Array} eventTlv
 * @returns {Uint8Array} 32 bytes
 */
export function announcementHash(eventTlv) {
  return taggedHash(ANNOUNCEMENT_TAG, eventTlv);
}

/**
 * What an attestation signature signs: the hash of one outcome text (dlcspecs
 * `Oracle.md`, "Signing Algorithm").
 *
 * @param {string} outcome
 * @returns {Uint8Array} 32 bytes
 */
export function attestationHash(outcome) {
  return taggedHash(ATTESTATION_TAG, textToUtf8(outcome));
}

/** @param {Uint8Array} bytes @returns {Uint8Array} */
export function sha256Of(bytes) {
  return sha256(bytes);
}

/**
 * SHA-256 in hex, as policies and evidence are named.
 *
 * @param {Uint8Array} bytes
 * @returns {string}
 */
export function sha256Hex(bytes) {
  return bytesToHex(sha256(bytes));
}
