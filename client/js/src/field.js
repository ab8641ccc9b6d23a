/**
 * Arithmetic modulo p, the prime of secp256k1's field, where a question needs
 * thousands of products. Nothing here is secret.
 *
 * An element is eleven floating-point numbers, integers all of them: limbs of 24
 * bits with a sign, the lowest first. Its array has room for ten more, as a product has. A division by p, which is most of the price of a
 * product of `bigint`s, becomes two small products: 2^256 = 2^32 + 977 (mod p).
 *
 * **No rounding.** Integers up to 2^53 are exact. An element is *settled* where no
 * limb exceeds {@link SETTLED}, the lowest not 2^24, and the topmost, which begins at
 * bit 240, not 2^15 by more than what was carried into it last; everything that
 * {@link take} writes is, and what {@link settle} leaves. A column adds up at most eleven
 * products of two limbs: two of them have a lowest limb, and where there are eleven, two
 * have a topmost one. That is at most 24·2^46 while both factors are settled. What is
 * folded in later is below 2^48, so five times as much stays below 2^53: a factor may be
 * the sum of two settled elements times another such sum, or five of them times one;
 * more is settled first. Settled elements that are added to a product do not count, up
 * to hundreds of them.
 *
 * @module
 */

/** The field's prime. */
export const FIELD = (1n << 256n) - 0x1000003d1n;

const LIMBS = 11;
/** The most that a limb of a settled element is but the lowest, either sign: 2^23, and what was carried into it last. */
export const SETTLED = 2 ** 23 + 2 ** 22;
/** @typedef {Float64Array} Element */

/** @returns {Element} zero, with room for the limbs of a product behind its own */
export function element() {
  return new Float64Array(2 * LIMBS - 1);
}

/**
 * @param {bigint} value from 0 to p − 1
 * @returns {Element} settled
 */
export function elementOf(value) {
  const out = element();
  for (let i = 0, rest = value; i < LIMBS; i += 1, rest >>= 24n) out[i] = Number(BigInt.asUintN(24, rest));
  settle(out);
  return out;
}

/**
 * @param {Element} a
 * @returns {bigint} from 0 to p − 1
 */
export function valueOf(a) {
  let value = 0n;
  for (let i = LIMBS - 1; i >= 0; i -= 1) value = (value << 24n) + BigInt(a[i] ?? 0);
  value %= FIELD;
  return value < 0n ? value + FIELD : value;
}

/**
 * @param {Element} a the sum of two settled elements, or less
 */
export function isZero(a) {
  // It is k·p for a small k only if its lowest 24 bits are those of −977·k.
  return (((a[0] ?? 0) + 8 * 977) & 0xffffff) <= 16 * 977 && valueOf(a) === 0n;
}

/**
 * @param {Element} out
 * @param {Element} a
 */
export function copy(out, a) {
  for (let i = 0; i < LIMBS; i += 1) out[i] = a[i] ?? 0;
}

/**
 * out = a·k + b·l. Not settled.
 *
 * @param {Element} out
 * @param {Element} a
 * @param {number} k
 * @param {Element} b
 * @param {number} l
 */
export function combine(out, a, k, b, l) {
  out[0] = (a[0] ?? 0) * k + (b[0] ?? 0) * l;
  out[1] = (a[1] ?? 0) * k + (b[1] ?? 0) * l;
  out[2] = (a[2] ?? 0) * k + (b[2] ?? 0) * l;
  out[3] = (a[3] ?? 0) * k + (b[3] ?? 0) * l;
  out[4] = (a[4] ?? 0) * k + (b[4] ?? 0) * l;
  out[5] = (a[5] ?? 0) * k + (b[5] ?? 0) * l;
  out[6] = (a[6] ?? 0) * k + (b[6] ?? 0) * l;
  out[7] = (a[7] ?? 0) * k + (b[7] ?? 0) * l;
  out[8] = (a[8] ?? 0) * k + (b[8] ?? 0) * l;
  out[9] = (a[9] ?? 0) * k + (b[9] ?? 0) * l;
  out[10] = (a[10] ?? 0) * k + (b[10] ?? 0) * l;
}

/**
 * The same element with small limbs.
 *
 * @param {Element} a limbs up to 2^51
 */
export function settle(a) {
  carry(a);
  carry(a);
}

/**
 * What each limb has above its 24 bits goes to the next one, all at once: that no
 * limb waits for the one below it is what makes this fast, and why it takes two
 * times. The first leaves limbs up to 2^46, the second small ones.
 *
 * @param {Element} a
 */
function carry(a) {
  let carried = 0;
  for (let i = 0; i < LIMBS - 1; i += 1) {
    const limb = a[i] ?? 0;
    const over = above(limb);
    a[i] = limb - over + carried;
    carried = over * 2 ** -24;
  }
  // The topmost limb begins at bit 240: what is above bit 256 comes in again below.
  const top = a[LIMBS - 1] ?? 0;
  const over = above16(top);
  a[LIMBS - 1] = top - over + carried;
  a[0] = (a[0] ?? 0) + (over / 2 ** 16) * 977;
  a[1] = (a[1] ?? 0) + (over / 2 ** 16) * 2 ** 8;
}

/**
 * Adds a multiple of an element to a product. Many of them cost less than to settle one
 * sum.
 *
 * @param {Element} wide a product
 * @param {Element} a settled
 * @param {number} k small
 */
export function plus(wide, a, k) {
  wide[0] = (wide[0] ?? 0) + (a[0] ?? 0) * k;
  wide[1] = (wide[1] ?? 0) + (a[1] ?? 0) * k;
  wide[2] = (wide[2] ?? 0) + (a[2] ?? 0) * k;
  wide[3] = (wide[3] ?? 0) + (a[3] ?? 0) * k;
  wide[4] = (wide[4] ?? 0) + (a[4] ?? 0) * k;
  wide[5] = (wide[5] ?? 0) + (a[5] ?? 0) * k;
  wide[6] = (wide[6] ?? 0) + (a[6] ?? 0) * k;
  wide[7] = (wide[7] ?? 0) + (a[7] ?? 0) * k;
  wide[8] = (wide[8] ?? 0) + (a[8] ?? 0) * k;
  wide[9] = (wide[9] ?? 0) + (a[9] ?? 0) * k;
  wide[10] = (wide[10] ?? 0) + (a[10] ?? 0) * k;
}

/**
 * Makes a settled element of a product: its upper half is carried once and folded into
 * the lower one, which is settled like any other. Numbers stand in the functions and not
 * beside them, and products in the elements that they become: bundlers make variables of
 * constants, which took three times as long. Written out, since the loops take a quarter
 * of the time of a product.
 *
 * @param {Element} wide a product
 */
export function take(wide) {
  const w10 = wide[10] ?? 0, w11 = wide[11] ?? 0, w12 = wide[12] ?? 0, w13 = wide[13] ?? 0, w14 = wide[14] ?? 0, w15 = wide[15] ?? 0;
  const w16 = wide[16] ?? 0, w17 = wide[17] ?? 0, w18 = wide[18] ?? 0, w19 = wide[19] ?? 0, w20 = wide[20] ?? 0;
  const o10 = above(w10), o11 = above(w11), o12 = above(w12), o13 = above(w13), o14 = above(w14), o15 = above(w15);
  const o16 = above(w16), o17 = above(w17), o18 = above(w18), o19 = above(w19), o20 = above(w20);
  // 2^264 is 2^40 + 977·2^8. Limbs 11 to 21: the last is below 2^11, since no factor is longer than 260 bits.
  const h0 = w11 - o11 + o10 * 2 ** -24, h1 = w12 - o12 + o11 * 2 ** -24, h2 = w13 - o13 + o12 * 2 ** -24;
  const h3 = w14 - o14 + o13 * 2 ** -24, h4 = w15 - o15 + o14 * 2 ** -24, h5 = w16 - o16 + o15 * 2 ** -24;
  const h6 = w17 - o17 + o16 * 2 ** -24, h7 = w18 - o18 + o17 * 2 ** -24, h8 = w19 - o19 + o18 * 2 ** -24;
  const h9 = w20 - o20 + o19 * 2 ** -24, h10 = o20 * 2 ** -24;
  // What the fold of limb 21 has in limb 11 stays in limb 10.
  const f0 = (wide[0] ?? 0) + h0 * (977 * 2 ** 8);
  const f1 = (wide[1] ?? 0) + h1 * (977 * 2 ** 8) + h0 * 2 ** 16;
  const f2 = (wide[2] ?? 0) + h2 * (977 * 2 ** 8) + h1 * 2 ** 16;
  const f3 = (wide[3] ?? 0) + h3 * (977 * 2 ** 8) + h2 * 2 ** 16;
  const f4 = (wide[4] ?? 0) + h4 * (977 * 2 ** 8) + h3 * 2 ** 16;
  const f5 = (wide[5] ?? 0) + h5 * (977 * 2 ** 8) + h4 * 2 ** 16;
  const f6 = (wide[6] ?? 0) + h6 * (977 * 2 ** 8) + h5 * 2 ** 16;
  const f7 = (wide[7] ?? 0) + h7 * (977 * 2 ** 8) + h6 * 2 ** 16;
  const f8 = (wide[8] ?? 0) + h8 * (977 * 2 ** 8) + h7 * 2 ** 16;
  const f9 = (wide[9] ?? 0) + h9 * (977 * 2 ** 8) + h8 * 2 ** 16;
  const f10 = w10 - o10 + h10 * (977 * 2 ** 8) + h9 * 2 ** 16 + h10 * 2 ** 40;
  const p0 = above(f0), p1 = above(f1), p2 = above(f2), p3 = above(f3), p4 = above(f4), p5 = above(f5);
  const p6 = above(f6), p7 = above(f7), p8 = above(f8), p9 = above(f9), top = above16(f10);
  wide[0] = f0 - p0 + (top / 2 ** 16) * 977;
  wide[1] = f1 - p1 + p0 * 2 ** -24 + (top / 2 ** 16) * 2 ** 8;
  wide[2] = f2 - p2 + p1 * 2 ** -24;
  wide[3] = f3 - p3 + p2 * 2 ** -24;
  wide[4] = f4 - p4 + p3 * 2 ** -24;
  wide[5] = f5 - p5 + p4 * 2 ** -24;
  wide[6] = f6 - p6 + p5 * 2 ** -24;
  wide[7] = f7 - p7 + p6 * 2 ** -24;
  wide[8] = f8 - p8 + p7 * 2 ** -24;
  wide[9] = f9 - p9 + p8 * 2 ** -24;
  wide[10] = f10 - top + p9 * 2 ** -24;
  carry(wide);
}

/** What a limb has above its 24 bits, or below them. @param {number} limb */
function above(limb) {
  // Added and taken away again, it rounds to a multiple of 2^24.
  const round = 3 * 2 ** 75;
  return limb + round - round;
}

/** The same of 16 bits. @param {number} limb */
function above16(limb) {
  const round = 3 * 2 ** 67;
  return limb + round - round;
}

/**
 * out = a·b, which may be the same arrays.
 *
 * @param {Element} out
 * @param {Element} a
 * @param {Element} b
 */
export function mul(out, a, b) {
  product(out, a, b);
  take(out);
}

/**
 * out = a², which may be the same array.
 *
 * @param {Element} out
 * @param {Element} a
 */
export function square(out, a) {
  squared(out, a);
  take(out);
}

/**
 * The product a·b, which may be the same arrays: no element before {@link take} makes it
 * one, and {@link plus} may add to it until then.
 *
 * @param {Element} wide
 * @param {Element} a
 * @param {Element} b
 */
export function product(wide, a, b) {
  const a0 = a[0] ?? 0, a1 = a[1] ?? 0, a2 = a[2] ?? 0, a3 = a[3] ?? 0, a4 = a[4] ?? 0, a5 = a[5] ?? 0;
  const a6 = a[6] ?? 0, a7 = a[7] ?? 0, a8 = a[8] ?? 0, a9 = a[9] ?? 0, a10 = a[10] ?? 0;
  const b0 = b[0] ?? 0, b1 = b[1] ?? 0, b2 = b[2] ?? 0, b3 = b[3] ?? 0, b4 = b[4] ?? 0, b5 = b[5] ?? 0;
  const b6 = b[6] ?? 0, b7 = b[7] ?? 0, b8 = b[8] ?? 0, b9 = b[9] ?? 0, b10 = b[10] ?? 0;
  wide[0] = a0 * b0;
  wide[1] = a0 * b1 + a1 * b0;
  wide[2] = a0 * b2 + a1 * b1 + a2 * b0;
  wide[3] = a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0;
  wide[4] = a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0;
  wide[5] = a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0;
  wide[6] = a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0;
  wide[7] = a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0;
  wide[8] = a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0;
  wide[9] = a0 * b9 + a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1 + a9 * b0;
  wide[10] = a0 * b10 + a1 * b9 + a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2 + a9 * b1 + a10 * b0;
  wide[11] = a1 * b10 + a2 * b9 + a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3 + a9 * b2 + a10 * b1;
  wide[12] = a2 * b10 + a3 * b9 + a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4 + a9 * b3 + a10 * b2;
  wide[13] = a3 * b10 + a4 * b9 + a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5 + a9 * b4 + a10 * b3;
  wide[14] = a4 * b10 + a5 * b9 + a6 * b8 + a7 * b7 + a8 * b6 + a9 * b5 + a10 * b4;
  wide[15] = a5 * b10 + a6 * b9 + a7 * b8 + a8 * b7 + a9 * b6 + a10 * b5;
  wide[16] = a6 * b10 + a7 * b9 + a8 * b8 + a9 * b7 + a10 * b6;
  wide[17] = a7 * b10 + a8 * b9 + a9 * b8 + a10 * b7;
  wide[18] = a8 * b10 + a9 * b9 + a10 * b8;
  wide[19] = a9 * b10 + a10 * b9;
  wide[20] = a10 * b10;
}

/**
 * {@link product} of an element with itself.
 *
 * @param {Element} wide
 * @param {Element} a
 */
export function squared(wide, a) {
  const a0 = a[0] ?? 0, a1 = a[1] ?? 0, a2 = a[2] ?? 0, a3 = a[3] ?? 0, a4 = a[4] ?? 0, a5 = a[5] ?? 0;
  const a6 = a[6] ?? 0, a7 = a[7] ?? 0, a8 = a[8] ?? 0, a9 = a[9] ?? 0, a10 = a[10] ?? 0;
  const d0 = 2 * a0, d1 = 2 * a1, d2 = 2 * a2, d3 = 2 * a3, d4 = 2 * a4, d5 = 2 * a5, d6 = 2 * a6, d7 = 2 * a7, d8 = 2 * a8, d9 = 2 * a9;
  wide[0] = a0 * a0;
  wide[1] = d0 * a1;
  wide[2] = d0 * a2 + a1 * a1;
  wide[3] = d0 * a3 + d1 * a2;
  wide[4] = d0 * a4 + d1 * a3 + a2 * a2;
  wide[5] = d0 * a5 + d1 * a4 + d2 * a3;
  wide[6] = d0 * a6 + d1 * a5 + d2 * a4 + a3 * a3;
  wide[7] = d0 * a7 + d1 * a6 + d2 * a5 + d3 * a4;
  wide[8] = d0 * a8 + d1 * a7 + d2 * a6 + d3 * a5 + a4 * a4;
  wide[9] = d0 * a9 + d1 * a8 + d2 * a7 + d3 * a6 + d4 * a5;
  wide[10] = d0 * a10 + d1 * a9 + d2 * a8 + d3 * a7 + d4 * a6 + a5 * a5;
  wide[11] = d1 * a10 + d2 * a9 + d3 * a8 + d4 * a7 + d5 * a6;
  wide[12] = d2 * a10 + d3 * a9 + d4 * a8 + d5 * a7 + a6 * a6;
  wide[13] = d3 * a10 + d4 * a9 + d5 * a8 + d6 * a7;
  wide[14] = d4 * a10 + d5 * a9 + d6 * a8 + a7 * a7;
  wide[15] = d5 * a10 + d6 * a9 + d7 * a8;
  wide[16] = d6 * a10 + d7 * a9 + a8 * a8;
  wide[17] = d7 * a10 + d8 * a9;
  wide[18] = d8 * a10 + a9 * a9;
  wide[19] = d9 * a10;
  wide[20] = a10 * a10;
}
