/**
 * Bytes to messages and back, strict in both directions.
 *
 * Three forms: the TLV bytes of dlcspecs `Messaging.md`, the same as hex text,
 * and the JSON of rust-dlc and ddk. A decoder accepts one spelling of a value
 * only: minimal bigsize, booleans 0 or 1, exact lengths, no trailing bytes, no
 * unknown or repeated key. Nothing is written that would not be read again.
 * What is read is well-formed, not true: {@link module:verify} decides that.
 *
 * @module
 */
import { bytesToHex, hexBytes, utf8ToText } from './bytes.js';
import { announcementJson, attestationJson, readAnnouncementJson, readAttestationJson } from './dlc-json.js';
import { CodecError } from './errors.js';
import { readAnnouncement, readAttestation, writeAnnouncement, writeAttestation, writeEvent } from './tlv.js';

/** @import { Announcement, Attestation, OracleEvent } from './event.js' */
/** @import { AnnouncementJson, AttestationJson } from './dlc-json.js' */
/** @import { Layout } from './tlv.js' */

/**
 * An announcement from any form a person may hold it: TLV bytes, a bare body,
 * hex text (any case, surrounding whitespace ignored), JSON text.
 *
 * @param {Uint8Array | string} input
 * @returns {Announcement}
 * @throws {CodecError}
 */
export function decodeAnnouncement(input) {
  const form = formOf(input);
  return typeof form === 'string' ? readAnnouncementJson(form) : readAnnouncement(form);
}

/**
 * An attestation from any form a person may hold it: TLV bytes of either
 * layout, a bare body, hex text, JSON text; also the old form without event id.
 *
 * @param {Uint8Array | string} input
 * @returns {Attestation}
 * @throws {CodecError}
 */
export function decodeAttestation(input) {
  const form = formOf(input);
  return typeof form === 'string' ? readAttestationJson(form) : readAttestation(form).attestation;
}

/**
 * An attestation and how its bytes lay out the outcomes.
 *
 * @param {Uint8Array} tlv or a bare body
 * @returns {{attestation: Attestation, layout: Layout}}
 * @throws {CodecError}
 */
export function decodeAttestationTlv(tlv) {
  return readAttestation(tlv);
}

/**
 * The announcement as a TLV, type and length included.
 *
 * @param {Announcement} announcement
 * @returns {Uint8Array}
 * @throws {CodecError} for what no decoder would accept
 */
export function encodeAnnouncement(announcement) {
  const bytes = writeAnnouncement(announcement);
  readAnnouncement(bytes);
  return bytes;
}

/**
 * The attestation as a TLV, type and length included. Consumers of the rust-dlc
 * family need the `counted` layout.
 *
 * @param {Attestation} attestation
 * @param {Layout} [layout]
 * @returns {Uint8Array}
 * @throws {CodecError} for what no decoder would accept
 */
export function encodeAttestation(attestation, layout = 'spec') {
  const bytes = writeAttestation(attestation, layout);
  readAttestation(bytes);
  return bytes;
}

/**
 * The event TLV, type and length included: what the announcement signature signs.
 *
 * @param {OracleEvent} event
 * @returns {Uint8Array}
 */
export function encodeEvent(event) {
  return writeEvent(event);
}

/**
 * The announcement as DLC JSON, an object to be serialised.
 *
 * @param {Announcement} announcement
 * @returns {AnnouncementJson}
 * @throws {CodecError} for what no decoder would accept
 */
export function announcementToJson(announcement) {
  const json = announcementJson(announcement);
  readAnnouncementJson(JSON.stringify(json));
  return json;
}

/**
 * The attestation as DLC JSON, an object to be serialised.
 *
 * @param {Attestation} attestation
 * @returns {AttestationJson}
 * @throws {CodecError} for what no decoder would accept
 */
export function attestationToJson(attestation) {
  const json = attestationJson(attestation);
  readAttestationJson(JSON.stringify(json));
  return json;
}

/**
 * The hex text of a message's bytes.
 *
 * @param {Uint8Array} tlv
 * @returns {string}
 */
export function toHex(tlv) {
  return bytesToHex(tlv);
}

/**
 * JSON text, or the bytes of a TLV.
 *
 * No message is valid in two forms: a binary one starts with a TLV header that
 * is not UTF-8, or, bare, holds a key or a signature that would have to be text
 * from end to end.
 *
 * @param {Uint8Array | string} input
 * @returns {string | Uint8Array}
 */
function formOf(input) {
  const whole = typeof input === 'string' ? input : utf8ToText(input);
  const text = whole?.replace(/^[ \t\n\f\r]+|[ \t\n\f\r]+$/g, '');
  if (text?.startsWith('{')) return text;
  const bytes = text ? hexBytes(text) : null;
  if (bytes) return bytes;
  if (typeof input !== 'string') return input;
  throw new CodecError('type', 'message', 0, 'is neither hex nor JSON');
}
