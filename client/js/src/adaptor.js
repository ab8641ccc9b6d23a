/**
 * Adaptor signatures: BIP340 signatures that lack one scalar.
 *
 * A contract's transaction is signed beforehand under an oracle's point T. The
 * result is worth nothing until the oracle attests the outcome; then T's secret
 * t completes it. Who sees the completed signature learns t.
 *
 * For key P, message m, nonce point R' and final nonce `R = R' + T`:
 *
 * ```text
 * e     = H_BIP0340/challenge(x(R) ‖ x(P) ‖ m)
 * s'·G  = g·R' + e·lift_x(P)         g = 1 if R has an even y, else −1
 * s     = s' + g·t                   the signature is x(R) ‖ s
 * ```
 *
 * Making one needs a private key: that is the wallet's matter, or that of
 * {@link module:contract} (MuSig2 for two parties). Here it is checked, completed and
 * read back, and every result is verified before it is returned.
 *
 * @module
 */
import { bytesToHex, bytesToNumber, hexBytes, isHex, numberToHex } from './bytes.js';
import { GENERATOR, ORDER, liftX, pointFromCompressed, verifySchnorr, xonlyOf } from './curve.js';
import { AdaptorError, ArgumentError } from './errors.js';
import { AdaptorSecret, OutcomePoint } from './outcome-point.js';
import { challenge } from './tags.js';

/** @import { CurvePoint } from './curve.js' */

/**
 * A nonce point R' and a scalar s' in 65 bytes: compressed R', without the
 * adaptor point, then s' big-endian (the encoding of the Rust crate `musig2`).
 */
export class AdaptorSignature {
  #nonce;
  #s;

  /**
   * @param {CurvePoint} nonce
   * @param {bigint} s
   */
  constructor(nonce, s) {
    this.#nonce = nonce;
    this.#s = s;
    Object.freeze(this);
  }

  /**
   * Whether it verifies is for {@link AdaptorSignature#verify} to say.
   *
   * @param {string} hex 65 bytes
   * @returns {AdaptorSignature}
   * @throws {AdaptorError} `length`, `nonce`, `scalar`
   */
  static fromHex(hex) {
    const bytes = hexBytes(hex);
    if (bytes?.length !== 65) throw new AdaptorError('length', 'an adaptor signature is 65 bytes of hex');
    const nonce = pointFromCompressed(bytesToHex(bytes.subarray(0, 33)));
    if (!nonce) throw new AdaptorError('nonce', 'nonce: not a compressed point');
    const s = bytesToNumber(bytes.subarray(33));
    if (s === 0n || s >= ORDER) throw new AdaptorError('scalar', 's: not a scalar from 1 to n − 1');
    return new AdaptorSignature(nonce, s);
  }

  /** The 65 bytes, hex. */
  toHex() {
    return this.#nonce.toHex(true) + numberToHex(this.#s, 32);
  }

  toJSON() {
    return this.toHex();
  }

  /**
   * Refuses what the secret of `point` will not complete to a signature of
   * `publicKey` over `message`. Check it before money depends on it.
   *
   * @param {string} publicKey P, x-only hex
   * @param {string} message 32 bytes, hex: for a transaction its BIP341 sighash
   * @param {OutcomePoint} point
   * @throws {AdaptorError} `invalid`, `infinity`
   */
  verify(publicKey, message, point) {
    const P = liftX(publicKey);
    const { x, odd } = this.#finalNonce(point);
    const [r, p, m] = [hexBytes(x), hexBytes(publicKey), hexBytes(message)];
    if (!P || !r || !p || m?.length !== 32) throw invalid();
    const nonce = odd ? this.#nonce.negate() : this.#nonce;
    const expected = nonce.add(P.multiplyUnsafe(challenge(r, p, m)));
    if (!expected.equals(GENERATOR.multiplyUnsafe(this.#s))) throw invalid();
  }

  /**
   * Completes the signature with the point's secret, and verifies that the
   * result is `publicKey`'s BIP340 signature over `message`.
   *
   * A signature under the x-only point, as coinlib makes it, needs the
   * {@link AdaptorSecret#normalised} secret.
   *
   * @param {AdaptorSecret} secret
   * @param {string} publicKey P, x-only hex
   * @param {string} message 32 bytes, hex
   * @returns {string} 64 bytes, hex
   * @throws {AdaptorError} `not-completed`, `infinity`
   */
  adapt(secret, publicKey, message) {
    if (!(secret instanceof AdaptorSecret)) throw new ArgumentError('secret', 'is no AdaptorSecret');
    const { x, odd } = this.#finalNonce(secret.point);
    const t = secret.toBigInt();
    const s = (this.#s + (odd ? ORDER - t : t)) % ORDER;
    const signature = x + numberToHex(s, 32);
    const [bytes, m, p] = [hexBytes(signature), hexBytes(message), hexBytes(publicKey)];
    if (!bytes || m?.length !== 32 || p?.length !== 32 || !verifySchnorr(bytes, m, p)) {
      throw new AdaptorError('not-completed', "the secret does not complete the signature; is it that of the point's other parity?");
    }
    return signature;
  }

  /**
   * The secret of `point`, from the completed signature that appeared on the
   * chain; verified to open the point.
   *
   * @param {string} signature 64 bytes, hex
   * @param {OutcomePoint} point
   * @returns {AdaptorSecret}
   * @throws {AdaptorError} `not-revealed`, `infinity`
   */
  extract(signature, point) {
    const { x, odd } = this.#finalNonce(point);
    const s = isHex(signature, 64) && signature.startsWith(x) ? BigInt(`0x${signature.slice(64)}`) : ORDER;
    const difference = s - this.#s;
    if (s >= ORDER || difference === 0n) throw notRevealed();
    const secret = new AdaptorSecret(odd ? -difference : difference);
    if (!secret.point.equals(point)) throw notRevealed();
    return secret;
  }

  /**
   * The same signature as coinlib's `SchnorrAdaptorSignature`, and as
   * libsecp256k1-zkp has it: the final nonce's x and its parity instead of the
   * nonce point.
   *
   * @param {OutcomePoint} point the one signed under: for coinlib the even one
   * @returns {{preSig: string, parity: boolean}} x(R) ‖ s', hex, where R includes
   *   the adaptor point; true where R has an odd y
   */
  toCoinlib(point) {
    const { x, odd } = this.#finalNonce(point);
    return { preSig: x + numberToHex(this.#s, 32), parity: odd };
  }

  /**
   * @param {OutcomePoint} point
   * @returns {{x: string, odd: boolean}} of R' + T
   */
  #finalNonce(point) {
    if (!(point instanceof OutcomePoint)) throw new ArgumentError('point', 'is no OutcomePoint');
    const sum = this.#nonce.add(point.point);
    if (sum.is0()) throw new AdaptorError('infinity', 'nonce and adaptor point cancel out');
    return { x: xonlyOf(sum), odd: sum.toHex(true).startsWith('03') };
  }
}

function invalid() {
  return new AdaptorError('invalid', 'the adaptor signature does not verify under this key, message and point');
}

function notRevealed() {
  return new AdaptorError('not-revealed', 'the signature does not reveal the secret of this point');
}
