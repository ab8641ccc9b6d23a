/**
 * The JSON form: what the `use-serde` features of rust-dlc and ddk write.
 *
 * Every member must be there, once, and no other.
 *
 * @module
 */
import { bytesToHex, hexBytes, textToUtf8 } from './bytes.js';
import { liftX } from './curve.js';
import { CodecError } from './errors.js';
import { MAX_ITEMS, MAX_STRING_BYTES, descriptorProblem, eventIdProblem } from './event.js';
import { JsonNumber, parseJson } from './json.js';

/** @import { Announcement, Attestation, Descriptor } from './event.js' */
/** @import { JsonValue } from './json.js' */

/**
 * The DLC JSON of an announcement.
 *
 * @typedef {object} AnnouncementJson
 * @property {string} announcementSignature
 * @property {string} oraclePublicKey
 * @property {OracleEventJson} oracleEvent
 *
 * @typedef {object} OracleEventJson
 * @property {string[]} oracleNonces
 * @property {number} eventMaturityEpoch
 * @property {DescriptorJson} eventDescriptor
 * @property {string} eventId
 *
 * @typedef {{enumEvent: {outcomes: string[]}} | {digitDecompositionEvent: DigitsJson}} DescriptorJson
 *
 * @typedef {object} DigitsJson
 * @property {number} base
 * @property {boolean} isSigned
 * @property {string} unit
 * @property {number} precision
 * @property {number} nbDigits
 */

/**
 * The DLC JSON of an attestation; `eventId` is absent in the old form.
 *
 * @typedef {object} AttestationJson
 * @property {string} [eventId]
 * @property {string} oraclePublicKey
 * @property {string[]} signatures
 * @property {string[]} outcomes
 */

/**
 * @param {Announcement} announcement
 * @returns {AnnouncementJson}
 */
export function announcementJson({ signature, oraclePublicKey, event }) {
  return {
    announcementSignature: signature,
    oraclePublicKey,
    oracleEvent: {
      oracleNonces: [...event.nonces],
      eventMaturityEpoch: event.maturity,
      eventDescriptor: descriptorJson(event.descriptor),
      eventId: event.eventId,
    },
  };
}

/**
 * @param {Descriptor} descriptor
 * @returns {DescriptorJson}
 */
function descriptorJson(descriptor) {
  if (descriptor.kind === 'enum') return { enumEvent: { outcomes: [...descriptor.outcomes] } };
  const { kind: _, ...digits } = descriptor;
  return { digitDecompositionEvent: digits };
}

/**
 * @param {Attestation} attestation
 * @returns {AttestationJson}
 */
export function attestationJson({ eventId, oraclePublicKey, signatures, outcomes }) {
  const body = { oraclePublicKey, signatures: [...signatures], outcomes: [...outcomes] };
  return eventId === null ? body : { eventId, ...body };
}

/**
 * @param {string} text
 * @returns {Announcement}
 * @throws {CodecError}
 */
export function readAnnouncementJson(text) {
  const root = new Member(parseJson(text), '').object();
  const signature = root.take('announcementSignature').hex(64);
  const oraclePublicKey = root.take('oraclePublicKey').point();
  const body = root.take('oracleEvent').object();
  root.end();
  const nonces = body.take('oracleNonces').list((m) => m.point());
  const maturity = body.take('eventMaturityEpoch').integer(0, 0xffff_ffff);
  const descriptor = readDescriptor(body.take('eventDescriptor'));
  const eventId = body.take('eventId').eventId();
  body.end();
  const event = Object.freeze({ nonces, maturity, descriptor, eventId });
  return Object.freeze({ signature, oraclePublicKey, event });
}

/**
 * @param {Member} member
 * @returns {Descriptor}
 */
function readDescriptor(member) {
  const choice = member.object();
  /** @type {Descriptor} */
  let descriptor;
  if (choice.has('enumEvent')) {
    const body = choice.take('enumEvent').object();
    descriptor = { kind: 'enum', outcomes: body.take('outcomes').list((m) => m.text()) };
    body.end();
  } else if (choice.has('digitDecompositionEvent')) {
    const body = choice.take('digitDecompositionEvent').object();
    descriptor = {
      kind: 'digits',
      base: body.take('base').integer(0, 0xffff),
      isSigned: body.take('isSigned').boolean(),
      unit: body.take('unit').text(),
      precision: body.take('precision').integer(-(2 ** 31), 2 ** 31 - 1),
      nbDigits: body.take('nbDigits').integer(0, 0xffff),
    };
    body.end();
  } else {
    throw shape(member.path, 'has neither enumEvent nor digitDecompositionEvent');
  }
  choice.end();
  const problem = descriptorProblem(descriptor);
  if (problem) throw new CodecError('descriptor', member.path, 0, problem);
  return Object.freeze(descriptor);
}

/**
 * @param {string} text
 * @returns {Attestation}
 * @throws {CodecError}
 */
export function readAttestationJson(text) {
  const root = new Member(parseJson(text), '').object();
  const eventId = root.has('eventId') ? root.take('eventId').eventId() : null;
  const oraclePublicKey = root.take('oraclePublicKey').point();
  const signatures = root.take('signatures').list((m) => m.hex(64));
  const outcomes = root.take('outcomes').list((m) => m.someText());
  root.end();
  if (outcomes.length !== signatures.length) {
    throw shape('outcomes', `has ${outcomes.length} items for ${signatures.length} signatures`);
  }
  return Object.freeze({ eventId, oraclePublicKey, signatures, outcomes });
}

/**
 * @param {string} path
 * @param {string} problem
 */
function shape(path, problem) {
  return new CodecError('json-shape', path || 'message', 0, problem);
}

/** A value and where it stands. */
class Member {
  #value;

  /**
   * @param {JsonValue} value
   * @param {string} path
   */
  constructor(value, path) {
    this.#value = value;
    /** @readonly */
    this.path = path;
  }

  object() {
    if (!(this.#value instanceof Map)) throw shape(this.path, 'is not an object');
    return new Members(this.#value, this.path);
  }

  /**
   * @template T
   * @param {(item: Member) => T} item
   * @returns {readonly T[]}
   */
  list(item) {
    const values = this.#value;
    if (!Array.isArray(values) || values.length < 1 || values.length > MAX_ITEMS) {
      throw shape(this.path, `is not an array of 1 to ${MAX_ITEMS} items`);
    }
    return Object.freeze(values.map((value, i) => item(new Member(value, `${this.path}[${i}]`))));
  }

  text() {
    if (typeof this.#value !== 'string') throw shape(this.path, 'is not a string');
    if (textToUtf8(this.#value).length > MAX_STRING_BYTES) {
      throw shape(this.path, `is not at most ${MAX_STRING_BYTES} bytes long`);
    }
    return this.#value;
  }

  someText() {
    const text = this.text();
    if (text === '') throw shape(this.path, 'is empty');
    return text;
  }

  boolean() {
    if (typeof this.#value !== 'boolean') throw shape(this.path, 'is not true or false');
    return this.#value;
  }

  /**
   * @param {number} least
   * @param {number} most
   */
  integer(least, most) {
    const literal = this.#value instanceof JsonNumber ? this.#value.literal : '';
    const value = /^(?:0|-?[1-9][0-9]*)$/.test(literal) ? Number(literal) : NaN;
    if (!(value >= least && value <= most)) throw shape(this.path, 'is not an integer in range');
    return value;
  }

  /** @param {number} length bytes */
  hex(length) {
    const bytes = hexBytes(this.text());
    if (bytes?.length !== length) throw shape(this.path, `is not ${length} bytes of hex`);
    return bytesToHex(bytes);
  }

  point() {
    const xonly = this.hex(32);
    if (!liftX(xonly)) throw shape(this.path, 'is not an x-only point on the curve');
    return xonly;
  }

  eventId() {
    const id = this.text();
    const problem = eventIdProblem(id);
    if (problem) throw new CodecError('event-id', this.path, 0, problem);
    return id;
  }
}

/** Members not yet read. */
class Members {
  #rest;
  #path;

  /**
   * @param {Map<string, JsonValue>} members
   * @param {string} path
   */
  constructor(members, path) {
    this.#rest = new Map(members);
    this.#path = path;
  }

  /** @param {string} key */
  #pathOf(key) {
    return this.#path ? `${this.#path}.${key}` : key;
  }

  /** @param {string} key */
  has(key) {
    return this.#rest.has(key);
  }

  /** @param {string} key */
  take(key) {
    const value = this.#rest.get(key);
    if (value === undefined) throw shape(this.#pathOf(key), 'is missing');
    this.#rest.delete(key);
    return new Member(value, this.#pathOf(key));
  }

  end() {
    for (const key of this.#rest.keys()) throw shape(this.#pathOf(key), 'is not a member of this message');
  }
}
