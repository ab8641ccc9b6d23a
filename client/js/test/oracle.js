/**
 * An oracle for tests: announces what it is told to and signs any outcome, right
 * or wrong. Its arithmetic is written from BIP340, apart from the sources.
 *
 * @module
 */
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js';

import { encodeAnnouncement, encodeAttestation, encodeEvent } from '../src/index.js';

/** @import { Announcement, Attestation, Descriptor } from '../src/index.js' */

const { Point } = secp256k1;
const N = Point.Fn.ORDER;

export class FakeOracle {
  #secret = schnorr.utils.randomSecretKey();
  /** @type {Map<string, bigint[]>} */
  #nonces = new Map();

  get publicKey() {
    return bytesToHex(schnorr.getPublicKey(this.#secret));
  }

  /**
   * @param {string} eventId
   * @param {Descriptor} descriptor
   * @param {number} [maturity]
   * @returns {Announcement}
   */
  announce(eventId, descriptor, maturity = 1_795_363_200) {
    const count = descriptor.kind === 'enum' ? 1 : descriptor.nbDigits + (descriptor.isSigned ? 1 : 0);
    const secrets = Array.from({ length: count }, () => evenSecret(schnorr.utils.randomSecretKey()));
    this.#nonces.set(eventId, secrets);
    const nonces = secrets.map((k) => xonly(Point.BASE.multiply(k)));
    return this.#promise({ nonces, maturity, descriptor, eventId });
  }

  /**
   * An event under nonces that another one has.
   *
   * @param {string} eventId
   * @param {Descriptor} descriptor
   * @param {string[]} nonces
   */
  announceUnder(eventId, descriptor, nonces) {
    return this.#promise({ nonces, maturity: 1_795_363_200, descriptor, eventId });
  }

  /**
   * An enum event whose nonce takes the points of other oracles out of the sum
   * for one outcome, and the secret of that sum.
   *
   * @param {string} others compressed point, hex
   * @param {string} eventId
   * @param {string[]} outcomes
   * @param {string} outcome
   */
  announceAgainst(others, eventId, outcomes, outcome) {
    for (let a = 1n; ; a += 1n) {
      const R = Point.BASE.multiply(a).subtract(Point.fromHex(others));
      if (R.toAffine().y % 2n !== 0n) continue;
      const secret = (a + this.#challenged(xonly(R), outcome)) % N;
      const descriptor = /** @type {const} */ ({ kind: 'enum', outcomes });
      const event = { nonces: [xonly(R)], maturity: 1_795_363_200, descriptor, eventId };
      return { announcement: this.#promise(event), secret: secret.toString(16).padStart(64, '0') };
    }
  }

  /**
   * @param {Announcement['event']} event
   * @returns {Announcement}
   */
  #promise(event) {
    const hash = schnorr.utils.taggedHash('DLC/oracle/announcement/v0', encodeEvent(event));
    return { signature: bytesToHex(schnorr.sign(hash, this.#secret)), oraclePublicKey: this.publicKey, event };
  }

  /**
   * The proof that it knows the nonces of an announcement, `z = t + c·k1 + c²·k2 + …`,
   * whether it does or not.
   *
   * @param {Announcement} announcement
   */
  prove(announcement) {
    const t = evenSecret(schnorr.utils.randomSecretKey());
    const commitment = Point.BASE.multiply(t).toBytes(true).subarray(1);
    const digest = sha256(encodeAnnouncement(announcement));
    const tagged = schnorr.utils.taggedHash('peercoin-dlc-oracle/nonce-proof/v1', commitment, hexToBytes(announcement.oraclePublicKey), digest);
    const c = toNumber(tagged) % N;
    let [z, power] = [t, 1n];
    for (const [i] of announcement.event.nonces.entries()) {
      power = (power * c) % N;
      z = (z + power * (this.#nonces.get(announcement.event.eventId)?.[i] ?? 1n)) % N;
    }
    return concatBytes(commitment, hexToBytes(z.toString(16).padStart(64, '0')));
  }

  /**
   * BIP340 over a tagged hash.
   *
   * @param {string} tag
   * @param {Uint8Array} bytes
   * @returns {Uint8Array}
   */
  sign(tag, bytes) {
    return schnorr.sign(schnorr.utils.taggedHash(tag, bytes), this.#secret);
  }

  /**
   * e·x.
   *
   * @param {string} r
   * @param {string} text
   */
  #challenged(r, text) {
    const m = schnorr.utils.taggedHash('DLC/oracle/attestation/v0', utf8ToBytes(text));
    const e = schnorr.utils.taggedHash('BIP0340/challenge', concatBytes(hexToBytes(r), hexToBytes(this.publicKey), m));
    return (toNumber(e) % N) * evenSecret(this.#secret);
  }

  /**
   * @param {string} eventId
   * @param {string[]} outcomes one text per nonce
   * @returns {Attestation}
   */
  attest(eventId, outcomes) {
    const nonces = this.#nonces.get(eventId) ?? [];
    const signatures = outcomes.map((text, i) => {
      const k = nonces[i] ?? 1n;
      const r = xonly(Point.BASE.multiply(k));
      const s = (k + this.#challenged(r, text)) % N;
      return r + s.toString(16).padStart(64, '0');
    });
    return { eventId, oraclePublicKey: this.publicKey, signatures, outcomes };
  }

  /**
   * An event, and its outcome signed in the older, untagged dialect.
   *
   * @param {string} eventId
   * @param {string[]} outcomes
   * @param {string} outcome
   */
  speakOld(eventId, outcomes, outcome) {
    const announcement = this.announce(eventId, { kind: 'enum', outcomes });
    const k = this.#nonces.get(eventId)?.[0] ?? 1n;
    const r = xonly(Point.BASE.multiply(k));
    const e = schnorr.utils.taggedHash('BIP0340/challenge', concatBytes(hexToBytes(r), hexToBytes(this.publicKey), sha256(utf8ToBytes(outcome))));
    const s = (k + (toNumber(e) % N) * evenSecret(this.#secret)) % N;
    const signatures = [r + s.toString(16).padStart(64, '0')];
    return { announcement, attestation: { eventId, oraclePublicKey: this.publicKey, signatures, outcomes: [outcome] } };
  }

  /**
   * The answers of `/v1` about one event.
   *
   * @param {Announcement} announcement
   * @param {Attestation} [attestation]
   * @returns {Record<string, Uint8Array>}
   */
  static answers(announcement, attestation) {
    const id = encodeURIComponent(announcement.event.eventId);
    return {
      [`/v1/announcements/${id}`]: encodeAnnouncement(announcement),
      ...(attestation && { [`/v1/attestations/${id}`]: encodeAttestation(attestation) }),
    };
  }
}

/** @param {import('@noble/curves/abstract/curve.js').CurvePoint<bigint, InstanceType<typeof Point>>} point */
function xonly(point) {
  return point.toAffine().x.toString(16).padStart(64, '0');
}

/** @param {Uint8Array} bytes */
function toNumber(bytes) {
  return BigInt(`0x${bytesToHex(bytes)}`);
}

/** @param {Uint8Array} secret whose point has an even y after this */
function evenSecret(secret) {
  const k = toNumber(secret);
  return Point.BASE.multiply(k).toAffine().y % 2n === 0n ? k : N - k;
}
