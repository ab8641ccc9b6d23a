/**
 * Bytes of the wire read one field after the other, strictly (BOLT 1, dlcspecs
 * `Messaging.md`).
 *
 * @module
 */
import { bytesToHex, bytesToNumber, utf8ToText } from './bytes.js';
import { liftX } from './curve.js';
import { CodecError } from './errors.js';
import { MAX_STRING_BYTES, eventIdProblem } from './event.js';

/** A TLV type and the specification's name of it. @typedef {readonly [type: bigint, name: string]} MessageType */

/** A cursor that knows where it is in the whole input. */
export class Reader {
  #bytes;
  /** Position in the whole input. */
  offset;

  /**
   * @param {Uint8Array} bytes
   * @param {number} [offset]
   */
  constructor(bytes, offset = 0) {
    this.#bytes = bytes;
    this.offset = offset;
  }

  clone() {
    return new Reader(this.#bytes, this.offset);
  }

  /** All that is left. */
  rest() {
    return this.#take('rest', this.#bytes.length);
  }

  /** @param {MessageType} due */
  startsWith([type, field]) {
    try {
      return this.clone().#bigsize(field) === type;
    } catch {
      return false;
    }
  }

  /**
   * @param {string} field
   * @param {number | bigint} length
   */
  #take(field, length) {
    const left = this.#bytes.length;
    if (length > left) {
      throw new CodecError('truncated', field, this.offset, `needs ${length} bytes; ${left} are left`);
    }
    const taken = this.#bytes.subarray(0, Number(length));
    this.#bytes = this.#bytes.subarray(taken.length);
    this.offset += taken.length;
    return taken;
  }

  /**
   * @param {string} field
   * @param {number} width at most 4 bytes
   * @returns {number}
   */
  uint(field, width) {
    return Number(bytesToNumber(this.#take(field, width)));
  }

  /** @param {string} field */
  boolean(field) {
    const { offset } = this;
    const byte = this.uint(field, 1);
    if (byte > 1) throw new CodecError('boolean', field, offset, `is ${byte}; a boolean is 0 or 1`);
    return byte === 1;
  }

  /**
   * @param {string} field
   * @returns {bigint}
   */
  #bigsize(field) {
    const { offset } = this;
    const first = this.uint(field, 1);
    if (first < 0xfd) return BigInt(first);
    const [width, least] = first === 0xfd ? [2, 0xfdn] : first === 0xfe ? [4, 0x1_0000n] : [8, 0x1_0000_0000n];
    const value = bytesToNumber(this.#take(field, width));
    if (value < least) throw new CodecError('not-minimal', field, offset, 'is not a minimal bigsize');
    return value;
  }

  /**
   * @param {string} field
   * @returns {string}
   */
  string(field) {
    const { offset } = this;
    const length = this.#bigsize(field);
    if (length > MAX_STRING_BYTES) throw tooLong(field, offset, length);
    const text = utf8ToText(this.#take(field, length));
    if (text === null) throw new CodecError('utf8', field, offset, 'is not UTF-8');
    return text;
  }

  eventId() {
    const { offset } = this;
    const id = this.string('event_id');
    const problem = eventIdProblem(id);
    if (problem) throw new CodecError('event-id', 'event_id', offset, problem);
    return id;
  }

  /**
   * @param {string} field
   * @param {number} length bytes
   */
  hex(field, length) {
    return bytesToHex(this.#take(field, length));
  }

  /** @param {string} field */
  point(field) {
    const { offset } = this;
    const xonly = this.hex(field, 32);
    if (!liftX(xonly)) throw new CodecError('point', field, offset, 'is not an x-only point on the curve');
    return xonly;
  }

  /**
   * A non-empty list behind a `u16` count. `least` is the fewest bytes an item
   * takes: a count that the bytes cannot hold is refused before the first.
   *
   * @template T
   * @param {string} field
   * @param {number} least
   * @param {(reader: Reader) => T} item
   * @returns {readonly T[]}
   */
  list(field, least, item) {
    const { offset } = this;
    const count = this.uint(field, 2);
    if (count === 0) throw new CodecError('empty', field, offset, 'is empty');
    const left = this.#bytes.length;
    if (count * least > left) {
      throw new CodecError('truncated', field, this.offset, `needs ${count * least} bytes; ${left} are left`);
    }
    return Object.freeze(Array.from({ length: count }, () => item(this)));
  }

  /** @param {string} field */
  anyTlv(field) {
    const type = this.#bigsize(field);
    const length = this.#bigsize(field);
    const { offset } = this;
    return { type, body: new Reader(this.#take(field, length), offset) };
  }

  /** @param {MessageType} due */
  tlv([due, field]) {
    const { offset } = this;
    const { type, body } = this.anyTlv(field);
    if (type !== due) throw new CodecError('type', field, offset, `has TLV type ${type}`);
    return body;
  }

  /** @param {string} field */
  end(field) {
    const count = this.#bytes.length;
    if (count > 0) throw new CodecError('trailing', field, this.offset, `is followed by ${count} bytes`);
  }
}

/**
 * The refusal of a text longer than any message has.
 *
 * @param {string} field
 * @param {number} offset
 * @param {number | bigint} length
 */
export function tooLong(field, offset, length) {
  return new CodecError('too-long', field, offset, `is ${length} bytes long; at most ${MAX_STRING_BYTES} are allowed`);
}
