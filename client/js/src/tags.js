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

import { bytesToHex, bytesToNumber, concatBytes, textToUtf8 } from './bytes.js';
import { ORDER } from './curve.js';

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

/**
 * The BIP340 challenge `e = int(H(R ‖ P ‖ m)) mod n`.
 *
 * @param {Uint8Array} nonce R, x-only
 * @param {Uint8Array} publicKey P, x-only
 * @param {Uint8Array} message 32 bytes
 * @returns {bigint}
 */
export function challenge(nonce, publicKey, message) {
  return bytesToNumber(taggedHash(CHALLENGE_TAG, nonce, publicKey, message)) % ORDER;
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
