/**
 * The point that an outcome's contract is encrypted to, and the secret that opens
 * it: the two sides of one scalar.
 *
 * @module
 */
import { bytesToNumber, hexBytes, isHex, numberToHex } from './bytes.js';
import { GENERATOR, INFINITY, ORDER, pointFromCompressed, xonlyOf } from './curve.js';
import { PointsError } from './errors.js';

/** @import { CurvePoint } from './curve.js' */

/** The point to encrypt to for one outcome: an adaptor point. */
export class OutcomePoint {
  #point;

  /** @param {CurvePoint} point */
  constructor(point) {
    if (typeof point?.is0 !== 'function') throw new PointsError('point', 'is no point of the curve');
    if (point.is0()) throw new PointsError('infinity', 'the sum is the point at infinity');
    this.#point = point;
    Object.freeze(this);
  }

  /**
   * @param {string} compressed SEC1, hex
   * @returns {OutcomePoint}
   * @throws {PointsError} `point`
   */
  static fromHex(compressed) {
    const point = pointFromCompressed(compressed);
    if (!point) throw new PointsError('point', 'is not a compressed point');
    return new OutcomePoint(point);
  }

  /**
   * The sum of points: of several digits, or of several oracles.
   *
   * @param {readonly OutcomePoint[]} points
   * @returns {OutcomePoint}
   * @throws {PointsError} `empty`, `infinity`
   */
  static sum(points) {
    if (!Array.isArray(points) || points.some((point) => !(point instanceof OutcomePoint))) throw new PointsError('point', 'points: is no array of OutcomePoints');
    if (points.length === 0) throw new PointsError('empty', 'no points given');
    return new OutcomePoint(points.reduce((total, { point }) => total.add(point), INFINITY));
  }

  /** For the curve library. */
  get point() {
    return this.#point;
  }

  /** SEC1 compressed form, hex. */
  get compressed() {
    return this.#point.toHex(true);
  }

  /** The x coordinate, hex. Peercoin's coinlib keys outcomes by it. */
  get xonly() {
    return xonlyOf(this.#point);
  }

  /**
   * Whether y is odd, so that the x coordinate alone names the negated point and
   * the secret for it is n − s.
   */
  get oddY() {
    return this.compressed.startsWith('03');
  }

  /**
   * The point of even y with the same x: what {@link OutcomePoint#xonly} names.
   *
   * @returns {OutcomePoint}
   */
  get even() {
    return this.oddY ? new OutcomePoint(this.#point.negate()) : this;
  }

  /** @param {OutcomePoint} other */
  equals(other) {
    return other instanceof OutcomePoint && this.#point.equals(other.#point);
  }

  toJSON() {
    return this.compressed;
  }
}

/**
 * What a contract needs when its outcome came true: Σ s of the attestation's
 * signatures. The participants' secret; it says nothing about the oracle's key.
 */
export class AdaptorSecret {
  #scalar;

  /**
   * @param {bigint} scalar mod n
   * @throws {PointsError} `infinity` for zero
   */
  constructor(scalar) {
    if (typeof scalar !== 'bigint') throw new PointsError('scalar', 'a scalar is a bigint');
    this.#scalar = ((scalar % ORDER) + ORDER) % ORDER;
    if (this.#scalar === 0n) throw new PointsError('infinity', 'the secrets cancel out');
    Object.freeze(this);
  }

  /**
   * @param {string} hex 32 bytes, big-endian
   * @returns {AdaptorSecret}
   * @throws {PointsError} `scalar` unless it is from 1 to n − 1
   */
  static fromHex(hex) {
    const bytes = hexBytes(hex);
    const scalar = bytes?.length === 32 ? bytesToNumber(bytes) : 0n;
    if (scalar === 0n || scalar >= ORDER) throw new PointsError('scalar', 'is not a scalar from 1 to n − 1');
    return new AdaptorSecret(scalar);
  }

  /**
   * Σ s mod n over these signatures: the secret of the sum of their points.
   *
   * @param {readonly string[]} signatures 64 bytes each, hex
   * @returns {AdaptorSecret}
   * @throws {PointsError} `empty`, `scalar`, `infinity`
   */
  static ofSignatures(signatures) {
    if (!Array.isArray(signatures)) throw new PointsError('scalar', 'signatures: is no array of hex texts');
    if (signatures.length === 0) throw new PointsError('empty', 'no signatures given');
    const scalars = signatures.map((signature, index) => {
      const scalar = isHex(signature, 64) ? BigInt(`0x${signature.slice(64)}`) : ORDER;
      if (scalar >= ORDER) throw new PointsError('scalar', `signature ${index} holds no valid scalar`);
      return scalar;
    });
    return new AdaptorSecret(scalars.reduce((total, s) => total + s, 0n));
  }

  /**
   * The secret of the sum of these secrets' points, for example of several oracles.
   *
   * @param {readonly AdaptorSecret[]} secrets as they are, not normalised
   * @returns {AdaptorSecret}
   */
  static sum(secrets) {
    if (!Array.isArray(secrets) || secrets.some((secret) => !(secret instanceof AdaptorSecret))) throw new PointsError('scalar', 'secrets: is no array of AdaptorSecrets');
    if (secrets.length === 0) throw new PointsError('empty', 'no secrets given');
    return new AdaptorSecret(secrets.reduce((total, secret) => total + secret.#scalar, 0n));
  }

  /** The scalar, big-endian hex. */
  toHex() {
    return numberToHex(this.#scalar, 32);
  }

  /** The scalar as a number. */
  toBigInt() {
    return this.#scalar;
  }

  /** The point it opens. */
  get point() {
    return new OutcomePoint(GENERATOR.multiply(this.#scalar));
  }

  /** n − s. */
  get negated() {
    return new AdaptorSecret(-this.#scalar);
  }

  /**
   * The secret of the even-y point with the same x coordinate: n − s where the
   * point has an odd y, else s. Normalise a sum, never its parts.
   *
   * @returns {AdaptorSecret}
   */
  get normalised() {
    return this.point.oddY ? this.negated : this;
  }

  /** A secret does not slip into logs. */
  toJSON() {
    return `AdaptorSecret(of ${this.point.compressed})`;
  }
}
