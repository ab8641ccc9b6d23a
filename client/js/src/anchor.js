/**
 * Anchors: checkpoints committed to Peercoin. What follows from their bytes is
 * checked here; that a block is in the chain, a node says.
 *
 * Source: `docs/anchors.md`.
 *
 * @module
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { bytesToHex, concatBytes, hexBytes, isHex, sameBytes, textToUtf8 } from './bytes.js';
import { OracleError } from './errors.js';

/** Longest transaction that is read, bytes. */
const MAX_TRANSACTION = 100_000;
/** Deepest branch. */
const MAX_BRANCH = 24;
/** From this version on a transaction has no time of its own. */
const FIRST_WITHOUT_TIME = 3;
/** `OP_RETURN`, one push of 48 bytes, and what every anchor begins with. */
const SCRIPT_START = concatBytes(Uint8Array.of(0x6a, 0x30), textToUtf8('DLCLOG01'));
const SCRIPT_BYTES = 50;

/** Bytes that are no anchor; `code` as `schema/vectors/anchors.json` has it, where it is about the transaction. */
export class AnchorFault extends OracleError {
  /**
   * @param {string} problem
   * @param {string} [code]
   */
  constructor(problem, code = 'anchor') {
    super(code, problem);
  }
}

/**
 * Where an anchor stands, as it is served.
 *
 * @typedef {object} Confirmation
 * @property {bigint} height
 * @property {string} blockHash
 * @property {string} confirmedAt
 * @property {string} header
 * @property {bigint} position
 * @property {readonly string[]} branch
 */

/**
 * Checks that a transaction has this id and anchors this size and root.
 *
 * @param {{transaction: string, txid: string, vout: bigint, size: bigint, root: string}} anchor in hex, ids as nodes write them
 * @throws {AnchorFault}
 */
export function checkTransaction({ transaction, txid, vout, size, root }) {
  const bytes = isHex(transaction, transaction.length / 2) ? hexBytes(transaction) : null;
  if (!bytes || !isHex(txid, 32) || !isHex(root, 32)) throw new AnchorFault('transaction, txid or root is malformed');
  const found = anchorIn(bytes);
  if (found.txid !== txid) throw new AnchorFault(`txid: the transaction's is ${found.txid}`);
  if (found.vout !== vout) throw new AnchorFault(`vout: the anchor is output ${found.vout}`);
  if (found.size !== size || found.root !== root) throw new AnchorFault('the transaction anchors another size or root');
}

/**
 * The one anchor of a transaction.
 *
 * @param {Uint8Array} transaction
 * @throws {AnchorFault}
 */
export function anchorIn(transaction) {
  const { txid, scripts } = readTransaction(transaction);
  const anchors = [...scripts.entries()].filter(([, script]) => isAnchor(script));
  const [anchor] = anchors;
  if (!anchor || anchors.length > 1) throw new AnchorFault(`transaction: ${anchors.length} outputs are anchors; one is due`, 'anchors');
  const said = bytesToHex(anchor[1].subarray(SCRIPT_START.length));
  return { txid, vout: BigInt(anchor[0]), size: BigInt(`0x${said.slice(0, 16)}`), root: said.slice(16) };
}

/**
 * Checks that a transaction is in the block of a header.
 *
 * @param {string} txid as nodes write it
 * @param {Confirmation} confirmation
 * @throws {AnchorFault}
 */
export function checkConfirmation(txid, { blockHash, confirmedAt, header, position, branch }) {
  const bytes = isHex(header, 80) ? hexBytes(header) : null;
  if (!bytes || !isHex(blockHash, 32) || !branch.every((hash) => isHex(hash, 32))) {
    throw new AnchorFault('block_hash, header or branch is malformed');
  }
  if (written(twice(bytes)) !== blockHash) throw new AnchorFault("block_hash: the header's is another");
  const time = new DataView(bytes.buffer, bytes.byteOffset).getUint32(68, true);
  if (new Date(time * 1000).toISOString().replace('.000Z', 'Z') !== confirmedAt) throw new AnchorFault("confirmed_at: the block's time is another");
  // One branch, one spelling: no bits above the branch, no child beside itself.
  if (branch.length > MAX_BRANCH || position >> BigInt(branch.length) !== 0n) throw new AnchorFault('branch: not the shape of a tree');
  let node = /** @type {Uint8Array} */ (hexBytes(txid)).reverse();
  for (const [level, hash] of branch.entries()) {
    const sibling = /** @type {Uint8Array} */ (hexBytes(hash));
    const isRight = ((position >> BigInt(level)) & 1n) === 1n;
    if (isRight && sameBytes(sibling, node)) throw new AnchorFault('branch: not the shape of a tree');
    node = twice(isRight ? concatBytes(sibling, node) : concatBytes(node, sibling));
  }
  if (!sameBytes(node, bytes.subarray(36, 68))) throw new AnchorFault('branch: it leads to another root than the header has');
}

/**
 * A transaction with or without witnesses, read to its last byte. Versions below
 * 3 have a time behind the version.
 *
 * @param {Uint8Array} bytes
 * @throws {AnchorFault}
 */
function readTransaction(bytes) {
  if (bytes.length > MAX_TRANSACTION) throw new AnchorFault(`transaction: ${bytes.length} bytes`, 'too-long');
  const reader = new Chain(bytes);
  const hasTime = new DataView(reader.take(4).slice().buffer).getInt32(0, true) < FIRST_WITHOUT_TIME;
  if (hasTime) reader.take(4);
  const start = bytes.subarray(0, reader.at);
  const hasWitnesses = bytes[reader.at] === 0;
  if (hasWitnesses && bytesToHex(reader.take(2)) !== '0001') throw new AnchorFault('transaction: neither plain nor with witnesses', 'form');
  const from = reader.at;
  // Outpoint, script, sequence.
  const inputs = reader.list(41, () => {
    reader.take(36);
    reader.text();
    reader.take(4);
  });
  if (inputs.length === 0) throw new AnchorFault('transaction: without inputs', 'form');
  const scripts = reader.list(9, () => {
    reader.take(8);
    return reader.text();
  });
  const body = bytes.subarray(from, reader.at);
  if (hasWitnesses) {
    const witnesses = inputs.map(() => reader.list(1, () => reader.text()));
    if (witnesses.every((items) => items.length === 0)) throw new AnchorFault('transaction: with witnesses of nothing', 'form');
  }
  const lockTime = reader.take(4);
  if (reader.at !== bytes.length) throw new AnchorFault('transaction: bytes behind its end', 'trailing');
  const stripped = concatBytes(start, body, lockTime);
  // As long as two hashes, it could be taken for a node of a block's tree.
  if (stripped.length === 64) throw new AnchorFault('transaction: 64 bytes long, as a node of a Merkle tree is', 'ambiguous');
  return { txid: written(twice(stripped)), scripts };
}

/** Bytes of the chain, integers in little-endian. */
class Chain {
  #bytes;
  at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
  }

  /** @param {number} count */
  take(count) {
    if (count > this.#bytes.length - this.at) throw new AnchorFault('transaction: cut off', 'truncated');
    this.at += count;
    return this.#bytes.subarray(this.at - count, this.at);
  }

  /** A count in its shortest form. */
  #count() {
    const first = this.take(1)[0] ?? 0;
    if (first < 0xfd) return first;
    const [width, least] = first === 0xfd ? [2, 0xfd] : first === 0xfe ? [4, 0x1_0000] : [8, 0x1_0000_0000];
    const count = Number(BigInt(`0x${bytesToHex(Uint8Array.from(this.take(width)).reverse())}`));
    if (count < least) throw new AnchorFault('transaction: a count is not in its shortest form', 'not-minimal');
    return count;
  }

  /**
   * Things of at least so many bytes, as many as can still come.
   *
   * @template T
   * @param {number} least
   * @param {() => T} item
   * @returns {T[]}
   */
  list(least, item) {
    const count = this.#count();
    if (count > (this.#bytes.length - this.at) / least) throw new AnchorFault('transaction: cut off', 'truncated');
    return Array.from({ length: count }, item);
  }

  text() {
    const count = this.#count();
    return this.take(count);
  }
}

/** @param {Uint8Array} script */
function isAnchor(script) {
  return script.length === SCRIPT_BYTES && sameBytes(script.subarray(0, SCRIPT_START.length), SCRIPT_START);
}

/** @param {Uint8Array} bytes */
function twice(bytes) {
  return sha256(sha256(bytes));
}

/** As nodes write it. @param {Uint8Array} hash */
function written(hash) {
  return bytesToHex(Uint8Array.from(hash).reverse());
}
