/**
 * Whose cosignatures make a checkpoint believable: witnesses and the quorum of
 * them, as a text file.
 *
 * Source: C2SP `tlog-policy`. Keys are Ed25519; names mean nothing outside of the
 * file.
 *
 * @module
 */
import { utf8ToText, textToUtf8 } from './bytes.js';
import { ArgumentError, IdentityError, LogError, WitnessesError } from './errors.js';
import { COSIGNATURE, ED25519, readNoteKey } from './note.js';

/** @import { Note, NoteKey } from './note.js' */

/** Longest policy that is read, bytes. */
const MAX_POLICY = 64 * 1024;

/** What a line of a policy is that it must not be. */
class Fault extends Error {}

/**
 * A witness or a group: whether it counts as having cosigned.
 *
 * @typedef {(cosigned: ReadonlySet<string>) => boolean} Member
 */

/** Which checkpoints are valid: signed by one of the logs and cosigned by a quorum of the witnesses. */
export class Witnesses {
  /** @type {NoteKey[]} */
  #logs = [];
  /** By their names in the file. @type {Map<string, NoteKey>} */
  #witnesses = new Map();
  /** @type {Map<string, {holds: Member, isTaken: boolean}>} */
  #names = new Map();
  /** @type {Member | null} */
  #quorum = null;

  /**
   * @param {string | Uint8Array} policy the text of a C2SP tlog-policy
   * @throws {WitnessesError}
   */
  constructor(policy) {
    if (typeof policy !== 'string' && !(policy instanceof Uint8Array)) throw new ArgumentError('witnesses', 'is neither text nor bytes of a policy');
    const bytes = typeof policy === 'string' ? textToUtf8(policy) : policy;
    if (bytes.length > MAX_POLICY) throw new WitnessesError(1, `the policy is longer than ${MAX_POLICY} bytes`);
    // Names are octets; only keys have to be text, and theirs is ASCII enough.
    const text = utf8ToText(bytes) ?? Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');
    const lines = text.split('\n');
    for (const [index, line] of lines.entries()) {
      try {
        this.#read(line);
      } catch (error) {
        if (error instanceof Fault || error instanceof IdentityError) throw new WitnessesError(index + 1, error.message);
        throw error;
      }
    }
    if (!this.#quorum) throw new WitnessesError(lines.length, 'no quorum');
  }

  /**
   * Checks a checkpoint: that one of the logs signed it, where the policy names
   * any, and a quorum of the witnesses.
   *
   * @param {Note} note
   * @returns {readonly string[]} the names of those who cosigned it
   * @throws {LogError} `checkpoint`
   */
  check(note) {
    const isSigned = this.#logs.map((log) => note.checkpoint.origin === log.name && note.signedBy(log) !== null);
    if (isSigned.length > 0 && !isSigned.includes(true)) throw new LogError('checkpoint', "is signed by none of the policy's logs");
    const cosigned = new Set([...this.#witnesses].filter(([, key]) => note.signedBy(key) !== null).map(([name]) => name));
    if (!this.#quorum?.(cosigned)) {
      const there = cosigned.size > 0 ? [...cosigned].join(', ') : 'nobody';
      throw new LogError('checkpoint', `its cosignatures do not meet the quorum; there are those of: ${there}`);
    }
    return Object.freeze([...cosigned]);
  }

  /** @param {string} line */
  #read(line) {
    if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(line)) throw new Fault('a control character');
    const words = line.split(/[ \t]+/).filter((word) => word !== '');
    const [keyword = '#', first = '', second = '', ...rest] = words;
    if (keyword.startsWith('#')) return;
    const count = words.length;
    if (keyword === 'log' && (count === 2 || count === 3)) this.#log(first);
    else if (keyword === 'witness' && (count === 3 || count === 4)) this.#witness(first, second);
    else if (keyword === 'group' && count >= 4) this.#group(first, second, rest);
    else if (keyword === 'quorum' && count === 2) this.#setQuorum(first);
    else if (['log', 'witness', 'group', 'quorum'].includes(keyword)) throw new Fault('too few or too many words for what it begins with');
    else throw new Fault('must begin with log, witness, group, quorum or #');
  }

  /** @param {string} text */
  #log(text) {
    const key = keyOf(text, ED25519);
    refuseSame(key, this.#logs);
    this.#logs.push(key);
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #witness(name, text) {
    const key = keyOf(text, COSIGNATURE);
    refuseSame(key, this.#witnesses.values());
    this.#define(name, (cosigned) => cosigned.has(name));
    this.#witnesses.set(name, key);
  }

  /**
   * @param {string} name
   * @param {string} threshold
   * @param {readonly string[]} words
   */
  #group(name, threshold, words) {
    const members = words.map((word) => {
      const member = this.#names.get(word);
      if (!member) throw new Fault('no line before this defines the name');
      if (member.isTaken) throw new Fault('a name is a member of one group at most, and once');
      member.isTaken = true;
      return member.holds;
    });
    const least = threshold === 'all' ? members.length : threshold === 'any' ? 1 : /^[0-9]+$/.test(threshold) ? Number(threshold) : 0;
    if (least < 1 || least > members.length) {
      throw new Fault('how many of a group is all, any, or a number from 1 to that of its members');
    }
    this.#define(name, (cosigned) => members.filter((holds) => holds(cosigned)).length >= least);
  }

  /** @param {string} name */
  #setQuorum(name) {
    if (this.#quorum) throw new Fault('a second quorum');
    this.#quorum = name === 'none' ? () => true : (this.#names.get(name)?.holds ?? null);
    if (!this.#quorum) throw new Fault('no line before this defines the name');
  }

  /**
   * @param {string} name
   * @param {Member} holds
   */
  #define(name, holds) {
    if (name === 'none' || this.#names.has(name)) throw new Fault('the name is taken');
    this.#names.set(name, { holds, isTaken: false });
  }
}

/**
 * @param {string} text
 * @param {number} algorithm
 */
function keyOf(text, algorithm) {
  const key = readNoteKey(text);
  if (key.algorithm !== algorithm) throw new Fault("a log's key is of type 1, a witness's of type 4 (Ed25519)");
  return key;
}

/**
 * @param {NoteKey} key
 * @param {Iterable<NoteKey>} others
 */
function refuseSame(key, others) {
  for (const { publicKey } of others) if (publicKey === key.publicKey) throw new Fault('another line has this public key');
}
