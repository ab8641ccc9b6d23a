/**
 * What a reader remembers of an oracle from one run to the next: the largest
 * checkpoint of each log, so that a later one must continue it, and the attested
 * nonces, so that none is accepted in another announcement.
 *
 * Whoever can choose enough outcomes can forge an announcement in the oracle's
 * name (`docs/threat-model.md`), and would put the nonce of a past event into it:
 * that event's public attestation then "settles" the forged one. A reader who
 * remembers what was attested refuses it, proven or not.
 *
 * Kept, it is lines of text, added at the end and never changed; the command line
 * client (`oracle`) keeps the same:
 *
 * ```text
 * log <size> <root, hex> <identity>
 * attested <event digest, hex> <nonces, hex, with commas> <event id>
 * ```
 *
 * @module
 */
import { bytesToHex, isHex } from './bytes.js';
import { ArgumentError, IdentityError, MemoryError, NonceReusedError } from './errors.js';
import { eventIdProblem } from './event.js';
import { parseIdentity } from './note.js';
import { announcementHash } from './tags.js';
import { writeEvent } from './tlv.js';
import { requireVerifiedAttestation } from './verify.js';

/** @import { Announcement } from './event.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

/**
 * The largest checkpoint of a log that was proven so far.
 *
 * @typedef {object} Head
 * @property {bigint} size
 * @property {string} root hex
 */

/**
 * Where a memory is kept. Without it, it lasts as long as the object.
 *
 * @typedef {object} MemoryOptions
 * @property {string} [text] the lines that were kept so far
 * @property {(lines: string) => void | Promise<void>} [append] adds whole lines at
 *   the end; nothing that was proven is returned before it has
 */

/** What is remembered; one may serve several clients. */
export class Memory {
  /** By identity. @type {Map<string, Readonly<Head>>} */
  #heads = new Map();
  /** The attested announcement of each nonce. @type {Map<string, {event: string, digest: string}>} */
  #nonces = new Map();
  #append;
  /** Lines that are not kept yet. */
  #unsaved = '';
  /** @type {Promise<void>} */
  #saving = Promise.resolve();

  /**
   * @param {MemoryOptions} [options]
   * @throws {MemoryError} for a line that is none
   */
  constructor(options = {}) {
    const { text = '', append } = options ?? {};
    if (typeof text !== 'string') throw new ArgumentError('text', 'is no string');
    if (append !== undefined && typeof append !== 'function') throw new ArgumentError('append', 'is no function');
    this.#append = append;
    // Who was killed while writing left part of a line.
    const lines = text.split('\n');
    lines.pop();
    for (const [index, line] of lines.entries()) {
      if (!this.#read(line)) throw new MemoryError(index + 1);
    }
  }

  /**
   * @param {string} identity verifier key
   * @returns {Readonly<Head> | null}
   */
  head(identity) {
    return this.#heads.get(identity) ?? null;
  }

  /**
   * Remembers a checkpoint, which was shown to continue `known`. False, and nothing
   * is remembered, if another one was remembered meanwhile: nobody has shown yet
   * how the two belong together.
   *
   * @param {string} identity verifier key
   * @param {Readonly<Head> | null} known what {@link Memory#head} returned
   * @param {Readonly<Head>} head
   * @returns {boolean}
   */
  saw(identity, known, { size, root }) {
    const now = this.head(identity);
    if (now?.size === size && now.root === root) return true;
    if (now !== known) return false;
    this.#heads.set(identity, Object.freeze({ size, root }));
    this.#unsaved += `log ${size} ${root} ${identity}\n`;
    return true;
  }

  /**
   * Refuses an announcement with a nonce under which another one was attested.
   *
   * @param {Announcement} announcement
   * @throws {NonceReusedError}
   */
  check({ event }) {
    /** @type {string | null} */
    let digest = null;
    for (const [index, nonce] of event.nonces.entries()) {
      const known = this.#nonces.get(nonce);
      if (!known) continue;
      digest ??= digestOf(event);
      if (known.digest !== digest) throw new NonceReusedError(event.eventId, index, known.event);
    }
  }

  /**
   * Remembers the nonces of an attested announcement. What was remembered first
   * stays.
   *
   * @param {VerifiedAnnouncement} announcement
   * @param {VerifiedAttestation} attestation of this announcement
   */
  learn(announcement, attestation) {
    requireVerifiedAttestation(attestation, announcement);
    const { eventId, nonces } = announcement.event;
    if (nonces.every((nonce) => this.#nonces.has(nonce))) return;
    const digest = digestOf(announcement.event);
    this.#know(eventId, digest, nonces);
    // The name is for people; a line feed in it would be another line.
    this.#unsaved += `attested ${digest} ${nonces.join()} ${eventId.replaceAll(/\p{Cc}/gu, '\ufffd')}\n`;
  }

  /**
   * Hands over what is new to be kept, one after the other; what could not be kept
   * is tried again with what comes next.
   *
   * @returns {Promise<void>}
   */
  save() {
    const save = async () => {
      const lines = this.#unsaved;
      if (lines === '') return;
      await this.#append?.(lines);
      this.#unsaved = this.#unsaved.slice(lines.length);
    };
    const saved = this.#saving.then(save);
    this.#saving = saved.catch(() => {});
    return saved;
  }

  /**
   * @param {string} event
   * @param {string} digest
   * @param {readonly string[]} nonces
   */
  #know(event, digest, nonces) {
    const known = Object.freeze({ event, digest });
    for (const nonce of nonces) if (!this.#nonces.has(nonce)) this.#nonces.set(nonce, known);
  }

  /**
   * @param {string} line
   * @returns {boolean} whether it is one
   */
  #read(line) {
    const [, kind, first = '', second = '', name = ''] = /^(log|attested) ([^ ]*) ([^ ]*) (.*)$/s.exec(line) ?? [];
    if (kind === 'log') {
      if (!/^(?:0|[1-9][0-9]{0,18})$/.test(first) || !isHex(second, 32) || !isIdentity(name)) return false;
      const [size, known] = [BigInt(first), this.head(name)];
      if (!known || known.size < size) this.#heads.set(name, Object.freeze({ size, root: second }));
      return true;
    }
    const nonces = second.split(',');
    if (kind !== 'attested' || !isHex(first, 32) || !nonces.every((nonce) => isHex(nonce, 32)) || eventIdProblem(name)) return false;
    this.#know(name, first, nonces);
    return true;
  }
}

/** @param {Announcement['event']} event */
function digestOf(event) {
  return bytesToHex(announcementHash(writeEvent(event)));
}

/** @param {string} text */
function isIdentity(text) {
  try {
    parseIdentity(text);
    return true;
  } catch (error) {
    if (error instanceof IdentityError) return false;
    throw error;
  }
}
