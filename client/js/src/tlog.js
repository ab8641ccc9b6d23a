/**
 * The oracle's append-only log: entries, inclusion proofs, signed checkpoints.
 *
 * Sources: RFC 6962, 2.1; C2SP `signed-note` and `tlog-checkpoint`; the bytes of
 * entries in `docs/log-format.md`.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { base64Bytes, bytesToHex, concatBytes, hexBytes, isHex } from './bytes.js';
import { AT_ONCE } from './claims.js';
import { encodeAnnouncement, encodeAttestation } from './codec.js';
import { ArgumentError, IdentityError, LogError } from './errors.js';
import { ED25519, Note, noteKey } from './note.js';
import { Reader } from './reader.js';
import { taggedHash } from './tags.js';

/** @import { Claims } from './claims.js' */
/** @import { NonceProof } from './nonce-proof.js' */
/** @import { Checkpoint } from './note.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

const VERSION = 1;
const [GENESIS, ANNOUNCEMENT, ATTESTATION, NONCE_PROOF] = [0, 1, 2, 6];
/** Tag of the digest that binds the log key to the oracle key. */
const GENESIS_TAG = 'peercoin-dlc-oracle/genesis/v1';
/** Deepest proof there can be: sizes are below 2^63. */
export const MAX_PROOF = 63;

/** Root of a tree without leaves. */
export const EMPTY_ROOT = bytesToHex(sha256(new Uint8Array()));

/**
 * The first entry of a log: which key signs its checkpoints, said by the oracle key.
 *
 * @typedef {object} Genesis
 * @property {string} network
 * @property {string} oraclePublicKey x-only hex
 * @property {string} logPublicKey Ed25519, hex
 * @property {string} logOrigin first line of its checkpoints
 * @property {bigint} createdMs Unix milliseconds
 */

/**
 * Hash of a leaf (RFC 6962).
 *
 * @param {Uint8Array} entry
 * @returns {Uint8Array} 32 bytes
 */
export function leafHash(entry) {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}

/**
 * The entry of an announcement, as the log holds it.
 *
 * @param {VerifiedAnnouncement} announcement
 * @param {string} policyHash SHA-256 of the policy document, hex
 * @returns {Uint8Array}
 */
export function announcementEntry(announcement, policyHash) {
  return concatBytes(Uint8Array.of(VERSION, ANNOUNCEMENT), hash('policyHash', policyHash), encodeAnnouncement(announcement));
}

/**
 * The entry of an attestation, as the log holds it.
 *
 * @param {VerifiedAttestation} attestation
 * @param {bigint | number} announcementPosition where the log has its announcement
 * @param {string} manifestHash SHA-256 of the evidence manifest, hex
 * @returns {Uint8Array}
 */
export function attestationEntry(attestation, announcementPosition, manifestHash) {
  const start = Uint8Array.of(VERSION, ATTESTATION);
  return concatBytes(start, u64(announcementPosition), hash('manifestHash', manifestHash), encodeAttestation(attestation));
}

/**
 * The entry of a proof of nonces, as the log holds it.
 *
 * @param {NonceProof} proof
 * @param {bigint | number} announcementPosition where the log has its announcement
 * @returns {Uint8Array}
 */
export function nonceProofEntry(proof, announcementPosition) {
  return concatBytes(Uint8Array.of(VERSION, NONCE_PROOF), u64(announcementPosition), proof.toBytes());
}

/** @param {bigint | number} value */
function u64(value) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/**
 * Reads the first entry of a log and checks the oracle key's signature on it.
 *
 * @param {Uint8Array} entry
 * @param {string} publicKey the oracle's, x-only hex: the one that is trusted
 * @returns {Genesis}
 * @throws {LogError | import('./errors.js').CodecError}
 */
export function verifyGenesis(entry, publicKey) {
  const genesis = readGenesis(entry);
  if (genesis.oraclePublicKey !== publicKey) throw new LogError('genesis', 'the log begins with another oracle key');
  return genesis;
}

/**
 * Reads the first entry of a log and checks the signature of the oracle key that
 * it names, whoever that is. Whether it holds may be known when the claims are checked,
 * and not before.
 *
 * @param {Uint8Array} entry
 * @param {Claims} [claims]
 * @returns {Genesis}
 * @throws {LogError | import('./errors.js').CodecError}
 */
export function readGenesis(entry, claims = AT_ONCE) {
  const reader = new Reader(entry);
  if (reader.uint('version', 1) !== VERSION || reader.uint('type', 1) !== GENESIS) {
    throw new LogError('genesis', 'the first entry is no genesis of version 1');
  }
  const network = reader.string('network');
  const oraclePublicKey = reader.point('oracle_public_key');
  const logPublicKey = reader.hex('log_public_key', 32);
  const logOrigin = reader.string('log_origin');
  const createdMs = BigInt(`0x${reader.hex('created_ms', 8)}`);
  const signed = entry.subarray(0, reader.offset);
  const signature = reader.hex('signature', 64);
  if (reader.offset !== entry.length) throw new LogError('genesis', 'the genesis has bytes after its signature');
  if (network === '' || logOrigin === '') throw new LogError('genesis', 'the genesis names no network or no origin');
  const claim = { signature: /** @type {Uint8Array} */ (hexBytes(signature)), message: taggedHash(GENESIS_TAG, signed) };
  const holds = claims.signatures([claim], hash('oraclePublicKey', oraclePublicKey));
  if (!holds) throw new LogError('genesis', 'the oracle key did not sign the genesis');
  return Object.freeze({ network, oraclePublicKey, logPublicKey, logOrigin, createdMs });
}

/**
 * Reads a checkpoint and checks the log's signature on it; signatures of others
 * are passed over.
 *
 * @param {string} note
 * @param {{logOrigin: string, logPublicKey: string}} log as the genesis names them
 * @returns {Checkpoint}
 * @throws {LogError}
 */
export function verifyCheckpoint(note, { logOrigin, logPublicKey }) {
  const bytes = hash('logPublicKey', logPublicKey);
  try {
    return new Note(note).verify(noteKey(logOrigin, ED25519, bytes));
  } catch (error) {
    throw error instanceof IdentityError ? new LogError('checkpoint', error.message) : error;
  }
}

/**
 * Checks that an entry stands at a position of the tree that a checkpoint names
 * (RFC 6962, 2.1.1; the algorithm of RFC 9162, 2.1.3.2).
 *
 * @param {Uint8Array} entry
 * @param {bigint | number} position
 * @param {readonly string[]} proof base64, from the leaf's sibling upwards
 * @param {Checkpoint} checkpoint
 * @throws {LogError}
 */
export function verifyInclusion(entry, position, proof, { size, root }) {
  let [index, last] = [BigInt(position), size - 1n];
  if (index < 0n || index > last) throw new LogError('inclusion', `position ${index} is not below ${size}`);
  let found = leafHash(entry);
  for (const sibling of hashes('inclusion', proof)) {
    if (last === 0n) throw new LogError('inclusion', 'the proof is too long');
    if (index & 1n || index === last) {
      found = nodeHash(sibling, found);
      while (!(index & 1n) && index !== 0n) [index, last] = [index >> 1n, last >> 1n];
    } else {
      found = nodeHash(found, sibling);
    }
    [index, last] = [index >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new LogError('inclusion', 'the proof is too short');
  if (bytesToHex(found) !== root) throw new LogError('inclusion', "the proof does not lead to the checkpoint's root");
}

/**
 * Checks that the tree that one checkpoint names is the beginning of the other's
 * (RFC 6962, 2.1.2; the algorithm of RFC 9162, 2.1.4.2). From an empty tree, and
 * between equal sizes, the proof is empty.
 *
 * @param {{size: bigint, root: string}} older
 * @param {{size: bigint, root: string}} newer
 * @param {readonly string[]} proof base64
 * @throws {LogError}
 */
export function verifyConsistency(older, newer, proof) {
  const rest = hashes('consistency', proof);
  if (older.size > newer.size) throw new LogError('consistency', `${older.size} entries are not the beginning of ${newer.size}`);
  if (older.size === 0n || older.size === newer.size) {
    if (rest.length > 0) throw new LogError('consistency', 'the proof is too long');
    if (older.root !== (older.size === 0n ? EMPTY_ROOT : newer.root)) throw new LogError('consistency', 'the roots are not the same');
    return;
  }
  // An old tree that is one complete subtree is where the way up begins.
  const isWhole = (older.size & (older.size - 1n)) === 0n;
  const first = isWhole ? /** @type {Uint8Array} */ (hexBytes(older.root)) : rest.shift();
  if (!first) throw new LogError('consistency', 'the proof is too short');
  let [index, last] = [older.size - 1n, newer.size - 1n];
  while (index & 1n) [index, last] = [index >> 1n, last >> 1n];
  let [old, now] = [first, first];
  for (const sibling of rest) {
    if (last === 0n) throw new LogError('consistency', 'the proof is too long');
    if (index & 1n || index === last) {
      [old, now] = [nodeHash(sibling, old), nodeHash(sibling, now)];
      while (!(index & 1n) && index !== 0n) [index, last] = [index >> 1n, last >> 1n];
    } else {
      now = nodeHash(now, sibling);
    }
    [index, last] = [index >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new LogError('consistency', 'the proof is too short');
  if (bytesToHex(old) !== older.root || bytesToHex(now) !== newer.root) {
    throw new LogError('consistency', 'the proof leads to another root');
  }
}

/**
 * The first entry of a bundle (C2SP `tlog-tiles`).
 *
 * @param {Uint8Array} bundle
 * @returns {Uint8Array}
 * @throws {import('./errors.js').CodecError}
 */
export function firstEntry(bundle) {
  const reader = new Reader(bundle);
  const entry = hexBytes(reader.hex('entry', reader.uint('length', 2)));
  return /** @type {Uint8Array} */ (entry);
}

/**
 * @param {Uint8Array} left
 * @param {Uint8Array} right
 */
export function nodeHash(left, right) {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/**
 * @param {string} what
 * @param {string} hex
 */
function hash(what, hex) {
  const bytes = isHex(hex, 32) ? hexBytes(hex) : null;
  if (!bytes) throw new ArgumentError(what, '32 bytes of lowercase hex are needed');
  return bytes;
}

/**
 * @param {'inclusion' | 'consistency'} code
 * @param {readonly string[]} proof base64
 */
function hashes(code, proof) {
  return proof.map((text) => {
    const bytes = base64Bytes(text);
    if (bytes?.length !== 32) throw new LogError(code, 'a hash of the proof is not 32 bytes of base64');
    return bytes;
  });
}
