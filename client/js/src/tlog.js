/**
 * The oracle's append-only log: entries, inclusion proofs, signed checkpoints.
 *
 * Sources: RFC 6962, 2.1; C2SP `signed-note` and `tlog-checkpoint`; the bytes of
 * entries in `docs/log-format.md`.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { bytesToHex, concatBytes, hexBytes, isHex, textToUtf8 } from './bytes.js';
import { encodeAnnouncement, encodeAttestation } from './codec.js';
import { verifySchnorr } from './curve.js';
import { LogError } from './errors.js';
import { Reader } from './reader.js';
import { taggedHash } from './tags.js';

/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

const VERSION = 1;
const [GENESIS, ANNOUNCEMENT, ATTESTATION] = [0, 1, 2];
/** Tag of the digest that binds the log key to the oracle key. */
const GENESIS_TAG = 'peercoin-dlc-oracle/genesis/v1';
/** Kind of a note's key: Ed25519 over its text. */
const ED25519 = 1;

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
 * A checkpoint whose signature holds.
 *
 * @typedef {object} Checkpoint
 * @property {string} origin
 * @property {bigint} size entries in the log
 * @property {string} root hex
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
  const position = new Uint8Array(8);
  new DataView(position.buffer).setBigUint64(0, BigInt(announcementPosition));
  const start = Uint8Array.of(VERSION, ATTESTATION);
  return concatBytes(start, position, hash('manifestHash', manifestHash), encodeAttestation(attestation));
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
  if (oraclePublicKey !== publicKey) throw new LogError('genesis', 'the log begins with another oracle key');
  const holds = verifySchnorr(/** @type {Uint8Array} */ (hexBytes(signature)), taggedHash(GENESIS_TAG, signed), hash('publicKey', publicKey));
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
  const split = note.indexOf('\n\n');
  const text = note.slice(0, split + 1);
  const [origin, size, root, ...rest] = text.split('\n');
  const rootBytes = root === undefined ? null : base64(root);
  if (split < 0 || rest.length !== 1 || rest[0] !== '' || !/^(0|[1-9][0-9]{0,18})$/.test(size ?? '') || rootBytes?.length !== 32) {
    throw new LogError('checkpoint', 'is not origin, size and root, each on a line');
  }
  if (origin !== logOrigin) throw new LogError('checkpoint', `is of the log ${JSON.stringify(origin)}`);
  const key = hash('logPublicKey', logPublicKey);
  const id = sha256(concatBytes(textToUtf8(`${logOrigin}\n`), Uint8Array.of(ED25519), key)).subarray(0, 4);
  for (const line of note.slice(split + 2).split('\n')) {
    const [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [];
    const signature = encoded === undefined ? null : base64(encoded);
    if (name !== logOrigin || !signature || bytesToHex(signature.subarray(0, 4)) !== bytesToHex(id)) continue;
    if (signature.length === 68 && ed25519Holds(signature.subarray(4), textToUtf8(text), key)) {
      return Object.freeze({ origin, size: BigInt(size ?? 0), root: bytesToHex(rootBytes) });
    }
    throw new LogError('checkpoint', 'the signature of the log does not hold');
  }
  throw new LogError('checkpoint', 'is not signed by the log');
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
  for (const step of proof) {
    const sibling = base64(step);
    if (sibling?.length !== 32) throw new LogError('inclusion', 'a hash of the proof is not 32 bytes of base64');
    if (last === 0n) throw new LogError('inclusion', 'the proof is too long');
    if (index & 1n || index === last) {
      found = node(sibling, found);
      while (!(index & 1n) && index !== 0n) [index, last] = [index >> 1n, last >> 1n];
    } else {
      found = node(found, sibling);
    }
    [index, last] = [index >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new LogError('inclusion', 'the proof is too short');
  if (bytesToHex(found) !== root) throw new LogError('inclusion', "the proof does not lead to the checkpoint's root");
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
function node(left, right) {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}

/**
 * Strictly (ZIP 215 is for consensus; the log's own tools use RFC 8032's rules).
 *
 * @param {Uint8Array} signature
 * @param {Uint8Array} message
 * @param {Uint8Array} key
 */
function ed25519Holds(signature, message, key) {
  try {
    return ed25519.verify(signature, message, key, { zip215: false });
  } catch {
    return false;
  }
}

/**
 * @param {string} what
 * @param {string} hex
 */
function hash(what, hex) {
  const bytes = isHex(hex, 32) ? hexBytes(hex) : null;
  if (!bytes) throw new TypeError(`${what}: 32 bytes of lowercase hex are needed`);
  return bytes;
}

/**
 * Standard base64 with padding, in its one spelling.
 *
 * @param {string} text
 * @returns {Uint8Array | null}
 */
function base64(text) {
  try {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return btoa(String.fromCharCode(...bytes)) === text ? bytes : null;
  } catch {
    return null;
  }
}
