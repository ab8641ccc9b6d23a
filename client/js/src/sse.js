/**
 * Server-Sent Events from bytes.
 *
 * Source: WHATWG HTML, "Server-sent events", "Interpreting an event stream".
 *
 * @module
 */
import { TooLargeError } from './errors.js';

/**
 * @typedef {object} ServerEvent
 * @property {string} event its kind; `message` where the server names none
 * @property {string | null} data null where there is none: a comment with an id, as heartbeats are
 * @property {string} id the last id seen, also of earlier events
 */

/** Reads a stream that arrives in pieces cut anywhere. */
export class EventParser {
  #decoder = new TextDecoder();
  #limit;
  #line = '';
  #afterReturn = false;
  #length = 0;
  #event = '';
  /** @type {string[]} */
  #data = [];
  #id = '';
  #hasId = false;

  /** @param {number} limit longest single event, characters */
  constructor(limit) {
    this.#limit = limit;
  }

  /**
   * The events that this piece completes.
   *
   * @param {Uint8Array} piece
   * @returns {ServerEvent[]}
   * @throws {TooLargeError}
   */
  push(piece) {
    /** @type {ServerEvent[]} */
    const complete = [];
    let text = this.#decoder.decode(piece, { stream: true });
    // The second half of a line end whose first half ended the last piece.
    const half = this.#afterReturn && text.startsWith('\n');
    if (text !== '') this.#afterReturn = text.endsWith('\r');
    if (half) text = text.slice(1);
    const lines = text.split(/\r\n|\n|\r/);
    const rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.#take(this.#line + line);
      this.#line = '';
      if (event) complete.push(event);
    }
    this.#line += rest;
    if (this.#length + this.#line.length > this.#limit) throw this.#tooLarge();
    return complete;
  }

  /**
   * @param {string} line
   * @returns {ServerEvent | null} on the blank line that ends an event with data or an id
   */
  #take(line) {
    if (line === '') return this.#dispatch();
    this.#length += line.length;
    if (this.#length > this.#limit) throw this.#tooLarge();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#event = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) {
      this.#id = value;
      this.#hasId = true;
    }
    return null;
  }

  #dispatch() {
    const data = this.#data.length === 0 ? null : this.#data.join('\n');
    const event = { event: this.#event || 'message', data, id: this.#id };
    const empty = data === null && !this.#hasId;
    this.#event = '';
    this.#hasId = false;
    this.#data = [];
    this.#length = 0;
    return empty ? null : event;
  }

  #tooLarge() {
    return new TooLargeError('stream', this.#limit);
  }
}
