/**
 * JSON read without losing anything: unlike `JSON.parse` it refuses a repeated
 * key instead of keeping the last, and keeps numbers as they are written.
 *
 * Source: RFC 8259.
 *
 * @module
 */
import { CodecError } from './errors.js';
import { isText } from './bytes.js';

/**
 * A value as written. Numbers stay text in {@link JsonNumber}, objects are maps.
 *
 * @typedef {null | boolean | string | JsonNumber | JsonValue[] | Map<string, JsonValue>} JsonValue
 */

/** A number's literal text. */
export class JsonNumber {
  /** @param {string} literal */
  constructor(literal) {
    /** @readonly */
    this.literal = literal;
  }
}

const MAX_DEPTH = 127;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const PLAIN = /[^"\\\u0000-\u001f]*/y;
const SPACE = /[ \t\n\r]*/y;
/** @type {Readonly<Record<string, string>>} */
const ESCAPES = { '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/**
 * Reads exactly one JSON text.
 *
 * @param {string} text
 * @returns {JsonValue}
 * @throws {CodecError} `json`
 */
export function parseJson(text) {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  #text;
  #at = 0;

  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }

  /**
   * @param {number} depth
   * @returns {JsonValue}
   */
  value(depth) {
    if (depth > MAX_DEPTH) throw this.#error('is nested too deeply');
    this.#match(SPACE);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(depth);
      case '[':
        return this.#array(depth);
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  end() {
    this.#match(SPACE);
    if (this.#at !== this.#text.length) throw this.#error('goes on after its end');
  }

  /** @param {number} depth */
  #object(depth) {
    /** @type {Map<string, JsonValue>} */
    const members = new Map();
    this.#at += 1;
    if (this.#next('}')) return members;
    do {
      this.#match(SPACE);
      if (this.#text[this.#at] !== '"') throw this.#error('lacks a key');
      const key = this.#string();
      if (members.has(key)) throw this.#error(`has the key ${JSON.stringify(key)} twice`);
      this.#expect(':');
      members.set(key, this.value(depth + 1));
    } while (this.#next(','));
    this.#expect('}');
    return members;
  }

  /** @param {number} depth */
  #array(depth) {
    /** @type {JsonValue[]} */
    const items = [];
    this.#at += 1;
    if (this.#next(']')) return items;
    do {
      items.push(this.value(depth + 1));
    } while (this.#next(','));
    this.#expect(']');
    return items;
  }

  #string() {
    let out = '';
    this.#at += 1;
    for (;;) {
      out += this.#match(PLAIN);
      const stop = this.#text[this.#at];
      this.#at += 1;
      if (stop === '"') break;
      if (stop !== '\\') throw this.#error('has an unfinished string or a control character in one');
      out += this.#escape();
    }
    if (!isText(out)) throw this.#error('has a lone surrogate');
    return out;
  }

  #escape() {
    const letter = this.#text[this.#at] ?? '';
    this.#at += 1;
    if (letter === 'u') {
      const digits = this.#text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error('has an escape that is none');
      this.#at += 4;
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const char = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (char === undefined) throw this.#error('has an escape that is none');
    return char;
  }

  #number() {
    const literal = this.#match(NUMBER);
    if (literal === '') throw this.#error('has no value where one is due');
    // Beyond what any reader of the ecosystem can hold.
    if (!Number.isFinite(Number(literal))) throw this.#error('has a number out of range');
    return new JsonNumber(literal);
  }

  /**
   * @template {JsonValue} T
   * @param {string} word
   * @param {T} value
   * @returns {T}
   */
  #word(word, value) {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error('has no value where one is due');
    this.#at += word.length;
    return value;
  }

  /** @param {RegExp} pattern sticky, and matching at least the empty text unless it is a number */
  #match(pattern) {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  /** @param {string} char */
  #next(char) {
    this.#match(SPACE);
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  /** @param {string} char */
  #expect(char) {
    if (!this.#next(char)) throw this.#error(`lacks a ${char}`);
  }

  /** @param {string} problem */
  #error(problem) {
    return new CodecError('json', 'JSON', 0, `${problem} (at character ${this.#at})`);
  }
}
