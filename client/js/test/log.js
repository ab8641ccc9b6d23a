/**
 * A log of a test's oracle, honest or not, with its bundles. Trees, notes and keys
 * are written from RFC 6962 and C2SP, apart from the sources.
 *
 * @module
 */
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

import { canonicalJson, encodeAnnouncement, encodeAttestation } from '../src/index.js';
import { problem, send, serve } from './server.js';

/** @import { TestContext } from 'node:test' */
/** @import { Announcement, Descriptor, JsonDocument } from '../src/index.js' */
/** @import { FakeOracle } from './oracle.js' */

/** @param {Uint8Array} bytes */
export const base64 = (bytes) => Buffer.from(bytes).toString('base64');
/** @param {Uint8Array} entry */
const leaf = (entry) => sha256(concatBytes(Uint8Array.of(0), entry));
/** The largest power of two below n. @param {number} n */
const split = (n) => 2 ** (Math.ceil(Math.log2(n)) - 1);

/** `MTH`. @param {readonly Uint8Array[]} entries @returns {Uint8Array} */
export function root(entries) {
  const [only = new Uint8Array()] = entries;
  if (entries.length <= 1) return entries.length === 0 ? sha256(only) : leaf(only);
  const k = split(entries.length);
  return sha256(concatBytes(Uint8Array.of(1), root(entries.slice(0, k)), root(entries.slice(k))));
}

/** `PATH`. @param {number} m @param {readonly Uint8Array[]} entries @returns {Uint8Array[]} */
export function path(m, entries) {
  if (entries.length <= 1) return [];
  const k = split(entries.length);
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m < k ? [...path(m, left), root(right)] : [...path(m - k, right), root(left)];
}

/** `PROOF`. @param {number} m @param {readonly Uint8Array[]} entries @returns {Uint8Array[]} */
export function proof(m, entries) {
  return m === 0 ? [] : subproof(m, entries, true);
}

/** `SUBPROOF`. @param {number} m @param {readonly Uint8Array[]} entries @param {boolean} b @returns {Uint8Array[]} */
function subproof(m, entries, b) {
  if (m === entries.length) return b ? [] : [root(entries)];
  const k = split(entries.length);
  const [left, right] = [entries.slice(0, k), entries.slice(k)];
  return m <= k ? [...subproof(m, left, b), root(right)] : [...subproof(m - k, right, false), root(left)];
}

/** A key that signs notes. */
export class NoteSigner {
  #secret;

  /** @param {string} name @param {number} seed @param {1 | 4} [type] */
  constructor(name, seed, type = 1) {
    this.name = name;
    this.type = type;
    this.#secret = new Uint8Array(32).fill(seed);
    this.publicKey = ed25519.getPublicKey(this.#secret);
  }

  get id() {
    return sha256(concatBytes(utf8ToBytes(`${this.name}\n`), Uint8Array.of(this.type), this.publicKey)).subarray(0, 4);
  }

  get vkey() {
    return `${this.name}+${bytesToHex(this.id)}+${base64(concatBytes(Uint8Array.of(this.type), this.publicKey))}`;
  }

  /** A signature line. @param {string} text @param {bigint} [time] of a witness */
  line(text, time = 0n) {
    const stamp = new Uint8Array(this.type === 4 ? 8 : 0);
    if (this.type === 4) new DataView(stamp.buffer).setBigUint64(0, time);
    const signed = this.type === 4 ? `cosignature/v1\ntime ${time}\n${text}` : text;
    return `\u2014 ${this.name} ${base64(concatBytes(this.id, stamp, ed25519.sign(utf8ToBytes(signed), this.#secret)))}\n`;
  }
}

/** @param {bigint} value @param {number} width */
function bigEndian(value, width) {
  return hexToBytes(value.toString(16).padStart(2 * width, '0'));
}

/** Below 253 bytes. @param {string} text */
function string(text) {
  const bytes = utf8ToBytes(text);
  return concatBytes(Uint8Array.of(bytes.length), bytes);
}

const MANIFEST = sha256(utf8ToBytes('manifest'));

/**
 * A bundle as JSON.
 *
 * @typedef {{[key: string]: any}} BundleJson
 */

export class FakeLog {
  /** @type {Uint8Array[]} */
  entries = [];
  /** Where what is, by event. @type {Map<string, {announcement: number, proof?: number, attestation?: number, notice?: number}>} */
  positions = new Map();
  /** @type {NoteSigner[]} */
  witnesses = [];

  /**
   * @param {FakeOracle} oracle
   * @param {{seed?: number, origin?: string, policy?: JsonDocument}} [options]
   */
  constructor(oracle, { seed = 7, origin = 'oracle.test/log', policy = { rule: { kind: 'threshold' }, give_up_after_s: 1 } } = {}) {
    this.oracle = oracle;
    this.signer = new NoteSigner(origin, seed);
    this.policy = canonicalJson(policy);
    const statement = concatBytes(
      ...[Uint8Array.of(1, 0), string('peercoin-regtest'), hexToBytes(oracle.publicKey)],
      ...[this.signer.publicKey, string(origin), bigEndian(1n, 8)],
    );
    this.entries.push(concatBytes(statement, oracle.sign('peercoin-dlc-oracle/genesis/v1', statement)));
  }

  get identity() {
    return this.signer.vkey;
  }

  get policyHash() {
    return bytesToHex(sha256(utf8ToBytes(this.policy)));
  }

  /** @param {string} id @param {Descriptor} descriptor */
  announce(id, descriptor) {
    return this.#enter(this.oracle.announce(id, descriptor));
  }

  /** @param {string} id @param {Descriptor} descriptor @param {string[]} nonces */
  announceUnder(id, descriptor, nonces) {
    return this.#enter(this.oracle.announceUnder(id, descriptor, nonces));
  }

  /** @param {Announcement} announcement */
  #enter(announcement) {
    const id = announcement.event.eventId;
    this.positions.set(id, { announcement: this.entries.length });
    this.entries.push(concatBytes(Uint8Array.of(1, 1), hexToBytes(this.policyHash), encodeAnnouncement(announcement)));
    return announcement;
  }

  /**
   * That the oracle knows the nonces of an announcement.
   *
   * @param {Announcement} announcement
   * @param {{bytes?: Uint8Array, of?: number}} [options]
   */
  prove(announcement, { bytes = this.oracle.prove(announcement), of } = {}) {
    const at = this.#at(announcement.event.eventId);
    at.proof = this.entries.length;
    this.entries.push(concatBytes(Uint8Array.of(1, 6), bigEndian(BigInt(of ?? at.announcement), 8), bytes));
  }

  /** @param {string} id @param {string[]} texts */
  attest(id, texts) {
    const attestation = this.oracle.attest(id, texts);
    const at = this.#at(id);
    at.attestation = this.entries.length;
    const start = concatBytes(Uint8Array.of(1, 2), bigEndian(BigInt(at.announcement), 8), MANIFEST);
    this.entries.push(concatBytes(start, encodeAttestation(attestation)));
    return attestation;
  }

  /** @param {string} id @param {string} reason */
  refund(id, reason) {
    this.#at(id).notice = this.entries.length;
    this.entries.push(concatBytes(Uint8Array.of(1, 3, 1), string(id), bigEndian(2n, 8), string(reason)));
  }

  /** Entries that say nothing to a client. @param {number} count */
  grow(count) {
    for (let i = 0; i < count; i += 1) this.entries.push(concatBytes(Uint8Array.of(1, 5, 3), string('other'), bigEndian(BigInt(i), 8), string('')));
  }

  /** @param {string} id */
  #at(id) {
    const at = this.positions.get(id);
    if (!at) throw new Error(`${id} is not announced`);
    return at;
  }

  /** @param {number} [size] */
  note(size = this.entries.length) {
    const text = `${this.signer.name}\n${size}\n${base64(root(this.entries.slice(0, size)))}\n`;
    return `${text}\n${this.signer.line(text)}${this.witnesses.map((witness, n) => witness.line(text, BigInt(n + 1))).join('')}`;
  }

  /** @param {number} position @param {number} [size] */
  included(position, size = this.entries.length) {
    const hashes = path(position, this.entries.slice(0, size)).map(base64);
    return { leaf_index: position, entry: base64(this.entries[position] ?? new Uint8Array()), hashes };
  }

  /**
   * @param {string} id
   * @param {{from?: number, size?: number}} [options]
   * @returns {BundleJson}
   */
  bundle(id, { from, size = this.entries.length } = {}) {
    const { announcement, proof: proven, attestation, notice } = this.#at(id);
    return {
      format: 'peercoin-dlc-oracle/bundle/v1',
      event_id: id,
      checkpoint: this.note(size),
      genesis: this.included(0, size),
      announcement: this.included(announcement, size),
      ...(proven !== undefined && proven < size && { nonce_proof: this.included(proven, size) }),
      ...(attestation !== undefined && attestation < size && { attestation: this.included(attestation, size) }),
      ...(notice !== undefined && notice < size && { notice: this.included(notice, size) }),
      policy: this.policy,
      ...(from !== undefined && { consistency: { from, hashes: proof(from, this.entries.slice(0, size)).map(base64) } }),
    };
  }

  /**
   * An hour that has the entries from `first` to before `size`.
   *
   * @param {string} hour
   * @param {number} first
   * @param {number} [size]
   * @param {string | null} [next] names the next hour; null where this one is not over
   */
  hour(hour, first, size = this.entries.length, next = null) {
    /** @type {string[]} */
    const left = [];
    for (let at = 0; at < first; ) {
      const width = 2 ** Math.floor(Math.log2(first - at));
      left.push(base64(root(this.entries.slice(at, at + width))));
      at += width;
    }
    return {
      ...{ format: 'peercoin-dlc-oracle/hour/v1', hour, complete: next !== null, next, checkpoint: this.note(size) },
      ...{ genesis: this.included(0, size), first, left, entries: this.entries.slice(first, size).map(base64) },
    };
  }

  /** What `/v1/oracle` says. */
  get info() {
    return {
      ...{ name: 'Test', network: 'peercoin-regtest', public_key: this.oracle.publicKey, log_origin: this.signer.name },
      ...{ log_public_key: bytesToHex(this.signer.publicKey), server_version: '0', dialect: 'tagged' },
    };
  }

  /**
   * A service of this log, which a test may make lie.
   *
   * @param {TestContext} t
   * @param {{change?: (bundle: BundleJson, id: string) => BundleJson | null}} [options]
   */
  serve(t, { change = (bundle) => bundle } = {}) {
    return serve(t, (request, response) => {
      const url = new URL(request.url ?? '', 'http://x');
      const [, , kind, id = '', part] = url.pathname.split('/').map(decodeURIComponent);
      if (kind === 'oracle') return send(response, this.info);
      const at = this.positions.get(id);
      if (!at) return problem(response, 404, 'unknown-event');
      if (kind === 'events' && part === 'bundle') {
        const asked = url.searchParams.get('from');
        const from = asked === null ? undefined : Number(asked);
        if (from !== undefined && from > this.entries.length) return problem(response, 409, 'ahead-of-log');
        const bundle = change(this.bundle(id, { ...(from !== undefined && { from }) }), id);
        return bundle ? send(response, bundle) : problem(response, 404, 'not-announced');
      }
      if (kind === 'announcements') return send(response, this.entries[at.announcement]?.subarray(34));
      const position = kind === 'attestations' ? at.attestation : undefined;
      if (position !== undefined) return send(response, (this.entries[position] ?? new Uint8Array()).subarray(42));
      if (at.notice !== undefined) return problem(response, 410, 'refunded');
      return problem(response, 404, 'not-attested');
    });
  }
}

/** @param {bigint} n */
const tilePath = (n) => (n < 1000n ? String(n).padStart(3, '0') : `x${String(n / 1000n).padStart(3, '0')}/${String(n % 1000n).padStart(3, '0')}`);

/** A log's files as a static mirror keeps them: of a tile only the widest. @param {FakeLog} log @returns {Map<string, Uint8Array | string>} */
export function filesOf(log) {
  /** @type {Map<string, Uint8Array | string>} */
  const files = new Map([['/checkpoint', log.note()]]);
  const put = (/** @type {string} */ kind, /** @type {readonly Uint8Array[]} */ items) => {
    for (let at = 0; at < items.length; at += 256) {
      const part = items.slice(at, at + 256);
      files.set(`/tile/${kind}/${tilePath(BigInt(at / 256))}${part.length < 256 ? `.p/${part.length}` : ''}`, concatBytes(...part));
    }
  };
  put('entries', log.entries.map((entry) => concatBytes(Uint8Array.of(entry.length >> 8, entry.length & 255), entry)));
  put('0', log.entries.map(leaf));
  const whole = Math.floor(log.entries.length / 256);
  if (whole > 0) put('1', Array.from({ length: whole }, (_, i) => root(log.entries.slice(256 * i, 256 * (i + 1)))));
  return files;
}
