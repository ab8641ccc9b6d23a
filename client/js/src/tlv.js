/**
 * The binary form: dlcspecs `Messaging.md`.
 *
 * Every message is `bigsize type ‖ bigsize length ‖ body`; integers are
 * big-endian; a string is its bigsize byte length and its UTF-8 bytes. `base`
 * is a `u16` (the specification's text says bigsize; no implementation does).
 *
 * @module
 */
import { concatBytes, hexBytes, textToUtf8 } from './bytes.js';
import { CodecError } from './errors.js';
import { MAX_STRING_BYTES, descriptorProblem } from './event.js';
import { Reader, tooLong } from './reader.js';

/** @import { Announcement, Attestation, Descriptor, OracleEvent } from './event.js' */
/** @import { MessageType } from './reader.js' */

/** @type {MessageType} */
const ANNOUNCEMENT = [55332n, 'oracle_announcement'];
/** @type {MessageType} */
const EVENT = [55330n, 'oracle_event'];
const ENUM = 55302n;
const DIGITS = 55306n;
/** @type {MessageType} */
const ATTESTATION = [55400n, 'oracle_attestation'];

/**
 * How an attestation lays out its outcomes: `spec` directly after the
 * signatures (dlcspecs, bitcoin-s), `counted` behind a `u16` count (rust-dlc,
 * ddk, node-dlc). Both carry the same signatures.
 *
 * @typedef {'spec' | 'counted'} Layout
 */

/**
 * Whether bytes begin as a message does, whatever follows.
 *
 * @param {Uint8Array} bytes
 */
export function isMessage(bytes) {
  return [ANNOUNCEMENT, ATTESTATION].some((type) => new Reader(bytes).startsWith(type));
}

// --- writing ---------------------------------------------------------------

/**
 * The event TLV, type and length included: what the announcement signature signs.
 *
 * @param {OracleEvent} event
 * @returns {Uint8Array}
 */
export function writeEvent(event) {
  const body = concatBytes(
    list('oracle_nonces', event.nonces, (nonce) => hexField('oracle_nonces', nonce, 32)),
    unsigned('event_maturity_epoch', event.maturity, 4),
    writeDescriptor(event.descriptor),
    string('event_id', event.eventId),
  );
  return wrap(EVENT[0], body);
}

/** @param {Descriptor} descriptor */
function writeDescriptor(descriptor) {
  if (descriptor.kind === 'enum') {
    return wrap(ENUM, list('outcomes', descriptor.outcomes, (text) => string('outcomes', text)));
  }
  const body = concatBytes(
    unsigned('base', descriptor.base, 2),
    Uint8Array.of(descriptor.isSigned ? 1 : 0),
    string('unit', descriptor.unit),
    signed('precision', descriptor.precision),
    unsigned('nb_digits', descriptor.nbDigits, 2),
  );
  return wrap(DIGITS, body);
}

/**
 * @param {Announcement} announcement
 * @returns {Uint8Array}
 */
export function writeAnnouncement({ signature, oraclePublicKey, event }) {
  const body = concatBytes(
    hexField('announcement_signature', signature, 64),
    hexField('oracle_public_key', oraclePublicKey, 32),
    writeEvent(event),
  );
  return wrap(ANNOUNCEMENT[0], body);
}

/**
 * @param {Attestation} attestation
 * @param {Layout} layout
 * @returns {Uint8Array}
 */
export function writeAttestation({ eventId, oraclePublicKey, signatures, outcomes }, layout) {
  const texts = outcomes.map((text) => string('outcomes', text));
  const body = concatBytes(
    ...(eventId === null ? [] : [string('event_id', eventId)]),
    hexField('oracle_public_key', oraclePublicKey, 32),
    list('signatures', signatures, (signature) => hexField('signatures', signature, 64)),
    ...(layout === 'counted' ? [unsigned('outcomes', texts.length, 2)] : []),
    ...texts,
  );
  return wrap(ATTESTATION[0], body);
}

/**
 * @param {bigint} type
 * @param {Uint8Array} body
 */
function wrap(type, body) {
  return concatBytes(bigsize(type), bigsize(BigInt(body.length)), body);
}

/**
 * A bigsize in its minimal form (BOLT 1).
 *
 * @param {bigint} value
 */
function bigsize(value) {
  if (value < 0xfdn) return Uint8Array.of(Number(value));
  const [prefix, width] = value < 0x1_0000n ? [0xfd, 2] : value < 0x1_0000_0000n ? [0xfe, 4] : [0xff, 8];
  return concatBytes(Uint8Array.of(prefix), bigEndian(value, width));
}

/**
 * @param {bigint} value
 * @param {number} width bytes
 */
function bigEndian(value, width) {
  const out = new Uint8Array(width);
  for (let i = width - 1, rest = value; i >= 0; i -= 1, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

/**
 * @param {string} field
 * @param {number} value
 * @param {number} width bytes
 */
function unsigned(field, value, width) {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
    throw new CodecError('too-long', field, 0, `${value} does not fit ${width} bytes`);
  }
  return bigEndian(BigInt(value), width);
}

/**
 * @param {string} field
 * @param {number} value
 */
function signed(field, value) {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
    throw new CodecError('too-long', field, 0, `${value} does not fit 4 bytes`);
  }
  return bigEndian(BigInt.asUintN(32, BigInt(value)), 4);
}

/**
 * @param {string} field
 * @param {string} text
 */
function string(field, text) {
  const bytes = textToUtf8(text);
  if (bytes.length > MAX_STRING_BYTES) throw tooLong(field, 0, bytes.length);
  return concatBytes(bigsize(BigInt(bytes.length)), bytes);
}

/**
 * @param {string} field
 * @param {string} hex
 * @param {number} length bytes
 */
function hexField(field, hex, length) {
  const bytes = hexBytes(hex);
  if (bytes?.length !== length) throw new CodecError('truncated', field, 0, `is not ${length} bytes of hex`);
  return bytes;
}

/**
 * @template T
 * @param {string} field
 * @param {readonly T[]} items
 * @param {(item: T) => Uint8Array} write
 */
function list(field, items, write) {
  return concatBytes(unsigned(field, items.length, 2), ...items.map(write));
}

// --- reading ---------------------------------------------------------------

/**
 * Reads an announcement TLV, or its bare body.
 *
 * @param {Uint8Array} bytes
 * @returns {Announcement}
 * @throws {CodecError}
 */
export function readAnnouncement(bytes) {
  return eitherForm(bytes, ANNOUNCEMENT, (body) => {
    const signature = body.hex('announcement_signature', 64);
    const oraclePublicKey = body.point('oracle_public_key');
    const event = readEvent(body);
    body.end(ANNOUNCEMENT[1]);
    return Object.freeze({ signature, oraclePublicKey, event });
  });
}

/**
 * @param {Reader} outer
 * @returns {OracleEvent}
 */
function readEvent(outer) {
  const body = outer.tlv(EVENT);
  const nonces = body.list('oracle_nonces', 32, (r) => r.point('oracle_nonces'));
  const maturity = body.uint('event_maturity_epoch', 4);
  const descriptor = readDescriptor(body);
  const eventId = body.eventId();
  body.end(EVENT[1]);
  return Object.freeze({ nonces, maturity, descriptor, eventId });
}

/**
 * @param {Reader} outer
 * @returns {Descriptor}
 */
function readDescriptor(outer) {
  const field = 'event_descriptor';
  const offset = outer.offset;
  const { type, body } = outer.anyTlv(field);
  /** @type {Descriptor} */
  let descriptor;
  if (type === ENUM) {
    descriptor = { kind: 'enum', outcomes: body.list('outcomes', 1, (r) => r.string('outcomes')) };
  } else if (type === DIGITS) {
    descriptor = {
      kind: 'digits',
      base: body.uint('base', 2),
      isSigned: body.boolean('is_signed'),
      unit: body.string('unit'),
      precision: body.uint('precision', 4) | 0,
      nbDigits: body.uint('nb_digits', 2),
    };
  } else {
    throw new CodecError('type', field, offset, `has TLV type ${type}`);
  }
  body.end(field);
  const problem = descriptorProblem(descriptor);
  if (problem) throw new CodecError('descriptor', field, offset, problem);
  return Object.freeze(descriptor);
}

/**
 * Reads an attestation TLV, or its bare body, in either layout, with an event
 * id or in the old form without one.
 *
 * Nothing on the wire says which of the four it is. Each is tried strictly and
 * the first that fits is taken: with an id before without, `spec` before
 * `counted`. When none fits, the error is that of the one that came furthest.
 *
 * @param {Uint8Array} bytes
 * @returns {{attestation: Attestation, layout: Layout}}
 * @throws {CodecError}
 */
export function readAttestation(bytes) {
  return eitherForm(bytes, ATTESTATION, (body) => {
    /** @type {CodecError | null} */
    let furthest = null;
    for (const hasId of [true, false]) {
      for (const layout of /** @type {const} */ (['spec', 'counted'])) {
        try {
          return { attestation: readAttestationAs(body.clone(), hasId, layout), layout };
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
          if (furthest === null || furthest.offset < error.offset) furthest = error;
        }
      }
    }
    throw furthest ?? new CodecError('empty', ATTESTATION[1], 0, 'is empty');
  });
}

/**
 * @param {Reader} body
 * @param {boolean} hasId
 * @param {Layout} layout
 * @returns {Attestation}
 */
function readAttestationAs(body, hasId, layout) {
  const eventId = hasId ? body.eventId() : null;
  const oraclePublicKey = body.point('oracle_public_key');
  const signatures = body.list('signatures', 64, (r) => r.hex('signatures', 64));
  /** @param {Reader} r */
  const outcome = (r) => {
    const { offset } = r;
    const text = r.string('outcomes');
    if (text === '') throw new CodecError('empty', 'outcomes', offset, 'is empty');
    return text;
  };
  const { offset } = body;
  const outcomes =
    layout === 'counted'
      ? body.list('outcomes', 1, outcome)
      : Object.freeze(signatures.map(() => outcome(body)));
  if (outcomes.length !== signatures.length) {
    const problem = `has ${outcomes.length} items; ${signatures.length} are due`;
    throw new CodecError('count', 'outcomes', offset, problem);
  }
  body.end(ATTESTATION[1]);
  return Object.freeze({ eventId, oraclePublicKey, signatures, outcomes });
}

/**
 * Reads a message with its TLV header, or, failing that, as a bare body.
 *
 * A body can begin with the bytes of a header (a signature may), so a header
 * that leads nowhere is not the last word; but its error is the better one.
 *
 * @template T
 * @param {Uint8Array} bytes
 * @param {MessageType} due
 * @param {(body: Reader) => T} read
 * @returns {T}
 */
function eitherForm(bytes, due, read) {
  if (!new Reader(bytes).startsWith(due)) return read(new Reader(bytes));
  try {
    const reader = new Reader(bytes);
    const body = reader.tlv(due);
    reader.end(due[1]);
    return read(body);
  } catch (error) {
    try {
      return read(new Reader(bytes));
    } catch {
      throw error;
    }
  }
}
