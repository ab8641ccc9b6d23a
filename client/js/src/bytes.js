/**
 * Bytes, hex and text, without leniency.
 *
 * @module
 */
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';

export { bytesToHex, concatBytes } from '@noble/hashes/utils.js';

// Without `ignoreBOM` a leading U+FEFF would vanish from what was signed.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/**
 * UTF-8 bytes as text.
 *
 * @param {Uint8Array} bytes
 * @returns {string | null} null where they are not UTF-8
 */
export function utf8ToText(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}

/**
 * Text as UTF-8 bytes. Lone surrogates, which UTF-8 cannot hold, become U+FFFD:
 * {@link isText} comes first.
 *
 * @param {string} text
 * @returns {Uint8Array}
 */
export function textToUtf8(text) {
  return encoder.encode(text);
}

/**
 * Whether a string is Unicode text, without lone surrogates.
 *
 * @param {string} text
 */
export function isText(text) {
  return !/\p{Surrogate}/u.test(text);
}

/**
 * Whether text is in Unicode normalisation form C.
 *
 * @param {string} text
 */
export function isNfc(text) {
  return text.normalize('NFC') === text;
}

/**
 * Hex text of any case as bytes.
 *
 * @param {string} text
 * @returns {Uint8Array | null} null where it is not hex
 */
export function hexBytes(text) {
  return typeof text === 'string' && text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? hexToBytes(text) : null;
}

/**
 * Whether a value is lowercase hex of so many bytes, the only form of keys and
 * signatures inside this package.
 *
 * @param {unknown} value
 * @param {number} bytes
 * @returns {value is string}
 */
export function isHex(value, bytes) {
  return typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);
}

/**
 * A big-endian number as lowercase hex.
 *
 * @param {bigint} value
 * @param {number} bytes
 */
export function numberToHex(value, bytes) {
  return value.toString(16).padStart(2 * bytes, '0');
}

/**
 * @param {Uint8Array} bytes big-endian
 * @returns {bigint}
 */
export function bytesToNumber(bytes) {
  return BigInt(`0x${bytesToHex(bytes) || '0'}`);
}

/**
 * Standard base64 with padding, in its one spelling.
 *
 * @param {string} text
 * @returns {Uint8Array | null} null where it is not
 */
export function base64Bytes(text) {
  try {
    const raw = atob(text);
    if (btoa(raw) !== text) return null;
    const bytes = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i += 1) bytes[i] = raw.charCodeAt(i);
    return bytes;
  } catch {
    return null;
  }
}

/**
 * @param {Uint8Array} bytes
 * @returns {string} standard base64 with padding
 */
export function bytesToBase64(bytes) {
  let raw = '';
  for (const byte of bytes) raw += String.fromCharCode(byte);
  return btoa(raw);
}

/**
 * @param {Uint8Array} a
 * @param {Uint8Array} b
 */
export function sameBytes(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
