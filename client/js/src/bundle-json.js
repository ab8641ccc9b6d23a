/**
 * The form of a bundle: JSON, of which nothing is known to be true.
 *
 * @module
 */
import { textToUtf8, utf8ToText } from './bytes.js';
import { BundleError, CodecError } from './errors.js';
import { JsonNumber, parseJson } from './json.js';

/** @import { JsonValue } from './json.js' */

/** What `format` says. */
const FORMAT = 'peercoin-dlc-oracle/bundle/v1';
/** Longest bundle that is read, bytes: policies are the longest part of it. */
export const MAX_BUNDLE = 32 * 1024 * 1024;

/**
 * An entry of the log and the way from it to the checkpoint's root.
 *
 * @typedef {object} Included
 * @property {bigint} position
 * @property {string} entry base64
 * @property {readonly string[]} hashes base64
 */

/**
 * An anchor as it is served, and that the checkpoint continues the anchored one.
 *
 * @typedef {object} CoveringAnchor
 * @property {string} origin
 * @property {bigint} size
 * @property {string} root
 * @property {string} note
 * @property {string} txid
 * @property {bigint} vout
 * @property {string} transaction
 * @property {import('./anchor.js').Confirmation | null} confirmation
 * @property {readonly string[]} consistency
 */

/**
 * A bundle whose form alone is known.
 *
 * @typedef {object} Bundle
 * @property {string} eventId
 * @property {string} checkpoint
 * @property {Included} genesis
 * @property {Included} announcement
 * @property {Included | null} nonceProof
 * @property {Included | null} attestation
 * @property {Included | null} notice
 * @property {string} policy
 * @property {CoveringAnchor | null} anchor
 * @property {{from: bigint, hashes: readonly string[]} | null} consistency
 */

/**
 * Reads a bundle; nothing is checked but its form. Members that this version does
 * not know are passed over.
 *
 * @param {Uint8Array | string} input
 * @returns {Bundle}
 * @throws {BundleError}
 */
export function readBundle(input) {
  const length = typeof input === 'string' ? textToUtf8(input).length : input.length;
  if (length > MAX_BUNDLE) throw new BundleError('too-long', null, `the bundle is longer than ${MAX_BUNDLE} bytes`);
  const text = typeof input === 'string' ? input : utf8ToText(input);
  const root = membersOf(text === null ? null : parsed(text), 'the bundle');
  const bundle = {
    format: root.text('format'),
    eventId: root.text('event_id'),
    checkpoint: root.text('checkpoint'),
    genesis: included(root.part('genesis')),
    announcement: included(root.part('announcement')),
    nonceProof: root.optional('nonce_proof', included),
    attestation: root.optional('attestation', included),
    notice: root.optional('notice', included),
    policy: root.text('policy'),
    anchor: root.optional('anchor', anchorOf),
    consistency: root.optional('consistency', (part) => ({ from: part.uint('from'), hashes: part.texts('hashes') })),
  };
  if (bundle.format !== FORMAT) {
    throw new BundleError('format', null, `format is ${JSON.stringify(bundle.format)}; this version reads ${JSON.stringify(FORMAT)}`);
  }
  return bundle;
}

/** @param {string} text */
export function parsed(text) {
  try {
    return parseJson(text);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new BundleError('json', null, `not a bundle: ${error.message}`, { cause: error });
  }
}

/** @param {Members} part @returns {Included} */
export function included(part) {
  return { position: part.uint('leaf_index'), entry: part.text('entry'), hashes: part.texts('hashes') };
}

/** @param {Members} part @returns {CoveringAnchor} */
function anchorOf(part) {
  const [origin, root, note] = [part.text('origin'), part.text('root'), part.text('note')];
  const [txid, transaction] = [part.text('txid'), part.text('transaction')];
  return {
    ...{ origin, root, note, txid, transaction },
    size: part.uint('size'),
    vout: part.uint('vout', 32n),
    confirmation: part.optional('confirmation', (block) => ({
      height: block.uint('height'),
      blockHash: block.text('block_hash'),
      confirmedAt: block.text('confirmed_at'),
      header: block.text('header'),
      position: block.uint('position', 32n),
      branch: block.texts('branch'),
    })),
    consistency: part.texts('consistency'),
  };
}

/**
 * @param {JsonValue | undefined} value
 * @param {string} what
 */
export function membersOf(value, what) {
  if (!(value instanceof Map)) throw shape(what, 'is not an object');
  return new Members(value, what);
}

/**
 * @param {string} what
 * @param {string} problem
 */
function shape(what, problem) {
  return new BundleError('json', null, `not a bundle: ${what} ${problem}`);
}

/** The members of an object, each of the type that is asked for. */
class Members {
  #map;
  #what;

  /**
   * @param {Map<string, JsonValue>} map
   * @param {string} what
   */
  constructor(map, what) {
    this.#map = map;
    this.#what = what;
  }

  /** @param {string} name */
  text(name) {
    const value = this.#map.get(name);
    if (typeof value !== 'string') throw shape(`${name} of ${this.#what}`, 'is not a string');
    return value;
  }

  /** @param {string} name */
  texts(name) {
    const value = this.#map.get(name);
    if (!Array.isArray(value)) throw shape(`${name} of ${this.#what}`, 'is not an array');
    return value.map((item) => {
      if (typeof item !== 'string') throw shape(`${name} of ${this.#what}`, 'is not an array of strings');
      return item;
    });
  }

  /**
   * @param {string} name
   * @param {bigint} [bits]
   */
  uint(name, bits = 64n) {
    const value = this.#map.get(name);
    const literal = value instanceof JsonNumber && /^(?:0|[1-9][0-9]{0,19})$/.test(value.literal) ? value.literal : null;
    if (literal === null || BigInt(literal) >> bits !== 0n) throw shape(`${name} of ${this.#what}`, 'is not a number that it can be');
    return BigInt(literal);
  }

  /** @param {string} name */
  part(name) {
    return membersOf(this.#map.get(name), name);
  }

  /**
   * @template T
   * @param {string} name
   * @param {(part: Members) => T} read
   * @returns {T | null} null where the member is absent or null
   */
  optional(name, read) {
    const value = this.#map.get(name) ?? null;
    return value === null ? null : read(membersOf(value, name));
  }
}
