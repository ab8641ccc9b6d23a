/**
 * The policy document: the rules by which facts become an outcome, fixed at the
 * announcement.
 *
 * The oracle publishes it as canonical JSON (RFC 8785); its hash is the SHA-256
 * of exactly these bytes and goes into the event's nonces.
 *
 * @module
 */
import { isText, textToUtf8, utf8ToText } from './bytes.js';
import { HashError, MalformedError } from './errors.js';
import { sha256Hex } from './tags.js';

/**
 * @typedef {null | boolean | number | string | JsonDocument[] | {readonly [key: string]: JsonDocument}} JsonDocument
 */

/**
 * A policy whose bytes have been checked.
 *
 * @typedef {object} Policy
 * @property {string} hash SHA-256 of the bytes, hex
 * @property {string} text the canonical JSON
 * @property {JsonDocument} document the same, parsed
 */

/**
 * Reads a policy document: canonical JSON and nothing else.
 *
 * @param {Uint8Array | string} input
 * @param {string} [expectedHash] hex; what a contract or the event names
 * @returns {Policy}
 * @throws {HashError | MalformedError}
 */
export function readPolicy(input, expectedHash) {
  const bytes = typeof input === 'string' ? textToUtf8(input) : input;
  const hash = sha256Hex(bytes);
  if (expectedHash !== undefined && hash !== expectedHash.toLowerCase()) {
    throw new HashError('policy', expectedHash, hash);
  }
  const text = utf8ToText(bytes);
  if (text === null) throw new MalformedError('policy', 'is not UTF-8');
  const document = parseCanonical(text);
  if (document === undefined) throw new MalformedError('policy', 'is not canonical JSON (RFC 8785)');
  return Object.freeze({ hash, text, document });
}

/**
 * @param {string} text
 * @returns {JsonDocument | undefined}
 */
function parseCanonical(text) {
  try {
    /** @type {JsonDocument} */
    const document = JSON.parse(text);
    // A repeated key, a number that JavaScript cannot hold, a space too many:
    // all of them come out as other text.
    return canonicalJson(document) === text ? document : undefined;
  } catch {
    // No JSON, no Unicode text, or nested so deeply that nobody wrote it in earnest.
    return undefined;
  }
}

/**
 * The canonical text of a JSON document (RFC 8785): keys in the order of their
 * UTF-16 code units, no space, numbers and strings as ECMAScript writes them.
 *
 * @param {JsonDocument} document
 * @returns {string}
 * @throws {TypeError} for a lone surrogate, which RFC 8785 excludes
 */
export function canonicalJson(document) {
  if (typeof document === 'string') return quoted(document);
  if (document === null || typeof document !== 'object') return JSON.stringify(document);
  if (Array.isArray(document)) return `[${document.map(canonicalJson).join()}]`;
  const members = Object.entries(document)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${quoted(key)}:${canonicalJson(value)}`);
  return `{${members.join()}}`;
}

/** @param {string} text */
function quoted(text) {
  if (!isText(text)) throw new TypeError('canonical JSON has no lone surrogates');
  return JSON.stringify(text);
}
