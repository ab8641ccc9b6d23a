/**
 * When the equations of a document are checked: each where it is read, or all of them
 * in one sum at the end, which takes a fraction of the time.
 *
 * @module
 */
import { bytesToHex } from './bytes.js';
import { isZeroRelation, verifySchnorr, verifySchnorrBatch } from './curve.js';

/** @import { Relation, Signed } from './curve.js' */

/** So many signatures are checked together. */
const FEW = 4;

/**
 * Who reads messages tells it each equation that they claim to hold.
 *
 * @typedef {object} Claims
 * @property {(signed: readonly Signed[], publicKey: Uint8Array) => boolean} signatures whether these BIP340
 *   signatures of one key hold; true also where that is not known yet
 * @property {(relation: Relation) => boolean} relation the same of a sum that has to be the point at infinity
 * @property {(keep: () => void) => void} whenHeld what is done once all that was claimed is known to hold: until
 *   then nothing may be remembered as verified
 */

/** Each equation is checked where it is claimed. @type {Claims} */
export const AT_ONCE = Object.freeze({
  /** @type {Claims['signatures']} */
  signatures(signed, publicKey) {
    if (signed.length >= FEW) return verifySchnorrBatch(signed, publicKey);
    return signed.every(({ signature, message }) => verifySchnorr(signature, message, publicKey));
  },
  relation: isZeroRelation,
  /** @type {Claims['whenHeld']} */
  whenHeld: (keep) => keep(),
});

/**
 * Equations of one document, all of them checked by {@link Together#hold}. That they
 * do not hold says nothing about which of them: who needs its name reads the document
 * again with {@link AT_ONCE}.
 *
 * @implements {Claims}
 */
export class Together {
  /** @type {Signed[]} */
  #signed = [];
  /** @type {Uint8Array | null} */
  #publicKey = null;
  /** @type {Relation | null} */
  #relation = null;
  /** @type {(() => void)[]} */
  #kept = [];

  /** @type {Claims['signatures']} */
  signatures(signed, publicKey) {
    this.#publicKey ??= publicKey;
    // The sum is one of a single key: what another one signed is checked by itself.
    if (bytesToHex(publicKey) !== bytesToHex(this.#publicKey)) return AT_ONCE.signatures(signed, publicKey);
    this.#signed.push(...signed);
    return true;
  }

  /** @type {Claims['relation']} */
  relation(relation) {
    // The sum has one with a coefficient that is known: a second could cancel it.
    if (this.#relation) return AT_ONCE.relation(relation);
    this.#relation = relation;
    return true;
  }

  /** @type {Claims['whenHeld']} */
  whenHeld(keep) {
    this.#kept.push(keep);
  }

  /** Whether all that was claimed holds; then it is kept. */
  hold() {
    const relation = this.#relation ?? [];
    const held = this.#publicKey ? verifySchnorrBatch(this.#signed, this.#publicKey, relation) : isZeroRelation(relation);
    if (held) for (const keep of this.#kept) keep();
    return held;
  }
}
