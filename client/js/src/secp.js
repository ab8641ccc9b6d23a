/**
 * Arithmetic of secp256k1 where one question needs much of it: square roots, and
 * sums of many multiples. Nothing here is secret; @noble/curves does the rest, and
 * the tests hold one against the other.
 *
 * Field elements are `bigint`s that need not be reduced, or positive, until two are
 * compared: what is added up before a product costs no division of its own.
 *
 * @module
 */

/** The field's prime. */
const FIELD = (1n << 256n) - 0x1000003d1n;

/** A point other than the one at infinity. @typedef {{x: bigint, y: bigint}} Affine */

/** x = X / Z², y = Y / Z³. @typedef {{X: bigint, Y: bigint, Z: bigint}} Jacobian */

/**
 * @param {bigint} a
 * @param {bigint} b
 */
function mul(a, b) {
  return (a * b) % FIELD;
}

/**
 * @param {bigint} a
 * @param {number} times
 */
function squared(a, times) {
  let result = a;
  for (let i = 0; i < times; i += 1) result = mul(result, result);
  return result;
}

/**
 * A square root, by the addition chain of libsecp256k1.
 *
 * @param {bigint} a
 * @returns {bigint | null} reduced; null where there is none
 */
function root(a) {
  // xN is a to the power of 2^N − 1.
  const x2 = mul(squared(a, 1), a);
  const x3 = mul(squared(x2, 1), a);
  const x6 = mul(squared(x3, 3), x3);
  const x9 = mul(squared(x6, 3), x3);
  const x11 = mul(squared(x9, 2), x2);
  const x22 = mul(squared(x11, 11), x11);
  const x44 = mul(squared(x22, 22), x22);
  const x88 = mul(squared(x44, 44), x44);
  const x176 = mul(squared(x88, 88), x88);
  const x220 = mul(squared(x176, 44), x44);
  const x223 = mul(squared(x220, 3), x3);
  const found = squared(mul(squared(mul(squared(x223, 23), x22), 6), x2), 2);
  return (mul(found, found) - a) % FIELD === 0n ? found % FIELD : null;
}

/**
 * The even y of the point with this x (`lift_x` of BIP340).
 *
 * @param {bigint} x
 * @returns {bigint | null} null where x is on no point
 */
export function evenY(x) {
  if (x >= FIELD) return null;
  const y = root(mul(mul(x, x), x) + 7n);
  return y === null || (y & 1n) === 0n ? y : FIELD - y;
}

/**
 * Whether the sum of points, each as often as its weight says, is this point.
 *
 * @param {readonly Affine[]} points
 * @param {readonly Uint8Array[]} weights 16 bytes each
 * @param {Affine | null} expected null for the point at infinity
 */
export function isSumOf(points, weights, expected) {
  const sum = sumOf(points, weights);
  if (sum === null || expected === null) return sum === expected;
  const zz = mul(sum.Z, sum.Z);
  return (mul(expected.x, zz) - sum.X) % FIELD === 0n && (mul(mul(expected.y, zz), sum.Z) - sum.Y) % FIELD === 0n;
}

/**
 * All points at once, so that they share the doublings: digits −3, −1, 1 and 3 of
 * the weights, of which every fourth is not zero.
 *
 * @param {readonly Affine[]} points
 * @param {readonly Uint8Array[]} weights
 * @returns {Jacobian | null}
 */
function sumOf(points, weights) {
  const triples = affine(points.map((point) => added(doubled({ X: point.x, Y: point.y, Z: 1n }), point.x, point.y)));
  const digits = weights.map(digitsOf);
  /** @type {Jacobian | null} */
  let sum = null;
  for (let bit = DIGITS - 1; bit >= 0; bit -= 1) {
    if (sum) sum = doubled(sum);
    for (let i = 0; i < points.length; i += 1) {
      const digit = digits[i]?.[bit] ?? 0;
      if (digit === 0) continue;
      const point = digit === 1 || digit === -1 ? points[i] : triples[i];
      if (point) sum = added(sum, point.x, digit < 0 ? -point.y : point.y);
    }
  }
  return sum;
}

/** Of 128 bits, and what they carry. */
const DIGITS = 129;

/**
 * The number of big-endian bytes as digits −3, −1, 0, 1, 3, the lowest first.
 *
 * @param {Uint8Array} bytes
 */
function digitsOf(bytes) {
  const digits = new Int8Array(DIGITS);
  /** @param {number} bit */
  const at = (bit) => ((bytes[bytes.length - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1;
  let carry = 0;
  for (let bit = 0; bit < DIGITS; ) {
    const value = at(bit) + carry;
    if (value === 1) {
      const window = 1 + 2 * at(bit + 1) + 4 * at(bit + 2);
      carry = window > 4 ? 1 : 0;
      digits[bit] = window - 8 * carry;
      bit += 3;
    } else {
      carry = value >> 1;
      bit += 1;
    }
  }
  return digits;
}

/**
 * Twice a point: none of this curve has the order 2.
 *
 * @param {Jacobian} point
 * @returns {Jacobian}
 */
function doubled({ X, Y, Z }) {
  const b = mul(Y, Y);
  const d = mul(4n * X, b);
  const e = 3n * mul(X, X);
  const x = mul(e, e) - 2n * d;
  return { X: x, Y: (e * (d - x) - 8n * b * b) % FIELD, Z: mul(2n * Y, Z) };
}

/**
 * The sum of a point and an affine one.
 *
 * @param {Jacobian | null} point null at infinity
 * @param {bigint} x
 * @param {bigint} y
 * @returns {Jacobian | null}
 */
function added(point, x, y) {
  if (!point) return { X: x, Y: y, Z: 1n };
  const { X, Y, Z } = point;
  const zz = mul(Z, Z);
  const h = (x * zz - X) % FIELD;
  const r = (mul(y, Z) * zz - Y) % FIELD;
  // The same x: the same point, or its opposite.
  if (h === 0n) return r === 0n ? doubled(point) : null;
  const hh = mul(h, h);
  const hhh = mul(hh, h);
  const v = mul(X, hh);
  const sum = (r * r - hhh - 2n * v) % FIELD;
  return { X: sum, Y: (r * (v - sum) - Y * hhh) % FIELD, Z: mul(Z, h) };
}

/**
 * Points in affine coordinates, with one inversion for all.
 *
 * @param {readonly (Jacobian | null)[]} points none of them at infinity
 * @returns {Affine[]}
 */
function affine(points) {
  /** @type {bigint[]} */
  const before = [];
  let product = 1n;
  for (const point of points) {
    before.push(product);
    product = mul(product, point?.Z ?? 1n);
  }
  let inverse = inverted(product);
  /** @type {Affine[]} */
  const result = [];
  for (let i = points.length - 1; i >= 0; i -= 1) {
    const { X, Y, Z } = points[i] ?? { X: 0n, Y: 0n, Z: 1n };
    const z = mul(inverse, before[i] ?? 1n);
    const zz = mul(z, z);
    inverse = mul(inverse, Z);
    result[i] = { x: mul(X, zz), y: mul(mul(Y, zz), z) };
  }
  return result;
}

/** By the extended Euclidean algorithm. @param {bigint} value not zero */
function inverted(value) {
  let [a, b] = [((value % FIELD) + FIELD) % FIELD, FIELD];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const q = b / a;
    [a, b] = [b - q * a, a];
    [x, y] = [y - q * x, x];
  }
  return x;
}
