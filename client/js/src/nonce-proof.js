/**
 * One proof that whoever announced an event knows the scalars of all its nonces.
 *
 * An announcement's signature proves that its maker knows the scalar of P; of the
 * nonces it proves nothing. Who adds up points of several oracles needs to know
 * more ({@link module:joint}). Valid where, for the nonces Rᵢ of even y:
 *
 * - c = `H_tag(x(T) ‖ P ‖ SHA-256(announcement TLV))` mod n,
 * - z·G = T + c·R₁ + c²·R₂ + … + cⁿ·Rₙ, T of even y.
 *
 * Source: `docs/log-format.md`, type 6.
 *
 * @module nonce-proof
 */
import { sha256 } from '@noble/hashes/sha2.js';

import { bytesToHex, bytesToNumber, hexBytes } from './bytes.js';
import { AT_ONCE } from './claims.js';
import { GENERATOR, ORDER, liftX } from './curve.js';
import { ArgumentError, NonceProofError } from './errors.js';
import { taggedHash } from './tags.js';
import { writeAnnouncement } from './tlv.js';

/** @import { Claims } from './claims.js' */
/** @import { CurvePoint } from './curve.js' */
/** @import { Announcement } from './event.js' */

/** Tag of the challenge. */
export const NONCE_PROOF_TAG = 'peercoin-dlc-oracle/nonce-proof/v1';
/** x(T) ‖ z. */
const LENGTH = 64;

/** A proof of knowledge of all nonces of one announcement; of which one, `verify` says. */
export class NonceProof {
  #bytes;
  #commitment;
  #response;

  /**
   * @private
   * @param {Uint8Array} bytes
   * @param {CurvePoint} commitment
   * @param {bigint} response
   */
  constructor(bytes, commitment, response) {
    this.#bytes = bytes;
    this.#commitment = commitment;
    this.#response = response;
  }

  /**
   * Reads exactly one proof.
   *
   * @param {Uint8Array} bytes
   * @returns {NonceProof}
   * @throws {NonceProofError}
   */
  static fromBytes(bytes) {
    if (!(bytes instanceof Uint8Array)) throw new NonceProofError('length', 'a proof of nonces is a Uint8Array');
    if (bytes.length !== LENGTH) throw new NonceProofError('length', `a proof of nonces has ${LENGTH} bytes, not ${bytes.length}`);
    const copy = Uint8Array.from(bytes);
    const commitment = liftX(bytesToHex(copy.subarray(0, 32)));
    if (commitment === null) throw new NonceProofError('commitment', 'the commitment is not the x coordinate of a point');
    const response = bytesToNumber(copy.subarray(32));
    if (response === 0n || response >= ORDER) {
      throw new NonceProofError('response', 'the response is not a scalar between 1 and the group order');
    }
    return new NonceProof(copy, commitment, response);
  }

  /**
   * @param {string} hex
   * @returns {NonceProof}
   * @throws {NonceProofError}
   */
  static fromHex(hex) {
    const bytes = hexBytes(hex);
    if (bytes === null) throw new NonceProofError('length', 'a proof of nonces is hex');
    return NonceProof.fromBytes(bytes);
  }

  toBytes() {
    return Uint8Array.from(this.#bytes);
  }

  toHex() {
    return bytesToHex(this.#bytes);
  }

  /**
   * Checks that whoever made it knew the scalar of each nonce of the announcement.
   * It says nothing of the announcement's own signature.
   *
   * @param {Announcement} announcement
   * @throws {NonceProofError} `wrong`
   */
  verify(announcement) {
    if (!Array.isArray(announcement?.event?.nonces)) throw new ArgumentError('announcement', 'is no announcement');
    this.claim(announcement, AT_ONCE);
  }

  /**
   * {@link NonceProof#verify}, of which the equation is checked when the claims are.
   *
   * @internal
   * @param {Announcement} announcement
   * @param {Claims} claims
   * @throws {NonceProofError} `wrong`
   */
  claim(announcement, claims) {
    const c = this.#challenge(announcement);
    /** @type {[CurvePoint, bigint][]} */
    const relation = [[GENERATOR, -this.#response], [this.#commitment, 1n]];
    let power = 1n;
    for (const nonce of announcement.event.nonces) {
      const point = liftX(nonce);
      if (point === null) throw wrong();
      power = (power * c) % ORDER;
      relation.push([point, power]);
    }
    if (!claims.relation(relation)) throw wrong();
  }

  /**
   * Bound to the whole announcement, its signature included.
   *
   * @param {Announcement} announcement
   */
  #challenge(announcement) {
    const key = hexBytes(announcement.oraclePublicKey);
    if (key === null) throw wrong();
    const digest = sha256(writeAnnouncement(announcement));
    return bytesToNumber(taggedHash(NONCE_PROOF_TAG, this.#bytes.subarray(0, 32), key, digest)) % ORDER;
  }
}

function wrong() {
  return new NonceProofError('wrong', "the proof is not one of this announcement's nonces");
}
