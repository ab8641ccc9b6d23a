/**
 * Signed notes: checkpoints of logs, the keys that sign them, and those that
 * cosign them.
 *
 * Sources: C2SP `signed-note`, `tlog-checkpoint`, `tlog-cosignature`.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { base64Bytes, bytesToBase64, bytesToHex, concatBytes, hexBytes, textToUtf8 } from './bytes.js';
import { ed25519Holds, isEd25519Key } from './ed25519.js';
import { IdentityError, LogError } from './errors.js';

/** How a key signs notes: Ed25519 over the text, as logs do. */
export const ED25519 = 1;
/** Ed25519 over the time and the text, as witnesses do (`cosignature/v1`). */
export const COSIGNATURE = 4;

/** Longest note that is read, bytes. */
const MAX_NOTE = 64 * 1024;

/**
 * A key that signs notes, under its name.
 *
 * @typedef {object} NoteKey
 * @property {string} name of a log: the first line of its checkpoints
 * @property {number} algorithm
 * @property {string} publicKey Ed25519, hex
 * @property {string} id first four bytes of SHA-256 over name, algorithm and key, hex
 * @property {string} vkey all of it as a verifier key: `name+id+base64`
 */

/**
 * A checkpoint.
 *
 * @typedef {object} Checkpoint
 * @property {string} origin
 * @property {bigint} size entries in the log
 * @property {string} root hex
 */

/** @typedef {{name: string, id: string, signature: Uint8Array}} Line */

/**
 * An oracle's identity from its text: the verifier key of its log (C2SP
 * signed-note), `name+id+base64`.
 *
 * @param {string} vkey
 * @returns {NoteKey}
 * @throws {IdentityError}
 */
export function parseIdentity(vkey) {
  const key = readNoteKey(vkey);
  if (key.algorithm !== ED25519) throw new IdentityError('algorithm', 'is the key of a witness, not of a log');
  return key;
}

/**
 * @param {string} text
 * @returns {NoteKey}
 * @throws {IdentityError}
 */
export function readNoteKey(text) {
  // base64 has plus signs too: the first two are the separators.
  const [, name, id, encoded] = /^([^+]*)\+([^+]*)\+(.*)$/s.exec(String(text)) ?? [];
  const bytes = encoded === undefined ? null : base64Bytes(encoded);
  const algorithm = bytes?.[0];
  if (name === undefined || !bytes || (algorithm !== ED25519 && algorithm !== COSIGNATURE)) {
    throw new IdentityError('form', 'is not a verifier key: name, key id and base64, joined by plus signs');
  }
  const key = noteKey(name, algorithm, bytes.subarray(1));
  if (key.id !== id) throw new IdentityError('id', 'the key id is not that of this name and key');
  return key;
}

/**
 * @param {string} name
 * @param {number} algorithm
 * @param {Uint8Array} bytes
 * @returns {NoteKey}
 * @throws {IdentityError}
 */
export function noteKey(name, algorithm, bytes) {
  if (name === '' || /[\p{White_Space}\p{Cc}+]/u.test(name)) {
    throw new IdentityError('name', 'the name must not be empty, nor hold spaces, plus signs or control characters');
  }
  if (bytes.length !== 32 || !isEd25519Key(bytes)) throw new IdentityError('key', 'is not an Ed25519 public key that can sign');
  const typed = concatBytes(Uint8Array.of(algorithm), bytes);
  const id = bytesToHex(sha256(concatBytes(textToUtf8(`${name}\n`), typed)).subarray(0, 4));
  const vkey = `${name}+${id}+${bytesToBase64(typed)}`;
  return Object.freeze({ name, algorithm, publicKey: bytesToHex(bytes), id, vkey });
}

/** A checkpoint with signature lines; what they are worth says {@link Note#verify}. */
export class Note {
  /** What it says, whoever signed it. @type {Readonly<Checkpoint>} */
  checkpoint;
  #text;
  #lines;

  /**
   * @param {string} note
   * @throws {LogError} `checkpoint`
   */
  constructor(note) {
    if (textToUtf8(note).length > MAX_NOTE) throw fault(`is longer than ${MAX_NOTE} bytes`);
    if (/[\u0000-\u0009\u000b-\u001f]/.test(note)) throw fault('has a control character in it');
    const split = note.lastIndexOf('\n\n');
    if (split < 0 || !note.endsWith('\n') || note.length < split + 3) throw fault('has no signatures behind an empty line');
    this.#lines = note.slice(split + 2, -1).split('\n').map(readLine);
    this.#text = note.slice(0, split + 1);
    this.checkpoint = readCheckpoint(this.#text);
  }

  /**
   * What it says, if the log of this key signed it.
   *
   * @param {NoteKey} key
   * @returns {Readonly<Checkpoint>}
   * @throws {LogError} `checkpoint`
   */
  verify(key) {
    const { origin } = this.checkpoint;
    if (origin !== key.name) throw fault(`is of the log ${JSON.stringify(origin)}`);
    if (this.signedBy(key) === null) throw fault(`is not signed by ${key.name}`);
    return this.checkpoint;
  }

  /**
   * The latest time of this key's signatures, Unix seconds, 0 for a log's, which
   * has none; null without any. A line of the key that does not verify refuses the
   * note, whatever other lines of the key say.
   *
   * @param {NoteKey} key
   * @returns {bigint | null}
   * @throws {LogError} `checkpoint`
   */
  signedBy(key) {
    /** @type {bigint | null} */
    let latest = null;
    for (const { name, id, signature } of this.#lines) {
      if (name !== key.name || id !== key.id) continue;
      const time = this.#timeOf(key, signature);
      if (time === null) throw fault(`the signature by ${key.name} does not hold`);
      if (latest === null || time > latest) latest = time;
    }
    return latest;
  }

  /**
   * @param {NoteKey} key
   * @param {Uint8Array} signature
   * @returns {bigint | null} null where it does not hold
   */
  #timeOf({ algorithm, publicKey }, signature) {
    const key = /** @type {Uint8Array} */ (hexBytes(publicKey));
    if (algorithm === ED25519) return ed25519Holds(signature, textToUtf8(this.#text), key) ? 0n : null;
    if (signature.length !== 72) return null;
    const time = BigInt(`0x${bytesToHex(signature.subarray(0, 8))}`);
    const text = textToUtf8(`cosignature/v1\ntime ${time}\n${this.#text}`);
    return ed25519Holds(signature.subarray(8), text, key) ? time : null;
  }
}

/**
 * @param {string} line
 * @param {number} index
 * @returns {Line}
 */
function readLine(line, index) {
  const [, name = '', encoded = ''] = /^\u2014 ([^ ]+) (.*)$/su.exec(line) ?? [];
  const bytes = base64Bytes(encoded);
  if (!bytes || bytes.length < 5 || /[\p{White_Space}+]/u.test(name)) {
    throw fault(`signature line ${index + 1} is not "\u2014 name base64"`);
  }
  return { name, id: bytesToHex(bytes.subarray(0, 4)), signature: bytes.subarray(4) };
}

/**
 * Origin, size and root. Extension lines are refused: nobody audits them.
 *
 * @param {string} text
 * @returns {Readonly<Checkpoint>}
 */
function readCheckpoint(text) {
  const [origin = '', size = '', encoded = '', ...rest] = text.split('\n');
  const root = base64Bytes(encoded);
  if (origin === '' || rest.length !== 1 || rest[0] !== '' || !/^(0|[1-9][0-9]{0,18})$/.test(size) || root?.length !== 32) {
    throw fault('is not origin, size and root, each on a line');
  }
  if (BigInt(size) >> 63n !== 0n) throw fault('its size is not below 2^63');
  return Object.freeze({ origin, size: BigInt(size), root: bytesToHex(root) });
}

/** @param {string} problem */
function fault(problem) {
  return new LogError('checkpoint', problem);
}
