/**
 * What a client believes of a server: nothing that is not in the log of the
 * identity, under a checkpoint that continues every one that was proven before.
 *
 * @module
 */
import { verifyBundle, witnessesOf } from './bundle.js';
import { MAX_BUNDLE } from './bundle-json.js';
import { hexBytes } from './bytes.js';
import {
  BundleError,
  IdentityError,
  MalformedError,
  ProblemError,
  WrongEventError,
  WrongIdentityError,
  WrongKeyError,
} from './errors.js';
import { isOfFormat, requireJson } from './http.js';
import { ED25519, noteKey } from './note.js';

/** @import { Proven } from './bundle.js' */
/** @import { Http } from './http.js' */
/** @import { Head, Memory } from './memory.js' */
/** @import { OracleInfo } from './model.js' */
/** @import { NoteKey } from './note.js' */
/** @import { Witnesses } from './witnesses.js' */

/** How often a bundle is asked for anew because of another request of this client. */
const RACES = 16;

/** One oracle's log, pinned or the first that the server named. */
export class Prover {
  /** @type {NoteKey | null} */
  identity;
  /** The oracle's key: given, or proven. @type {string | null} */
  publicKey;
  /** Whose cosignatures a checkpoint needs; undefined for nobody's. @type {Witnesses | undefined} @readonly */
  witnesses;
  #http;
  #memory;

  /**
   * @param {Http} http
   * @param {{identity: NoteKey | null, publicKey: string | null, memory: Memory,
   *   witnesses: string | Uint8Array | Witnesses | undefined}} trust
   */
  constructor(http, { identity, publicKey, memory, witnesses }) {
    this.#http = http;
    this.#memory = memory;
    this.witnesses = witnesses === undefined ? undefined : witnessesOf(witnesses);
    this.identity = identity;
    this.publicKey = publicKey;
  }

  /**
   * Takes the identity that the server names, or refuses another one.
   *
   * @param {OracleInfo} info
   * @returns {NoteKey}
   */
  names(info) {
    const named = namedBy(info);
    this.identity ??= named;
    if (named.vkey !== this.identity.vkey) throw new WrongIdentityError(this.identity.vkey, named.vkey);
    return named;
  }

  /**
   * Refuses another key than the one that is known.
   *
   * @param {string} what
   * @param {string} got
   */
  requireKey(what, got) {
    if (this.publicKey !== null && this.publicKey !== got) throw new WrongKeyError(what, this.publicKey, got);
  }

  /**
   * Fetches the event's bundle and checks everything in it.
   *
   * @param {string} id
   * @param {AbortSignal | undefined} signal
   * @returns {Promise<{proven: Proven, bytes: Uint8Array}>}
   */
  async prove(id, signal) {
    const [identity, memory] = [this.identity, this.#memory];
    if (!identity) throw new TypeError('nobody named an identity');
    for (let races = 0; races < RACES; races += 1) {
      const known = memory.head(identity.vkey);
      const bytes = await this.#bundle(id, known, signal);
      const proven = verifyBundle(bytes, identity, { witnesses: this.witnesses, known });
      const { announcement, attestation, genesis, checkpoint } = proven;
      requireEvent('bundle', id, announcement.event.eventId);
      this.requireKey('genesis', genesis.oraclePublicKey);
      memory.check(announcement);
      // Another request was answered with a later checkpoint meanwhile: ask anew.
      if (!memory.saw(identity.vkey, known, checkpoint)) continue;
      if (attestation) memory.learn(announcement, attestation);
      await memory.save();
      this.publicKey = genesis.oraclePublicKey;
      return { proven, bytes };
    }
    throw new MalformedError('bundle', `the log grew between ${RACES} requests and the answers to them`);
  }

  /**
   * The bundle as the server has it, with a proof that the log only grew since the
   * checkpoint that is known.
   *
   * @param {string} id
   * @param {Readonly<Head> | null} known
   * @param {AbortSignal | undefined} signal
   */
  async #bundle(id, known, signal) {
    const query = known ? { from: String(known.size) } : {};
    const path = ['v1', 'events', id, 'bundle'];
    try {
      const body = await this.#http.get({ what: 'bundle', path, query, accept: 'application/json', limit: MAX_BUNDLE, signal });
      return requireJson('bundle', body, isOfFormat('bundle'));
    } catch (error) {
      if (!known || !(error instanceof ProblemError) || error.code !== 'ahead-of-log') throw error;
      const problem = `a log of ${known.size} entries was seen before; the server says: ${error.detail}`;
      throw new BundleError('older', 'checkpoint', problem, { cause: error });
    }
  }
}

/**
 * @param {string} what
 * @param {string} asked
 * @param {string} got
 */
export function requireEvent(what, asked, got) {
  if (asked !== got) throw new WrongEventError(what, asked, got);
}

/**
 * The identity that the server names.
 *
 * @param {OracleInfo} info
 */
function namedBy({ log_origin, log_public_key }) {
  try {
    return noteKey(log_origin, ED25519, hexBytes(log_public_key) ?? new Uint8Array());
  } catch (error) {
    if (error instanceof IdentityError) throw new MalformedError('oracle', `the log's key: ${error.message}`);
    throw error;
  }
}
