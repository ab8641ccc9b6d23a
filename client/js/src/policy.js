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
import { ArgumentError, HashError, MalformedError } from './errors.js';
import { memberOf } from './http.js';
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
 * What a policy asks, in the words that its hash pins.
 *
 * @typedef {object} Question
 * @property {string | null} title what is asked, in one line
 * @property {string | null} description what counts, what does not, where to look; lines end in `\n`
 * @property {Readonly<Record<string, string>>} names for people, by role (`home`, `office`, …) or outcome
 */

/**
 * The question of a policy as an event of that maturity asks it. One document
 * serves all events of a series: its texts are templates in which `{maturity}`,
 * `{price}`, `{unit}` and `{above}` stand for what event and rule say. What
 * stands for nothing stays as it is.
 *
 * @param {Policy} policy
 * @param {number} [maturity] Unix seconds; without it `{maturity}` stays
 * @returns {Question}
 */
export function questionOf({ document }, maturity) {
  const values = placeholders(memberOf(document, 'rule'), maturity);
  /** @param {string} key */
  const rendered = (key) => {
    const template = memberOf(document, key);
    return typeof template === 'string' ? render(template, values) : null;
  };
  const names = Object.entries(memberOf(document, 'names') ?? {}).filter(([, name]) => typeof name === 'string');
  return Object.freeze({
    title: rendered('title'),
    description: rendered('description'),
    names: Object.freeze(Object.fromEntries(names)),
  });
}

/**
 * @param {unknown} rule
 * @param {number | undefined} maturity
 * @returns {Map<string, string>}
 */
function placeholders(rule, maturity) {
  const values = new Map();
  /**
   * @param {string} name
   * @param {unknown} value
   */
  const put = (name, value) => {
    if (typeof value === 'string') values.set(name, value);
  };
  // In whole seconds, as event ids write it.
  if (maturity !== undefined) put('maturity', new Date(maturity * 1000).toISOString().replace('.000Z', 'Z'));
  const kind = memberOf(rule, 'kind');
  if (kind === 'digits' || kind === 'threshold') put('price', memberOf(memberOf(rule, 'price'), 'name'));
  if (kind === 'digits') put('unit', memberOf(rule, 'unit'));
  if (kind === 'match' || kind === 'fact') put('unit', memberOf(memberOf(rule, 'digits'), 'unit'));
  if (kind === 'threshold') put('above', memberOf(rule, 'above'));
  return values;
}

/**
 * Fills in a template. What is filled in is not looked at again.
 *
 * @param {string} template
 * @param {Map<string, string>} values
 */
function render(template, values) {
  return template.replaceAll(/\{([^{}]*)\}/g, (whole, name) => values.get(name) ?? whole);
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
 * @throws {ArgumentError} for a lone surrogate, which RFC 8785 excludes
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
  if (!isText(text)) throw new ArgumentError('document', 'canonical JSON has no lone surrogates');
  return JSON.stringify(text);
}
