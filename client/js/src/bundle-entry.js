/**
 * One part of a bundle as an entry of the log: included, of the type that is due,
 * read without leniency. What is wrong with it is named as an error of the bundle.
 *
 * @module
 */
import { AnchorFault } from './anchor.js';
import { base64Bytes } from './bytes.js';
import { BundleError, CodecError, LogError, VerifyError } from './errors.js';
import { Reader } from './reader.js';
import { MAX_PROOF, verifyInclusion } from './tlog.js';

/** @import { Included } from './bundle-json.js' */
/** @import { BundlePart } from './errors.js' */
/** @import { Checkpoint } from './note.js' */

const VERSION = 1;
/** Longest entry, bytes. */
const MAX_ENTRY = 65_535;
/** Types of entries that bundles have; none is higher than the last. */
export const [GENESIS, ANNOUNCEMENT, ATTESTATION, NOTICE, NONCE_PROOF] = [0, 1, 2, 3, 6];

/**
 * The entry's bytes, which are in the log of the checkpoint.
 *
 * @param {BundlePart} name
 * @param {Included} part
 * @param {Readonly<Checkpoint>} checkpoint
 */
export function entryIn(name, { position, entry, hashes }, checkpoint) {
  const bytes = base64Bytes(entry);
  if (!bytes) throw new BundleError('base64', name, 'its entry is not base64');
  requireHashes(name, hashes);
  within('inclusion', name, () => verifyInclusion(bytes, position, hashes, checkpoint));
  return bytes;
}

/**
 * What stands behind the version and the type of an entry of the type that is due.
 *
 * @param {BundlePart} name
 * @param {Uint8Array} entry
 * @param {number} due
 */
export function bodyOf(name, entry, due) {
  const reader = new Reader(entry);
  const type = within('entry', name, () => {
    if (entry.length > MAX_ENTRY) throw new CodecError('too-long', 'entry', 0, `is ${entry.length} bytes long`);
    const version = reader.uint('version', 1);
    const read = reader.uint('type', 1);
    if (version !== VERSION || read > NONCE_PROOF) throw new CodecError('type', 'type', 1, `is ${read} of version ${version}`);
    return read;
  });
  if (type !== due) throw otherEntry(name);
  return reader;
}

/**
 * That a part names this bundle's announcement and comes after it.
 *
 * @param {BundlePart} name
 * @param {Included} part
 * @param {bigint} got the position that it names
 * @param {bigint} expected that of the announcement
 */
export function requireFollows(name, part, got, expected) {
  if (got === expected && part.position > expected) return;
  throw new BundleError('other-announcement', name, `of the announcement at position ${got}, not ${expected}, or before it`);
}

/**
 * @param {BundlePart} name
 * @param {string} got
 * @param {string} expected
 */
export function isAbout(name, got, expected) {
  if (got !== expected) throw new BundleError('other-event', name, `of event ${JSON.stringify(got)}, not ${JSON.stringify(expected)}`);
}

/** @param {BundlePart} name */
export function otherEntry(name) {
  return new BundleError('other-entry', name, 'the proof is of another entry of the log');
}

export function notCanonical() {
  return new CodecError('type', 'message', 0, 'is not in the form that the log holds');
}

/**
 * @param {BundlePart} name
 * @param {readonly string[]} hashes
 */
export function requireHashes(name, hashes) {
  if (hashes.length > MAX_PROOF || hashes.some((text) => base64Bytes(text)?.length !== 32)) {
    throw new BundleError('base64', name, 'its hashes are not base64 of 32 bytes, or more than any tree needs');
  }
}

/**
 * Runs a part of the check; what it finds wrong is this of the bundle.
 *
 * @template T
 * @param {'checkpoint' | 'quorum' | 'inclusion' | 'entry' | 'anchor'} code
 * @param {BundlePart} name
 * @param {() => T} run
 * @returns {T}
 */
export function within(code, name, run) {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof LogError || error instanceof CodecError || error instanceof AnchorFault)) throw error;
    throw new BundleError(code, name, error instanceof LogError ? error.problem : error.message, { cause: error });
  }
}

/**
 * @template T
 * @param {BundlePart} name
 * @param {() => T} run
 * @returns {T}
 */
export function rules(name, run) {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof VerifyError)) throw error;
    throw new BundleError(error.code, name, error.message, { cause: error });
  }
}
