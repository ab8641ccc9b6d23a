/**
 * Arithmetic of secp256k1 where one question needs much of it: square roots, and
 * sums of many multiples. Nothing here is secret; @noble/curves does the rest, and
 * the tests hold one against the other.
 *
 * @module
 */
import { FIELD, combine, copy, element, elementOf, isZero, mul, plus, product, square, squared, take, valueOf } from './field.js';

/** @import { Element } from './field.js' */

/** A point other than the one at infinity. @typedef {{x: bigint, y: bigint}} Affine */

/** An affine point of settled elements. @typedef {{x: Element, y: Element}} Place */

/** x = X / Z², y = Y / Z³, all settled. @typedef {{X: Element, Y: Element, Z: Element}} Jacobian */

const ONE = elementOf(1n);
const SEVEN = elementOf(7n);

/** What a formula has under way; nothing is kept in them between two calls. */
const [t0, t1, t2, t3, t4, t5, t6, t7] = /** @type {[Element, Element, Element, Element, Element, Element, Element, Element]} */ (
  Array.from({ length: 8 }, element)
);

/**
 * Powers of `a` to 2^k − 1, from one such to the next longer one.
 *
 * @param {Element} longer of k + l ones
 * @param {Element} shorter of k ones
 * @param {number} count l
 * @param {Element} end of l ones
 */
function lengthen(longer, shorter, count, end) {
  copy(longer, shorter);
  for (let i = 0; i < count; i += 1) square(longer, longer);
  mul(longer, longer, end);
}

/**
 * A square root, by the addition chain of libsecp256k1.
 *
 * @param {Element} out
 * @param {Element} a not one of t0 to t6
 * @returns {boolean} whether there is one
 */
function root(out, a) {
  const [x2, x3, x11, x22, x44, x88] = [t0, t1, t2, t3, t4, t5];
  lengthen(x2, a, 1, a);
  lengthen(x3, x2, 1, a);
  lengthen(x11, x3, 3, x3); // 6 ones
  lengthen(x11, x11, 3, x3); // 9
  lengthen(x11, x11, 2, x2);
  lengthen(x22, x11, 11, x11);
  lengthen(x44, x22, 22, x22);
  lengthen(x88, x44, 44, x44);
  lengthen(out, x88, 88, x88); // 176 ones
  lengthen(out, out, 44, x44); // 220
  lengthen(out, out, 3, x3); // 223
  lengthen(out, out, 23, x22);
  lengthen(out, out, 6, x2);
  square(out, out);
  square(out, out);
  square(t6, out);
  combine(t6, t6, 1, a, -1);
  return isZero(t6);
}

/**
 * The even y of the point with this x (`lift_x` of BIP340).
 *
 * @param {bigint} x
 * @returns {bigint | null} null where x is on no point
 */
export function evenY(x) {
  if (x >= FIELD) return null;
  const [square7, at] = [t7, elementOf(x)];
  square(square7, at);
  product(square7, square7, at);
  plus(square7, SEVEN, 1);
  take(square7);
  const found = element();
  if (!root(found, square7)) return null;
  const y = valueOf(found);
  return (y & 1n) === 0n ? y : FIELD - y;
}

/**
 * Whether the sum of points, each times its scalar, is the point at infinity.
 *
 * @param {readonly Affine[]} points
 * @param {readonly bigint[]} scalars from 0 to n − 1
 */
export function isZeroSum(points, scalars) {
  /** @type {Place[]} */
  const places = [];
  /** @type {Int8Array[]} */
  const digits = [];
  for (const [i, { x, y }] of points.entries()) {
    const [a, b] = halves(scalars[i] ?? 0n);
    const [at, up] = [elementOf(x), elementOf(y)];
    if (a !== 0n) {
      places.push({ x: at, y: up });
      digits.push(digitsOf(a));
    }
    if (b !== 0n) {
      const turned = element();
      mul(turned, at, BETA);
      places.push({ x: turned, y: up });
      digits.push(digitsOf(b));
    }
  }
  return isZeroSumOf(places, digits);
}

/** λ·(x, y) is (β·x, y). */
const BETA = elementOf(0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501een);
/** The vectors (A, −B) and (C, A) are short ones of those with u + v·λ = 0 (mod n). */
const [A, B, C] = [0x3086d221a7d46bcde86c90e49284eb15n, 0xe4437ed6010e88286f547fa90abfe4c3n, 0x114ca50f7a8e2f3f657c1108d9d44cfd8n];
const ORDER = (1n << 256n) - 0x14551231950b75fc4402da1732fc9bebfn;

/**
 * u and v with u + v·λ = k (mod n), of 128 bits and a sign (Gallant, Lambert,
 * Vanstone, 2001).
 *
 * @param {bigint} k from 0 to n − 1
 * @returns {[bigint, bigint]}
 */
export function halves(k) {
  if (k >> 128n === 0n) return [k, 0n];
  const [c, d] = [(A * k + ORDER / 2n) / ORDER, (B * k + ORDER / 2n) / ORDER];
  return [k - c * A - d * C, c * B - d * A];
}

/**
 * All points at once, so that they share the doublings: digits −3, −1, 1 and 3, of
 * which every fourth is not zero.
 *
 * @param {readonly Place[]} points
 * @param {readonly Int8Array[]} digits
 */
function isZeroSumOf(points, digits) {
  const triples = affine(points.map(tripled));
  const sum = { X: element(), Y: element(), Z: element() };
  let isInfinite = true;
  for (let bit = DIGITS - 1; bit >= 0; bit -= 1) {
    if (!isInfinite) double(sum);
    for (let i = 0; i < points.length; i += 1) {
      const digit = digits[i]?.[bit] ?? 0;
      const point = digit === 0 ? null : digit === 1 || digit === -1 ? points[i] : triples[i];
      if (point) isInfinite = !add(sum, isInfinite, point, digit < 0 ? -1 : 1);
    }
  }
  return isInfinite;
}

/** Of 128 bits, and what they carry. */
const DIGITS = 129;

/**
 * A number as digits −3, −1, 0, 1, 3, the lowest first.
 *
 * @param {bigint} value of 128 bits and a sign
 */
function digitsOf(value) {
  const [sign, bits] = value < 0n ? [-1, (-value).toString(2)] : [1, value.toString(2)];
  const digits = new Int8Array(DIGITS);
  /** @param {number} bit */
  const at = (bit) => (bit < bits.length ? bits.charCodeAt(bits.length - 1 - bit) & 1 : 0);
  let carry = 0;
  for (let bit = 0; bit < DIGITS; ) {
    const one = at(bit) + carry;
    if (one === 1) {
      const window = 1 + 2 * at(bit + 1) + 4 * at(bit + 2);
      carry = window > 4 ? 1 : 0;
      digits[bit] = sign * (window - 8 * carry);
      bit += 3;
    } else {
      carry = one >> 1;
      bit += 1;
    }
  }
  return digits;
}

/**
 * Makes a point twice itself: none of this curve has the order 2.
 *
 * @param {Jacobian} point
 */
function double({ X, Y, Z }) {
  const [yy, xyy, m] = [t0, t1, t2];
  combine(m, Y, 2, Y, 0);
  mul(Z, m, Z);
  square(yy, Y);
  mul(xyy, X, yy);
  combine(m, X, 3, X, 0);
  mul(m, m, X);
  // X' = M² − 8·X·Y², for M = 3·X²
  squared(X, m);
  plus(X, xyy, -8);
  take(X);
  combine(xyy, xyy, 4, X, -1);
  square(yy, yy);
  // Y' = M·(4·X·Y² − X') − 8·Y⁴
  product(Y, m, xyy);
  plus(Y, yy, -8);
  take(Y);
}

/**
 * Adds a point to a sum.
 *
 * @param {Jacobian} sum
 * @param {boolean} isInfinite of the sum, which then says nothing else
 * @param {Place} point
 * @param {1 | -1} sign of the point
 * @returns {boolean} false where the sum is the point at infinity now
 */
function add(sum, isInfinite, point, sign) {
  const { X, Y, Z } = sum;
  if (isInfinite) {
    copy(X, point.x);
    combine(Y, point.y, sign, point.y, 0);
    copy(Z, ONE);
    return true;
  }
  const [h, r, hh, hhh, v] = [t0, t1, t2, t3, t4];
  square(hh, Z);
  product(h, point.x, hh);
  plus(h, X, -1);
  take(h);
  mul(hh, hh, Z);
  // R = ±(y·Z³) − Y, here with the sign of the point
  product(r, point.y, hh);
  plus(r, Y, -sign);
  take(r);
  // The same x: the same point, or its opposite.
  if (isZero(h)) {
    if (!isZero(r)) return false;
    double(sum);
    return true;
  }
  square(hh, h);
  mul(hhh, h, hh);
  mul(v, X, hh);
  mul(Z, Z, h);
  // X' = R² − H³ − 2·X·H²
  squared(X, r);
  plus(X, hhh, -1);
  plus(X, v, -2);
  take(X);
  combine(v, v, sign, X, -sign);
  mul(hhh, Y, hhh);
  // Y' = R·(X·H² − X') − Y·H³
  product(Y, r, v);
  plus(Y, hhh, -1);
  take(Y);
  return true;
}

/**
 * @param {Place} point
 * @returns {Jacobian}
 */
function tripled({ x, y }) {
  const point = { X: x.slice(), Y: y.slice(), Z: ONE.slice() };
  double(point);
  add(point, false, { x, y }, 1);
  return point;
}

/**
 * Points in affine coordinates, with one inversion for all.
 *
 * @param {readonly Jacobian[]} points
 * @returns {Place[]}
 */
function affine(points) {
  let product = ONE;
  const before = points.map(({ Z }) => {
    const had = product;
    mul((product = element()), had, Z);
    return had;
  });
  const [inverse, z] = [elementOf(inverted(valueOf(product))), element()];
  return points
    .map(({ X, Y, Z }, i) => ({ X, Y, Z, had: before[i] ?? ONE }))
    .reverse()
    .map(({ X, Y, Z, had }) => {
      mul(z, inverse, had);
      mul(inverse, inverse, Z);
      mul(Y, Y, z);
      square(z, z);
      mul(X, X, z);
      mul(Y, Y, z);
      return { x: X, y: Y };
    })
    .reverse();
}

/** By the extended Euclidean algorithm. @param {bigint} value not zero, below p */
function inverted(value) {
  let [a, b] = [value, FIELD];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const q = b / a;
    [a, b] = [b - q * a, a];
    [x, y] = [y - q * x, x];
  }
  return x < 0n ? x + FIELD : x;
}
