/**
 * The first entry of a log, and that the log only grew, from its files, as any mirror has
 * them: no API, nobody's word.
 *
 * Source: C2SP `tlog-tiles`.
 *
 * @module
 */
import { bytesToBase64, bytesToHex, textToUtf8, utf8ToText } from './bytes.js';
import { LogError } from './errors.js';
import { Note } from './note.js';
import { firstEntry, leafHash, nodeHash } from './tlog.js';

/** @import { NoteKey } from './note.js' */
/** @import { Witnesses } from './witnesses.js' */

/** A file of the log by its path, or null where there is none. @typedef {(path: readonly string[]) => Promise<Uint8Array | null>} Files */

const WIDTH = 256n;
/** Longest tile of entries, bytes, each behind two bytes of length. */
const MAX_ENTRIES = 256 * (65_535 + 2);
/** Longest file of any other kind: a checkpoint; a tile of hashes has 8,192 bytes. */
const MAX_OTHER = 64 * 1024;

/** How long a file of the log can be, bytes. @param {readonly string[]} path */
export function longest(path) {
  return path[1] === 'entries' ? MAX_ENTRIES : MAX_OTHER;
}

/**
 * @param {Files} files
 * @returns {Promise<Note>}
 * @throws {LogError}
 */
async function noteOf(files) {
  const text = utf8ToText((await files(['checkpoint'])) ?? textToUtf8(''));
  return new Note(text ?? '');
}

/**
 * The first entry, whoever's it is.
 *
 * @param {Files} files
 * @returns {Promise<Uint8Array>}
 * @throws {LogError}
 */
export async function firstOf(files) {
  const one = await files(['tile', 'entries', '000.p', '1']);
  // Who has later ones need not keep the tile that had a single entry.
  return firstEntry(one ?? (await tile(files, 'entries', 0n, (await noteOf(files)).checkpoint.size)));
}

/**
 * The first entry, proven to be the one under a checkpoint that the identity signed, and
 * the witnesses cosigned: hashes from it to the root, and those of everything behind it.
 *
 * @param {Files} files
 * @param {NoteKey} identity
 * @param {Witnesses} [witnesses]
 * @returns {Promise<Uint8Array>}
 * @throws {LogError}
 */
export async function provenFirst(files, identity, witnesses) {
  const note = await noteOf(files);
  const { size, root } = note.verify(identity);
  witnesses?.check(note);
  if (size === 0n) throw new LogError('genesis', 'the log is empty');
  const entry = firstEntry(await tile(files, 'entries', 0n, size));
  let first = leafHash(entry);
  /** Roots of complete subtrees, from left to right, largest first. @type {Uint8Array[]} */
  let peaks = [];
  for (let [level, count] = [0, size]; count > 0n; [level, count] = [level + 1, count / WIDTH]) {
    const start = hashesOf(await tile(files, String(level), 0n, count));
    if (bytesToHex(start[0] ?? first) !== bytesToHex(first)) throw new LogError('genesis', 'the first entry is not the one that the hashes begin with');
    const width = count % WIDTH;
    const edge = count < WIDTH ? start : width === 0n ? [] : hashesOf(await tile(files, String(level), count / WIDTH, count));
    peaks = [...peaksOf(edge), ...peaks];
    if (count < WIDTH) break;
    first = fold(peaksOf(start));
  }
  if (bytesToHex(fold(peaks)) !== root) throw new LogError('genesis', "the hashes do not lead to the checkpoint's root");
  return entry;
}

/**
 * The proof that the tree of the first `older` entries is the beginning of that of the
 * first `newer` (RFC 6962, 2.1.2), made of the log's tiles. Nothing is known of it before
 * `verifyConsistency`.
 *
 * @param {Files} files
 * @param {bigint} older
 * @param {bigint} newer not less
 * @returns {Promise<string[]>} base64
 * @throws {LogError} where tiles are missing
 */
export async function consistencyOf(files, older, newer) {
  /** @type {Map<string, Promise<Uint8Array | null>>} */
  const read = new Map();
  /** @type {Files} */
  const once = (path) => {
    const name = path.join('/');
    const file = read.get(name) ?? files(path);
    read.set(name, file);
    return file;
  };
  // Mirrors have the widest tiles of today's log alone, which hold those of any size before.
  const { size } = (await noteOf(once)).checkpoint;
  if (size < newer) throw new LogError('consistency', `the log here has ${size} entries, not ${newer}`);
  const whole = new Subtrees(once, size);
  /** @type {Uint8Array[]} From the root downwards. */
  const down = [];
  let [start, end, rest, isOld] = [0n, newer, older, true];
  while (rest > 0n && rest !== end - start) {
    const half = 1n << BigInt((end - start - 1n).toString(2).length - 1);
    if (rest <= half) {
      down.push(await whole.root(start + half, end));
      end = start + half;
    } else {
      down.push(await whole.root(start, start + half));
      [start, rest, isOld] = [start + half, rest - half, false];
    }
  }
  if (!isOld) down.push(await whole.root(start, end));
  return down.reverse().map(bytesToBase64);
}

/** The subtrees of a log of some size, whose hashes are in its tiles. */
class Subtrees {
  #files;
  #size;

  /**
   * @param {Files} files
   * @param {bigint} size
   */
  constructor(files, size) {
    this.#files = files;
    this.#size = size;
  }

  /**
   * The root over the entries from `start` to before `end`.
   *
   * @param {bigint} start a multiple of the largest power of two in `end - start`
   * @param {bigint} end
   */
  async root(start, end) {
    /** @type {Uint8Array[]} */
    const peaks = [];
    for (let at = start; at < end; ) {
      const height = (end - at).toString(2).length - 1;
      peaks.push(await this.#complete(height, at >> BigInt(height)));
      at += 1n << BigInt(height);
    }
    return fold(peaks);
  }

  /**
   * @param {number} height
   * @param {bigint} index among those of this height
   */
  async #complete(height, index) {
    const level = Math.floor(height / 8);
    const width = 2 ** (height % 8);
    const first = index * BigInt(width);
    const hashes = hashesOf(await tile(this.#files, String(level), first / WIDTH, this.#size >> BigInt(8 * level), 'consistency'), 'consistency');
    const at = Number(first % WIDTH);
    if (hashes.length < at + width) throw new LogError('consistency', 'a tile has fewer hashes than the log');
    return fold(peaksOf(hashes.slice(at, at + width)));
  }
}

/**
 * A tile, whole or as far as the log has come; mirrors may have only the whole one left.
 *
 * @param {Files} files
 * @param {string} kind a level, or entries
 * @param {bigint} index
 * @param {bigint} count how many of its kind the log has
 * @param {'genesis' | 'consistency'} [code] what cannot be proven without it
 */
async function tile(files, kind, index, count, code = 'genesis') {
  const left = count - index * WIDTH;
  const path = pathOf(index);
  const last = path.at(-1) ?? '';
  const whole = left < WIDTH ? await files(['tile', kind, ...path.slice(0, -1), `${last}.p`, String(left)]) : null;
  const found = whole ?? (await files(['tile', kind, ...path]));
  if (!found) throw new LogError(code, `there is no tile ${kind}/${path.join('/')} here`);
  // Who serves more than a tile has would have all of it hashed.
  return kind === 'entries' ? found : found.subarray(0, Number(left < WIDTH ? left : WIDTH) * 32);
}

/** In groups of three digits, all but the last with an x. @param {bigint} index */
function pathOf(index) {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/.{3}/g) ?? [];
  return groups.map((group, i) => (i < groups.length - 1 ? `x${group}` : group));
}

/** @param {Uint8Array} bytes @param {'genesis' | 'consistency'} [code] */
function hashesOf(bytes, code = 'genesis') {
  if (bytes.length === 0 || bytes.length % 32 !== 0) throw new LogError(code, 'a tile is not hashes of 32 bytes');
  return Array.from({ length: bytes.length / 32 }, (_, i) => bytes.subarray(32 * i, 32 * (i + 1)));
}

/** The complete subtrees over hashes, largest first. @param {readonly Uint8Array[]} hashes @returns {Uint8Array[]} */
function peaksOf(hashes) {
  if (hashes.length === 0) return [];
  const width = 2 ** Math.floor(Math.log2(hashes.length));
  let level = hashes.slice(0, width);
  while (level.length > 1) level = level.flatMap((left, i) => (i % 2 === 0 ? [nodeHash(left, level[i + 1] ?? left)] : []));
  return [...level, ...peaksOf(hashes.slice(width))];
}

/** @param {readonly Uint8Array[]} peaks @returns {Uint8Array} */
function fold(peaks) {
  return peaks.reduceRight((right, left) => nodeHash(left, right));
}
