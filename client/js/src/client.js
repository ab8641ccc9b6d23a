/**
 * The participant's view of one oracle: nothing is believed that is not in its
 * log, under a checkpoint of the identity that was pinned, which continues every
 * one that was proven before.
 *
 * @module
 */
import { Backoff, sleep } from './backoff.js';
import { identityOf } from './bundle.js';
import { hexBytes, bytesToHex } from './bytes.js';
import { Cache } from './cache.js';
import { SYSTEM_CLOCK } from './clock.js';
import { decodeAnnouncement, decodeAttestation } from './codec.js';
import { liftX } from './curve.js';
import { ArgumentError, CodecError, HashError, LogError, MalformedError, NeverError, NotYetError, ProblemError, TooLargeError, TransportError, isTransient } from './errors.js';
import { eventIdProblem } from './event.js';
import { HourError, MAX_HOUR, requireHour, rootAt, verifyHour } from './hour.js';
import { Http, cutOff, isOfFormat, memberOf, requireJson } from './http.js';
import { Memory } from './memory.js';
import { readEventInfo, readEventsPage, readEvidenceInfo, readOracleInfo, readProofsInfo, readSeriesInfo, readSeriesPage } from './model.js';
import { readPolicy } from './policy.js';
import { Prover, requireEvent } from './prover.js';
import { stream } from './stream.js';
import { sha256Hex } from './tags.js';
import { consistencyOf, firstOf, longest, provenFirst } from './tiles.js';
import { readGenesis, verifyConsistency, verifyGenesis } from './tlog.js';
import { isMessage } from './tlv.js';
import { verifyAnnouncement, verifyAttestation } from './verify.js';

/** @import { Proven } from './bundle.js' */
/** @import { Clock } from './clock.js' */
/** @import { Outcome } from './event.js' */
/** @import { ProvenHour, Tree } from './hour.js' */
/** @import { Fetch, Request } from './http.js' */
/** @import { EventInfo, EventQuery, EventsPage, EvidenceInfo, OracleInfo, ProofsInfo, SeriesInfo, SeriesPage } from './model.js' */
/** @import { Policy } from './policy.js' */
/** @import { News, StreamOptions } from './stream.js' */
/** @import { Genesis } from './tlog.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */
/** @import { Witnesses } from './witnesses.js' */

/**
 * In place of an identity: the one that the server names first is trusted for the
 * client's lifetime. Whoever answers that first request is then the oracle; an
 * identity from an offer or a contract is better.
 */
export const TRUST_ON_FIRST_USE = Symbol('trust on first use');

/**
 * @typedef {object} ClientSettings
 * @property {string | typeof TRUST_ON_FIRST_USE} [identity] the oracle's identity, the
 *   verifier key of its log (C2SP signed-note), from an offer, a contract, the
 *   operator's own pages. Without it the one that the server names first is trusted
 * @property {string | typeof TRUST_ON_FIRST_USE} [publicKey] the oracle's key P, x-only
 *   hex. It must be the one that the log's first entry names; alone it identifies
 *   nobody, since whoever chooses enough outcomes can forge messages under it
 * @property {string | Uint8Array | Witnesses} [witnesses] a C2SP tlog-policy: of these
 *   witnesses a quorum must have cosigned a checkpoint before anything is believed
 *   under it
 * @property {Memory} [memory] what was proven before; by default of this client's lifetime
 * @property {boolean} [unproven] return messages under the oracle key that are not
 *   proven to be in its log, and may be forged
 * @property {Fetch} [fetch] instead of the platform's
 * @property {number} [timeoutMs] limit on one request, beyond the time the server
 *   is asked to hold it (15 s)
 * @property {number} [idleTimeoutMs] a stream without a byte, heartbeats included,
 *   for so long is dead (60 s)
 * @property {number} [retries] further attempts while the server is out of reach
 *   or busy (3)
 * @property {number} [firstBackoffMs] first pause between attempts (500 ms)
 * @property {number} [maxBackoffMs] longest pause, whatever the server asks for (30 s)
 * @property {number} [maxBytes] longest answer read (1 MiB)
 * @property {number} [cacheEntries] verified things kept, of each kind (1000)
 * @property {Clock} [clock] time and chance, for tests
 */

/**
 * How a client behaves; one of `identity` and `publicKey` is needed.
 *
 * @typedef {ClientSettings & ({identity: string | typeof TRUST_ON_FIRST_USE} | {publicKey: string | typeof TRUST_ON_FIRST_USE})} ClientOptions
 */

/** @typedef {{signal?: AbortSignal | undefined}} CallOptions */

/**
 * An attested event, checked from the announcement's first byte to the outcome's last.
 *
 * @typedef {object} Attested
 * @property {VerifiedAnnouncement} announcement what was promised
 * @property {VerifiedAttestation} attestation what was signed
 * @property {Readonly<Outcome>} outcome what happened
 */

/**
 * Longest time the server is asked to hold one request; its own limit is 60 s
 * and proxies tend to cut silent connections at about that.
 */
const LONGEST_HOLD_MS = 45_000;
/** How often an hour is held against what is known, while other requests learn more. */
const RACES = 16;
/** Longest recorded body of a provider, bytes. */
const MAX_EVIDENCE = 16 * 1024 * 1024;
const TLV = 'application/octet-stream';
const JSON_TYPE = 'application/json';

/** Reads one oracle over HTTP and returns nothing unverified but what says so. */
export class OracleClient {
  #http;
  #options;
  #prover;
  #isUnproven;
  #isPinned;
  #memory;
  /** @type {Cache<VerifiedAnnouncement>} */
  #announcements;
  /** Whole, so that no attestation meets an announcement that it is not of. @type {Cache<Attested>} */
  #attestations;
  /** By hash, and those proven of an event by its id. @type {Cache<Policy>} */
  #policies;

  /**
   * @param {string} url an `http` or `https` address, below whose path the API begins
   * @param {ClientOptions} options
   * @throws {ArgumentError | import('./errors.js').IdentityError} for an address, a key
   *   or an identity that is none
   */
  constructor(url, options) {
    if (options === null || typeof options !== 'object') throw new ArgumentError('options', 'an object is needed, with the identity of the oracle');
    for (const name of /** @type {const} */ (['timeoutMs', 'idleTimeoutMs', 'retries', 'firstBackoffMs', 'maxBackoffMs', 'maxBytes', 'cacheEntries'])) {
      const value = options[name];
      if (value !== undefined && !(typeof value === 'number' && value >= 0)) throw new ArgumentError(name, 'is no number, 0 or more');
    }
    const { identity, publicKey, witnesses, cacheEntries = 1000 } = options;
    const { fetch = globalThis.fetch?.bind(globalThis), clock = SYSTEM_CLOCK } = options;
    const { timeoutMs = 15_000, idleTimeoutMs = 60_000, retries = 3, maxBytes = 1024 * 1024 } = options;
    const { firstBackoffMs = 500, maxBackoffMs = 30_000, unproven = false, memory = new Memory() } = options;
    if (!(memory instanceof Memory)) throw new ArgumentError('memory', 'is no Memory');
    if (identity === undefined && publicKey === undefined) {
      throw new ArgumentError('identity', "the verifier key of the oracle's log is needed, or TRUST_ON_FIRST_USE");
    }
    const pinned = identity === undefined || identity === TRUST_ON_FIRST_USE ? null : identityOf(identity);
    const key = publicKey === undefined || publicKey === TRUST_ON_FIRST_USE ? null : parseKey(publicKey);
    this.#isUnproven = unproven;
    this.#isPinned = !unproven && pinned !== null;
    this.#memory = memory;
    this.#http = new Http(url, { fetch, timeoutMs, maxBytes, clock });
    this.#prover = new Prover(this.#http, { identity: pinned, publicKey: key, witnesses, memory });
    this.#options = { idleTimeoutMs, retries, firstBackoffMs, maxBackoffMs, clock };
    this.#announcements = new Cache(cacheEntries);
    this.#attestations = new Cache(cacheEntries);
    this.#policies = new Cache(cacheEntries);
  }

  /**
   * Whether everything is proven against an identity that the caller brought. Not
   * so on first use, with a key alone, or `unproven`: then the server said who it is.
   */
  get isPinned() {
    return this.#isPinned;
  }

  /**
   * Who the oracle says it is; its log and its key must be the trusted ones.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<OracleInfo>}
   * @throws {import('./errors.js').WrongIdentityError | import('./errors.js').WrongKeyError | MalformedError}
   */
  async oracle(options) {
    const info = readOracleInfo(await this.#json('oracle', ['v1', 'oracle'], options, {}, isOracle));
    if (info.dialect !== 'tagged') {
      throw new MalformedError('oracle', `dialect is ${JSON.stringify(info.dialect)}; only "tagged" can be verified`);
    }
    const key = info.public_key.toLowerCase();
    if (!liftX(key)) throw new MalformedError('oracle', 'public_key is not an x-only point');
    // Whose key it is the log proves: until it has, the server's word pins nothing.
    if (this.#isUnproven) this.#prover.publicKey ??= key;
    else this.#prover.names(info);
    this.#prover.requireKey('oracle', key);
    return info;
  }

  /**
   * The identity that everything is proven against: the verifier key of the
   * oracle's log. After the first use of {@link TRUST_ON_FIRST_USE}, keep it and
   * pin it from then on.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<string>} verifier key
   */
  async identity(options) {
    return (await this.#trusted(options)).vkey;
  }

  /**
   * The oracle's key P, as the log of the first proven event names it; before
   * there is one, as the server says.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<string>} x-only hex
   */
  async publicKey(options) {
    return this.#prover.publicKey ?? (await this.oracle(options)).public_key.toLowerCase();
  }

  /**
   * A page of events, oldest maturity first. Unsigned.
   *
   * @param {EventQuery} [query]
   * @param {CallOptions} [options]
   * @returns {Promise<EventsPage>}
   */
  async events(query = {}, options) {
    return readEventsPage(await this.#json('events', ['v1', 'events'], options, { ...query }));
  }

  /**
   * All events that match, page by page. Unsigned.
   *
   * @param {EventQuery} [query]
   * @param {CallOptions} [options]
   * @returns {AsyncGenerator<EventInfo, void, void>}
   * @throws {MalformedError} for a page without events that is not the last
   */
  async *allEvents(query = {}, options) {
    let cursor = query.cursor ?? null;
    do {
      const page = await this.events(cursor === null ? query : { ...query, cursor }, options);
      yield* page.events;
      // Such pages could follow each other for ever, and the caller would never have its turn.
      if (page.events.length === 0 && page.next_cursor !== null) throw new MalformedError('events', 'a page without events names a next one');
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /**
   * A page of series, by name, each with its next event. Unsigned.
   *
   * @param {CallOptions & {cursor?: string, limit?: number}} [options] `limit`: 1 to 500
   * @returns {Promise<SeriesPage>}
   */
  async series({ cursor, limit, signal } = {}) {
    return readSeriesPage(await this.#json('series', ['v1', 'series'], { signal }, { cursor, limit }));
  }

  /**
   * A series, and its events ahead with when they are announced. Unsigned.
   *
   * @param {string} id its name
   * @param {CallOptions & {from?: string, limit?: number}} [options] `from`: least
   *   maturity, RFC 3339; `limit`: events ahead, 1 to 500
   * @returns {Promise<SeriesInfo>}
   * @throws {ProblemError} `unknown-series`
   */
  async oneSeries(id, { from, limit, signal } = {}) {
    if (typeof id !== 'string' || id === '' || id === '.' || id === '..') throw new ArgumentError('id', 'is no name of a series');
    const info = readSeriesInfo(await this.#json('series', ['v1', 'series', id], { signal }, { from, limit }));
    if (info.series_id !== id) throw new MalformedError('series', `it is ${JSON.stringify(info.series_id)}, not ${JSON.stringify(id)}`);
    return info;
  }

  /**
   * Everything that the log got in an hour, proven under the identity: who takes each
   * hour has every announcement and attestation, and names no event. An hour that is not
   * over may have more the next time.
   *
   * @param {string} hour when it begins: `2026-11-22T16`, UTC
   * @param {CallOptions & {before?: Readonly<Tree> | null}} [options] `before`: `after`
   *   of the hour before, which this one must go on from
   * @returns {Promise<{proven: ProvenHour, bytes: Uint8Array}>} with the bytes, which
   *   `verifyHour` proves again offline
   * @throws {import('./errors.js').OracleError} `HourError`; `NonceReusedError`;
   *   `ProblemError` `unknown-hour` for an hour that is ahead (with `retryAfterMs`), or
   *   before the log
   */
  async hour(hour, { before, signal } = {}) {
    const path = ['v1', 'bundles', requireHour(hour)];
    if (this.#prover.witnesses) throw new HourError('quorum', 'hours carry no cosignatures, and this client believes nothing without its witnesses');
    const identity = await this.#trusted({ signal });
    const request = { what: 'hour', path, query: {}, accept: JSON_TYPE, limit: MAX_HOUR, signal };
    const bytes = await this.#retrying({ signal }, async () => requireJson('hour', await this.#http.get(request), isOfFormat('hour')));
    const proven = verifyHour(bytes, { identity, hour, before });
    this.#prover.requireKey('genesis', proven.genesis.oraclePublicKey);
    for (const entry of proven.entries) if (entry.type === 'announcement') this.#memory.check(entry.announcement);
    await this.#remember(identity.vkey, proven, signal);
    this.#prover.publicKey = proven.genesis.oraclePublicKey;
    return { proven, bytes };
  }

  /**
   * Ties an hour to the largest checkpoint of its log that was proven so far, and
   * remembers the hour's own if it is larger.
   *
   * @param {string} identity
   * @param {ProvenHour} proven
   * @param {AbortSignal | undefined} signal
   */
  async #remember(identity, proven, signal) {
    for (let races = 0; races < RACES; races += 1) {
      const known = this.#memory.head(identity);
      if (known) await this.#tie(known, proven, signal);
      // Another request may have been answered with a later checkpoint meanwhile.
      const isOlder = known !== null && proven.checkpoint.size <= known.size;
      if (isOlder || this.#memory.saw(identity, known, proven.checkpoint)) return this.#memory.save();
    }
    throw new MalformedError('hour', `the log grew ${RACES} times while it was read`);
  }

  /**
   * That the log of an hour and the one that was seen before are one: by the hour itself
   * where it has the entries up to there, else by the log's tiles.
   *
   * @param {Readonly<import('./memory.js').Head>} known
   * @param {ProvenHour} proven
   * @param {AbortSignal | undefined} signal
   * @throws {HourError} `forked`, `no-consistency`
   */
  async #tie(known, proven, signal) {
    const { first, checkpoint } = proven;
    const root = rootAt(proven, known.size);
    if (root === known.root) return;
    if (root !== null) {
      throw new HourError('forked', `the log is not the one seen before: of its first ${known.size} entries the root was ${known.root}, here it is ${root}`);
    }
    const [older, newer] = known.size < checkpoint.size ? [known, checkpoint] : [checkpoint, known];
    const gap = `it has the entries from ${first} to ${checkpoint.size}, and the log was seen before with ${known.size}`;
    const hashes = await consistencyOf(this.#files('hour', { signal }), older.size, newer.size).catch((error) => {
      if (!(error instanceof LogError)) throw error;
      throw new HourError('no-consistency', `${gap}: the tiles that would prove both to be one log are not there; ask for the hours up to that one first (${error.problem})`, { cause: error });
    });
    try {
      verifyConsistency(older, newer, hashes);
    } catch (error) {
      if (!(error instanceof LogError)) throw error;
      throw new HourError('forked', `${gap}: the log's tiles do not lead from one to the other: ${error.problem}`, { cause: error });
    }
  }

  /**
   * What the server says about an event: state, reasons, times. Unsigned.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<EventInfo>}
   * @throws {import('./errors.js').UnknownEventError}
   */
  async event(id, options) {
    const info = readEventInfo(await this.#json('event', ['v1', 'events', eventId(id)], options));
    requireEvent('event', id, info.event_id);
    return info;
  }

  /**
   * Everything that the oracle's log proves about an event: its announcement, how
   * it ended, the policy, under which checkpoint.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<Proven>}
   * @throws {import('./errors.js').OracleError} `BundleError` for what is not proven,
   *   `NotYetError` before it is announced
   */
  async proven(id, options) {
    return (await this.proof(id, options)).proven;
  }

  /**
   * The same, with the bytes that prove it: the event's bundle, to be kept and
   * verified again offline with `verifyBundle`.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<{proven: Proven, bytes: Uint8Array}>}
   */
  proof(id, options) {
    return this.#retrying(options, () => this.#prove(id, options));
  }

  /**
   * The announcement of the event, proven to be in the oracle's log.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<VerifiedAnnouncement>}
   * @throws {import('./errors.js').OracleError} `NotYetError` before it is published
   */
  announcement(id, options) {
    return this.#retrying(options, () => this.#announcement(id, options));
  }

  /**
   * The event's announcement, attestation and outcome, all proven to be in the
   * oracle's log.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<Attested>}
   * @throws {import('./errors.js').OracleError} `NotYetError` before the outcome is
   *   published, `NeverError` if it never will be
   */
  attestation(id, options) {
    return this.#retrying(options, async () => {
      const kept = this.#attestations.get(id);
      const ended = kept ?? (this.#isUnproven ? null : endOf((await this.#prove(id, options)).proven));
      // What the server says of it; a moment later there may be one.
      return ended ?? this.#polled(id, 0, options);
    });
  }

  /**
   * Waits for the attestation: long polls, with growing pauses while the oracle
   * is out of reach or something else answers in its place.
   *
   * Only the oracle's own words end it early, where waiting is pointless: unknown
   * event, refunded, withdrawn, or an answer that fails verification or is not in
   * the log. An event that is not announced yet is waited for. At the end of the time
   * it throws the last obstacle, a `TransportError` with `code` `foreign` where the
   * oracle was not heard. May take one request's time limit longer than `timeoutMs`.
   *
   * @param {string} id
   * @param {CallOptions & {timeoutMs?: number}} [options] without `timeoutMs` it
   *   waits until aborted
   * @returns {Promise<Attested>}
   */
  async wait(id, { signal, timeoutMs = Number.POSITIVE_INFINITY } = {}) {
    eventId(id);
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) throw new ArgumentError('timeoutMs', 'is no number, 0 or more');
    const { clock } = this.#options;
    const started = clock.now();
    const left = () => Math.max(0, timeoutMs - (clock.now() - started));
    const backoff = this.#backoff();
    for (;;) {
      const polled = clock.now();
      const holdMs = Math.floor(Math.min(left(), LONGEST_HOLD_MS) / 1000) * 1000;
      /** @type {number | null} */
      let askedMs = null;
      try {
        return await this.#polled(id, holdMs, { signal });
      } catch (error) {
        // No message of an oracle is too large: something else answered, as with what is transient.
        const isOutOfReach = isTransient(error) || error instanceof TooLargeError;
        if (!(isOutOfReach || error instanceof NotYetError) || left() === 0) throw error;
        askedMs = askedPause(error);
      }
      // A server that held the request to its end has made the pause.
      if (holdMs > 0 && clock.now() - polled >= holdMs) backoff.reset();
      else await sleep(Math.min(backoff.pause(askedMs), left()), signal, clock);
    }
  }

  /**
   * The policy of an event: the rules by which facts become its outcome. It is the
   * document of the hash in the log's entry of the announcement. Of an event that
   * is not announced yet, and with `unproven`, it is that of `expectedHash`, or else
   * of the hash that the server states.
   *
   * @param {string} id
   * @param {CallOptions & {expectedHash?: string}} [options] `expectedHash` from a
   *   contract, which it must have in any case
   * @returns {Promise<Policy>}
   * @throws {HashError | MalformedError}
   */
  async policy(id, options = {}) {
    eventId(id);
    const { expectedHash: given } = options;
    if (given !== undefined && typeof given !== 'string') throw new ArgumentError('expectedHash', 'is no hex');
    const proven = this.#isUnproven ? null : await this.#provenPolicy(id, options);
    if (proven) {
      const { expectedHash = proven.hash } = options;
      if (expectedHash.toLowerCase() !== proven.hash) throw new HashError('policy', expectedHash, proven.hash);
      return proven;
    }
    const stated = options.expectedHash ?? (await this.event(id, options)).policy_hash;
    const hash = stated.toLowerCase();
    const kept = this.#policies.get(hash);
    if (kept) return kept;
    const policy = readPolicy(await this.#json('policy', ['v1', 'events', eventId(id), 'policy'], options), hash);
    this.#policies.set(hash, policy);
    return policy;
  }

  /**
   * What the event's outcome rests on, as the server tells it. Unsigned.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<EvidenceInfo>}
   */
  async evidence(id, options) {
    return readEvidenceInfo(await this.#json('evidence', ['v1', 'events', eventId(id), 'evidence'], options));
  }

  /**
   * A provider's recorded answer by its SHA-256, where the licence lets it pass on.
   *
   * @param {string} sha256 hex, from {@link OracleClient#evidence}
   * @param {CallOptions} [options]
   * @returns {Promise<Uint8Array>}
   * @throws {HashError} for other bytes
   */
  async evidenceBody(sha256, options) {
    const what = 'evidence body';
    requireHash(sha256);
    const request = { what, path: ['v1', 'evidence', sha256], accept: '*/*', limit: MAX_EVIDENCE };
    const body = await this.#retrying(options, () => this.#http.get({ ...request, signal: options?.signal }));
    const got = sha256Hex(body);
    if (got !== sha256.toLowerCase()) throw new HashError(what, sha256, got);
    return body;
  }

  /**
   * The evidence manifest that an attestation's entry in the log names: what the
   * outcome rests on, byte for byte.
   *
   * @param {string} sha256 hex
   * @param {CallOptions} [options]
   * @returns {Promise<Uint8Array>}
   * @throws {HashError} for other bytes
   */
  async manifest(sha256, options) {
    const what = 'manifest';
    requireHash(sha256);
    const request = { what, path: ['v1', 'manifests', sha256], accept: JSON_TYPE, limit: MAX_EVIDENCE };
    const body = await this.#retrying(options, () => this.#http.get({ ...request, signal: options?.signal }));
    const got = sha256Hex(body);
    if (got !== sha256.toLowerCase()) throw new HashError(what, sha256, got);
    return body;
  }

  /**
   * Proofs that the event's announcement and attestation are in the log, under
   * its checkpoint of now. To be checked with `verifyCheckpoint` and
   * `verifyInclusion`.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<ProofsInfo>}
   */
  async proofs(id, options) {
    return readProofsInfo(await this.#json('proofs', ['v1', 'proofs', eventId(id)], options));
  }

  /**
   * The first entry of the oracle's log, signed by the oracle key that it names: who
   * signs the log's checkpoints, and their origin. Also from a mirror, which has nothing
   * but the log's files: with an identity and no key known yet, or with witnesses, it is
   * proven from them to be the first entry of the identity's log, under a checkpoint that
   * the witnesses cosigned; else the key is the one that was given or that a bundle has
   * proven.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<Genesis>}
   * @throws {LogError}
   */
  async genesis(options) {
    const { witnesses, publicKey: key } = this.#prover;
    const isDemanded = !this.#isUnproven && witnesses !== undefined;
    const identity = isDemanded ? await this.#trusted(options) : this.#isUnproven ? null : this.#prover.identity;
    const files = this.#files('genesis', options);
    const entry = identity && (isDemanded || key === null) ? await provenFirst(files, identity, witnesses) : await firstOf(files);
    const genesis = identity && key === null ? readGenesis(entry) : verifyGenesis(entry, key ?? (await this.publicKey(options)));
    if (identity && (genesis.logOrigin !== identity.name || genesis.logPublicKey !== identity.publicKey)) {
      throw new LogError('genesis', 'it is that of another log than the identity');
    }
    return genesis;
  }

  /**
   * The log's files, of whatever content type: a mirror names what it likes, and their
   * bytes are checked.
   *
   * @param {string} what
   * @param {CallOptions} [options]
   * @returns {import('./tiles.js').Files}
   */
  #files(what, options) {
    return (path) =>
      this.#retrying(options, async () => {
        try {
          return await this.#http.get({ what, path, accept: '*/*', limit: longest(path), signal: options?.signal });
        } catch (error) {
          const status = error instanceof TransportError || error instanceof ProblemError ? error.status : null;
          if (status === 404) return null;
          throw error;
        }
      });
  }

  /**
   * News from the oracle as they happen, across disconnects; hints, unsigned.
   *
   * @param {StreamOptions} [options]
   * @returns {AsyncGenerator<News, never, void>}
   */
  stream(options) {
    return stream(this.#http, this.#options, options);
  }

  /** @param {CallOptions} [options] */
  async #trusted(options) {
    return this.#prover.identity ?? this.#prover.names(await this.oracle(options));
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async #prove(id, options) {
    eventId(id);
    await this.#trusted(options);
    const found = await this.#prover.prove(id, options?.signal);
    const { announcement, attestation } = found.proven;
    this.#announcements.set(id, announcement);
    if (attestation) this.#attestations.set(id, attestedOf(announcement, attestation));
    return found;
  }

  /**
   * @param {string} id
   * @param {CallOptions} options
   * @returns {Promise<Policy | null>} null where it is not announced yet
   */
  async #provenPolicy(id, options) {
    const key = `event ${id}`;
    const kept = this.#policies.get(key);
    if (kept) return kept;
    try {
      const { policy: text, policyHash } = await this.proven(id, options);
      const policy = readPolicy(text, policyHash);
      this.#policies.set(key, policy);
      return policy;
    } catch (error) {
      if (error instanceof NotYetError) return null;
      throw error;
    }
  }

  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async #announcement(id, options) {
    const what = 'announcement';
    const kept = this.#announcements.get(id);
    if (kept) return kept;
    if (!this.#isUnproven) return (await this.#prove(id, options)).proven.announcement;
    const path = ['v1', 'announcements', eventId(id)];
    const bytes = await this.#http.get({ what, path, query: { format: 'tlv' }, accept: TLV, signal: options?.signal });
    const announcement = whole(what, bytes, decodeAnnouncement);
    requireEvent(what, id, announcement.event.eventId);
    await this.publicKey(options);
    this.#prover.requireKey(what, announcement.oraclePublicKey);
    const verified = verifyAnnouncement(announcement);
    this.#memory.check(verified);
    this.#announcements.set(id, verified);
    return verified;
  }

  /**
   * Asks for the attestation, which the server may hold back so long; what it
   * answers is returned only if the log has it.
   *
   * @param {string} id
   * @param {number} holdMs
   * @param {CallOptions} [options]
   * @returns {Promise<Attested>}
   */
  async #polled(id, holdMs, options) {
    const kept = this.#attestations.get(id);
    if (kept) return kept;
    const announcement = await this.#announcement(id, options);
    const attestation = await this.#attestation(announcement, holdMs, options);
    if (!this.#isUnproven) {
      const ended = endOf((await this.#prove(id, options)).proven);
      if (ended) return ended;
      const detail = 'the server has an attestation that its log does not have yet';
      throw new NotYetError('bundle', { status: 404, slug: 'not-attested', detail, retryAfterMs: null });
    }
    this.#memory.learn(announcement, attestation);
    await this.#memory.save();
    const attested = attestedOf(announcement, attestation);
    this.#attestations.set(id, attested);
    return attested;
  }

  /**
   * @param {VerifiedAnnouncement} announcement
   * @param {number} holdMs
   * @param {CallOptions} [options]
   */
  async #attestation(announcement, holdMs, options) {
    const what = 'attestation';
    const id = announcement.event.eventId;
    // Without a hold the address stays the one that caches know.
    const query = { format: 'tlv', wait: holdMs > 0 ? holdMs / 1000 : undefined };
    const path = ['v1', 'attestations', eventId(id)];
    const bytes = await this.#http.get({ what, path, query, accept: TLV, holdMs, signal: options?.signal });
    const attestation = whole(what, bytes, decodeAttestation);
    // A missing id is the wire's old form: the nonces tie it to its event.
    if (attestation.eventId !== null) requireEvent(what, id, attestation.eventId);
    return verifyAttestation(attestation, announcement);
  }

  /**
   * @param {string} what
   * @param {readonly string[]} path
   * @param {CallOptions} [options]
   * @param {Request['query']} [query]
   * @param {(json: unknown) => boolean} [isOurs]
   */
  #json(what, path, options, query = {}, isOurs) {
    const request = { what, path, query, accept: JSON_TYPE, signal: options?.signal };
    return this.#retrying(options, async () => requireJson(what, await this.#http.get(request), isOurs));
  }

  /**
   * @template T
   * @param {CallOptions | undefined} options
   * @param {() => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  async #retrying(options, attempt) {
    const backoff = this.#backoff();
    for (let left = this.#options.retries; ; left -= 1) {
      try {
        return await attempt();
      } catch (error) {
        if (left <= 0 || !isTransient(error)) throw error;
        await sleep(backoff.pause(askedPause(error)), options?.signal, this.#options.clock);
      }
    }
  }

  #backoff() {
    const { firstBackoffMs, maxBackoffMs, clock } = this.#options;
    return new Backoff(firstBackoffMs, maxBackoffMs, clock);
  }
}

/** @param {unknown} sha256 */
function requireHash(sha256) {
  if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/i.test(sha256)) throw new ArgumentError('sha256', 'is not 32 bytes of hex');
}

/** How long the one that answered wants to be left alone. @param {unknown} error */
function askedPause(error) {
  return error instanceof ProblemError || error instanceof TransportError ? error.retryAfterMs : null;
}

/** Whether it says what no other service does. @param {unknown} json */
function isOracle(json) {
  return ['dialect', 'log_public_key', 'public_key'].some((key) => typeof memberOf(json, key) === 'string');
}

/**
 * What was read of a message. One that ends too early never came over whole; bytes that do
 * not begin as a message are not the oracle's.
 *
 * @template T
 * @param {string} what
 * @param {Uint8Array} bytes
 * @param {(bytes: Uint8Array) => T} decode
 * @returns {T}
 */
function whole(what, bytes, decode) {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof CodecError) || (error.code !== 'truncated' && isMessage(bytes))) throw error;
    throw cutOff(what, error);
  }
}

/** @param {string} text */
function parseKey(text) {
  const bytes = typeof text === 'string' ? hexBytes(text) : null;
  const key = bytes?.length === 32 ? bytesToHex(bytes) : '';
  if (!liftX(key)) throw new ArgumentError('publicKey', '32 bytes of hex are needed, the x coordinate of a point');
  return key;
}

/**
 * @param {VerifiedAnnouncement} announcement
 * @param {VerifiedAttestation} attestation
 * @returns {Attested}
 */
function attestedOf(announcement, attestation) {
  return Object.freeze({ announcement, attestation, outcome: attestation.outcome });
}

/**
 * How the event ended, as the log says.
 *
 * @param {Proven} proven
 * @returns {Attested | null} null where it has not
 * @throws {NeverError} if it was refunded
 */
function endOf({ announcement, attestation, refund }) {
  if (refund) throw new NeverError('attestation', { status: 410, slug: 'refunded', detail: refund.reason, retryAfterMs: null }, true);
  return attestation && attestedOf(announcement, attestation);
}

/**
 * An id that can stand in a path: the two that addresses take for folders cannot.
 *
 * @param {string} id
 */
function eventId(id) {
  if (typeof id !== 'string') throw new ArgumentError('id', 'an event id is a string');
  const problem = id === '.' || id === '..' ? 'cannot be asked for' : eventIdProblem(id);
  if (problem) throw new ArgumentError('id', `event id ${problem}`);
  return id;
}
