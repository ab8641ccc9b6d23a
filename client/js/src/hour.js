/**
 * Everything that the log got in one hour, in one document that verifies offline: who
 * takes every hour has all announcements and attestations, and names no event.
 *
 * Source: `docs/bundles.md`, "Everything, by hours".
 *
 * @module
 */
import { ANNOUNCEMENT, ATTESTATION, GENESIS, NONCE_PROOF, NOTICE, notCanonical } from './bundle-entry.js';
import { checkGenesis, checkHead, identityOf } from './bundle.js';
import { included, membersOf, parsed } from './bundle-json.js';
import { base64Bytes, bytesToBase64, bytesToHex, sameBytes, utf8ToText } from './bytes.js';
import { ArgumentError, BundleError, CodecError, OracleError } from './errors.js';
import { NonceProof } from './nonce-proof.js';
import { Reader } from './reader.js';
import { announcementHash } from './tags.js';
import { EMPTY_ROOT, MAX_PROOF, leafHash, nodeHash } from './tlog.js';
import { readAnnouncement, readAttestation, writeAnnouncement, writeAttestation, writeEvent } from './tlv.js';

/** @import { Bundle } from './bundle-json.js' */
/** @import { Announcement, Attestation } from './event.js' */
/** @import { Checkpoint, NoteKey } from './note.js' */
/** @import { Genesis } from './tlog.js' */

const FORMAT = 'peercoin-dlc-oracle/hour/v1';
const VERSION = 1;
const HOUR = /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3])$/;
/** Longest entry, bytes. */
const MAX_ENTRY = 65_535;
/** Longest hour that is read, bytes. */
export const MAX_HOUR = 64 * 1024 * 1024;
const [OPERATOR_ACTION, STATUS] = [4, 5];
/** Well made, as far as this version can tell, and not known to it. @type {OtherPart} */
const UNKNOWN = Object.freeze({ type: 'unknown' });

/**
 * What an hour does not prove, or is not. `code` as in `schema/vectors/hours.json`; of
 * entries that contradict the genesis or each other `other-key`, `other-announcement` and
 * `nonce-reused`; of an hour that contradicts what was seen before, or cannot be tied to
 * it, `forked` and `no-consistency`.
 */
export class HourError extends OracleError {
  /**
   * @param {HourErrorCode} code
   * @param {string} problem
   * @param {ErrorOptions} [options]
   */
  constructor(code, problem, options) {
    super(code, `hour of the log: ${problem}`, options);
  }
}

/** @typedef {'json' | 'format' | 'other-hour' | 'next' | 'base64' | 'checkpoint' | 'other-entry' | 'other-log' | 'inclusion' | 'entry' | 'left' | 'root' | 'gap' | 'other-key' | 'other-announcement' | 'nonce-reused' | 'forked' | 'no-consistency' | (string & {})} HourErrorCode */

/**
 * A tree of the log: how many leaves, and the hashes of its largest complete subtrees
 * from left to right, base64. They stay as the tree grows.
 *
 * @typedef {object} Tree
 * @property {bigint} size
 * @property {readonly string[]} left
 */

/**
 * An entry of the log. The signatures of announcements and attestations are not checked
 * yet: `verifyAnnouncement`, and with it `verifyAttestation`, do that.
 *
 * @typedef {{readonly position: bigint, readonly bytes: Uint8Array} & (GenesisPart | AnnouncementPart | AttestationPart | NoticePart | NonceProofPart | OtherPart)} HourEntry
 *
 * @typedef {{readonly type: 'genesis'}} GenesisPart
 * @typedef {{readonly type: 'announcement', readonly policyHash: string, readonly announcement: Announcement}} AnnouncementPart
 * @typedef {{readonly type: 'attestation', readonly announcementPosition: bigint, readonly manifestSha256: string, readonly attestation: Attestation}} AttestationPart
 * @typedef {{readonly type: 'notice', readonly kind: 'refund' | 'withdrawn', readonly eventId: string, readonly timeMs: bigint, readonly reason: string}} NoticePart
 * @typedef {{readonly type: 'nonce-proof', readonly announcementPosition: bigint, readonly nonceProof: NonceProof}} NonceProofPart
 * @typedef {{readonly type: 'operator-action' | 'status' | 'unknown'}} OtherPart what this package does not read;
 *   `unknown`: of a type, a kind or a version that came later
 */

/**
 * What an hour proves.
 *
 * @typedef {object} ProvenHour
 * @property {string} hour when it begins: `2026-11-22T16`, UTC
 * @property {boolean} complete whether it is over, by the server's word: then it never changes
 * @property {string | null} next the next hour in which the log got something: ask for that one next;
 *   null until this one is over
 * @property {Genesis} genesis who the oracle is
 * @property {Readonly<Checkpoint>} checkpoint the log at its end
 * @property {bigint} first position of the first entry
 * @property {readonly HourEntry[]} entries in the log at these positions; those that this version
 *   does not know are of type `unknown`
 * @property {Readonly<Tree>} before the tree before the first entry
 * @property {Readonly<Tree>} after the tree behind the last: give it as `before` with the next hour
 */

/**
 * Checks that a document is what the log of this identity got in an hour, and, with
 * `before`, that nothing lies between it and the hour before. That the log's times are
 * true nobody can check.
 *
 * @param {Uint8Array | string} input the JSON, as `GET /v1/bundles/{hour}` serves it
 * @param {{identity: string | NoteKey, hour: string, before?: Readonly<Tree> | null | undefined}} expected
 *   `hour`: the one that was asked for; `before`: `after` of the hour before it
 * @returns {ProvenHour}
 * @throws {HourError | import('./errors.js').IdentityError}
 */
export function verifyHour(input, { identity, hour, before }) {
  const key = typeof identity === 'string' ? identityOf(identity) : identity;
  try {
    return checked(input, key, hour, before ?? null);
  } catch (error) {
    if (error instanceof BundleError) throw new HourError(error.code, error.message, { cause: error });
    throw error;
  }
}

/**
 * The root of the log's first entries, hex; null unless the hour begins at or before
 * them and reaches them.
 *
 * @param {ProvenHour} hour
 * @param {bigint} size
 */
export function rootAt({ before, entries, checkpoint }, size) {
  if (size < before.size || size > checkpoint.size) return null;
  const tree = new Growing(before.size, before.left);
  for (const { bytes } of entries.slice(0, Number(size - before.size))) tree.append(leafHash(bytes));
  return tree.root();
}

/**
 * @param {Uint8Array | string} input
 * @param {NoteKey} key
 * @param {string} asked
 * @param {Readonly<Tree> | null} due
 * @returns {ProvenHour}
 */
function checked(input, key, asked, due) {
  const document = readHour(input);
  const { hour, complete, next, first } = document;
  if (hour !== asked) throw new HourError('other-hour', `it is ${JSON.stringify(hour)}, not ${JSON.stringify(asked)}`);
  if (next === null ? complete : !(complete && isHour(next) && next > hour)) {
    throw new HourError('next', `next is ${JSON.stringify(next)}: not a later hour, or named before this one is over`);
  }
  // Of a bundle, these are the parts that an hour has too.
  const bundle = /** @type {Bundle} */ (/** @type {unknown} */ (document));
  const { checkpoint } = checkHead(bundle, key, null);
  const genesis = checkGenesis(bundle, checkpoint, key);
  const tree = new Growing(first, document.left);
  const before = tree.now();
  // Before anything is read of them: a checkpoint is signed, and how many there are is not.
  if (first + BigInt(document.entries.length) !== checkpoint.size) {
    throw new HourError('root', `its entries from ${first} on do not make the checkpoint of ${checkpoint.size}`);
  }
  const entries = document.entries.map((text, i) => {
    const bytes = base64Bytes(text);
    if (!bytes) throw new HourError('base64', `entries[${i}] is not base64`);
    tree.append(leafHash(bytes));
    return entryOf(first + BigInt(i), bytes);
  });
  if (tree.size !== checkpoint.size || tree.root() !== checkpoint.root) {
    throw new HourError('root', `its entries from ${first} on do not make the checkpoint of ${checkpoint.size}`);
  }
  requireOneOracle(entries, genesis);
  requireOwnNonces(entries);
  if (due && !(due.size === first && due.left.join() === before.left.join())) {
    throw new HourError('gap', `the hours before end at ${due.size} entries, this one begins at ${first}, or elsewhere`);
  }
  return Object.freeze({ hour, complete, next, genesis, checkpoint, first, entries: Object.freeze(entries), before, after: tree.now() });
}

/**
 * That all messages are by the key that the genesis names, and that what belongs to an
 * announcement comes after it. Where the announcement is in an earlier hour, only its
 * position can be compared.
 *
 * @param {readonly HourEntry[]} entries
 * @param {Genesis} genesis
 */
function requireOneOracle(entries, { oraclePublicKey }) {
  const first = entries[0]?.position ?? 0n;
  for (const entry of entries) {
    const { position } = entry;
    const message = entry.type === 'announcement' ? entry.announcement : entry.type === 'attestation' ? entry.attestation : null;
    if (message && message.oraclePublicKey !== oraclePublicKey) {
      throw new HourError('other-key', `entry ${position} is by oracle key ${message.oraclePublicKey}, the log's is ${oraclePublicKey}`);
    }
    if (entry.type !== 'attestation' && entry.type !== 'nonce-proof') continue;
    const at = entry.announcementPosition;
    const named = at >= first ? entries[Number(at - first)] : null;
    const isEarlier = at > 0n && at < position;
    const isAnnouncement = named === null || named?.type === 'announcement';
    const isOfIt = entry.type !== 'attestation' || named?.type !== 'announcement' || named.announcement.event.eventId === entry.attestation.eventId;
    if (!isEarlier || !isAnnouncement || !isOfIt) {
      throw new HourError('other-announcement', `entry ${position} names ${at} as the position of its announcement, where it is not`);
    }
  }
}

/**
 * That no nonce is announced in two events: whoever sees both attested can compute the
 * oracle's key.
 *
 * @param {readonly HourEntry[]} entries
 */
function requireOwnNonces(entries) {
  /** @type {Map<string, {position: bigint, event: Announcement['event'], hash: () => Uint8Array}>} */
  const seen = new Map();
  for (const entry of entries) {
    if (entry.type !== 'announcement') continue;
    const { position, announcement: { event } } = entry;
    /** @type {Uint8Array | null} */
    let made = null;
    // Once each, however many of its nonces come again.
    const hash = () => (made ??= announcementHash(writeEvent(event)));
    for (const [index, nonce] of event.nonces.entries()) {
      const known = seen.get(nonce);
      // Twice in one announcement: that does not verify, which is seen where it is read.
      if (known && known.event !== event && !sameBytes(known.hash(), hash())) {
        throw new HourError('nonce-reused', `entry ${position}: nonce ${index} of event ${JSON.stringify(event.eventId)} is one of event ${JSON.stringify(known.event.eventId)} too, at entry ${known.position}`);
      }
      if (!known) seen.set(nonce, { position, event, hash });
    }
  }
}

/** The document, whose form alone is known. @param {Uint8Array | string} input */
function readHour(input) {
  const json = parsed((typeof input === 'string' ? input : utf8ToText(input)) ?? '');
  const root = membersOf(json, 'the hour');
  const complete = json instanceof Map ? json.get('complete') : null;
  if (typeof complete !== 'boolean') throw new HourError('json', 'complete is neither true nor false');
  const next = json instanceof Map ? (json.get('next') ?? null) : null;
  if (next !== null && typeof next !== 'string') throw new HourError('json', 'next is neither a text nor null');
  const document = {
    next,
    format: root.text('format'),
    hour: root.text('hour'),
    complete,
    checkpoint: root.text('checkpoint'),
    genesis: included(root.part('genesis')),
    first: root.uint('first'),
    left: root.texts('left'),
    entries: root.texts('entries'),
  };
  if (document.format === FORMAT) return document;
  throw new HourError('format', `format is ${JSON.stringify(document.format)}; this version reads ${JSON.stringify(FORMAT)}`);
}

/** A tree to which leaves are added. */
class Growing {
  /** From left to right. @type {Uint8Array[]} */
  #left;

  /**
   * @param {bigint} size
   * @param {readonly string[]} left base64
   */
  constructor(size, left) {
    if (left.length > MAX_PROOF) throw new HourError('base64', 'left has more hashes than any tree');
    this.#left = left.map((text) => {
      const bytes = base64Bytes(text);
      if (bytes?.length !== 32) throw new HourError('base64', 'left is not base64 of 32 bytes each');
      return bytes;
    });
    const ones = size.toString(2).replaceAll('0', '').length;
    if (size >> 63n !== 0n || left.length !== ones) throw new HourError('left', `${size} entries before are not these subtrees`);
    this.size = size;
  }

  /** @param {Uint8Array} leaf its hash */
  append(leaf) {
    let joined = leaf;
    for (let size = this.size; size & 1n; size >>= 1n) joined = nodeHash(/** @type {Uint8Array} */ (this.#left.pop()), joined);
    this.#left.push(joined);
    this.size += 1n;
  }

  /** Hex. */
  root() {
    const [last, ...rest] = [...this.#left].reverse();
    return last ? bytesToHex(rest.reduce((right, left) => nodeHash(left, right), last)) : EMPTY_ROOT;
  }

  /** @returns {Readonly<Tree>} */
  now() {
    return Object.freeze({ size: this.size, left: Object.freeze(this.#left.map(bytesToBase64)) });
  }
}

/**
 * @param {bigint} position
 * @param {Uint8Array} bytes
 * @returns {HourEntry}
 */
function entryOf(position, bytes) {
  try {
    if (bytes.length > MAX_ENTRY) throw new CodecError('too-long', 'entry', 0, `is ${bytes.length} bytes long`);
    const body = new Reader(bytes);
    const [version, type] = [body.uint('version', 1), body.uint('type', 1)];
    const part = version === VERSION ? partOf(type, body) : UNKNOWN;
    return Object.freeze({ position, bytes, ...part });
  } catch (error) {
    if (error instanceof HourError || !(error instanceof OracleError)) throw error;
    throw new HourError('entry', `entry ${position}: ${error.message}`, { cause: error });
  }
}

/**
 * @param {number} type
 * @param {Reader} body
 * @returns {GenesisPart | AnnouncementPart | AttestationPart | NoticePart | NonceProofPart | OtherPart}
 */
function partOf(type, body) {
  switch (type) {
    case GENESIS:
      return { type: 'genesis' };
    case ANNOUNCEMENT: {
      const policyHash = body.hex('policy_hash', 32);
      const bytes = body.rest();
      const announcement = readAnnouncement(bytes);
      if (!sameBytes(writeAnnouncement(announcement), bytes)) throw notCanonical();
      return { type: 'announcement', policyHash, announcement };
    }
    case ATTESTATION: {
      const announcementPosition = positionIn(body);
      const manifestSha256 = body.hex('manifest_sha256', 32);
      const bytes = body.rest();
      const { attestation, layout } = readAttestation(bytes);
      const isCanonical = layout === 'spec' && attestation.eventId !== null && sameBytes(writeAttestation(attestation, layout), bytes);
      if (!isCanonical) throw notCanonical();
      return { type: 'attestation', announcementPosition, manifestSha256, attestation };
    }
    case NOTICE: {
      const kind = body.uint('kind', 1);
      if (kind !== 1 && kind !== 2) return UNKNOWN;
      const eventId = body.eventId();
      const timeMs = BigInt(`0x${body.hex('time_ms', 8)}`);
      const reason = body.string('reason');
      body.end('notice');
      return { type: 'notice', kind: kind === 1 ? 'refund' : 'withdrawn', eventId, timeMs, reason };
    }
    case NONCE_PROOF: {
      const announcementPosition = positionIn(body);
      const proof = body.hex('proof', 64);
      body.end('nonce_proof');
      return { type: 'nonce-proof', announcementPosition, nonceProof: NonceProof.fromHex(proof) };
    }
    case OPERATOR_ACTION:
      return { type: 'operator-action' };
    case STATUS:
      return { type: 'status' };
    default:
      return UNKNOWN;
  }
}

/** @param {Reader} body */
function positionIn(body) {
  return BigInt(`0x${body.hex('announcement_position', 8)}`);
}

/** That this is how an hour is named. @param {string} hour */
export function requireHour(hour) {
  if (typeof hour === 'string' && isHour(hour)) return hour;
  throw new ArgumentError('hour', 'is no hour such as 2026-11-22T16 (UTC)');
}

/**
 * Whether a text names an hour of a day that there is.
 *
 * @param {string} text
 */
function isHour(text) {
  if (!HOUR.test(text)) return false;
  const begin = new Date(`${text}:00:00Z`);
  // Some engines make 1 December of 31 November, others no time.
  return !Number.isNaN(begin.getTime()) && begin.toISOString().startsWith(text);
}
