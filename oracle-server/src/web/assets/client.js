// client/js bundled by `npm run explorer`: do not edit. Contains @noble/curves and
// @noble/hashes, (c) Paul Miller, MIT.
// ../node_modules/@noble/hashes/utils.js
function isBytes(a) {
  return a instanceof Uint8Array || ArrayBuffer.isView(a) && a.constructor.name === "Uint8Array" && "BYTES_PER_ELEMENT" in a && a.BYTES_PER_ELEMENT === 1;
}
var atitle = (title) => title ? `"${title}" ` : "";
function anumber(n, title = "") {
  if (typeof n != "number")
    throw new TypeError(atitle(title) + "expected number, got " + typeof n);
  if (!Number.isSafeInteger(n) || n < 0)
    throw new RangeError(atitle(title) + "expected integer >= 0, got " + n);
  return n;
}
function abytes(value, length, title = "") {
  if (isBytes(value) && (length === void 0 || value.length === length))
    return value;
  length !== void 0 && anumber(length, "length");
  let bytes = isBytes(value), ofLen = length !== void 0 ? ` of length ${length}` : "", got = bytes ? `length=${value.length}` : `type=${typeof value}`, message = atitle(title) + "expected Uint8Array" + ofLen + ", got " + got;
  throw bytes ? new RangeError(message) : new TypeError(message);
}
function ahash(h) {
  if (typeof h != "function" || typeof h.create != "function")
    throw new TypeError("expected hash wrapped by utils.createHasher");
  if (anumber(h.outputLen), anumber(h.blockLen), h.outputLen < 1 || h.blockLen < 1)
    throw new Error("hash blockLen / outputLen must be >= 1");
}
var aobject = (value, label) => {
  if (value === null || typeof value != "object" || Array.isArray(value))
    throw new TypeError((label === "object" ? "" : `"${label}" `) + "expected object, got type=" + typeof value);
}, aopts = (value, label) => {
  aobject(value, label);
  let proto = Object.getPrototypeOf(value);
  if (proto !== Object.prototype && proto !== null)
    throw new TypeError(`"${label}" expected plain object`);
  if (Object.hasOwn(value, "__proto__"))
    throw new TypeError(`"${label}.__proto__" is not allowed`);
};
function aexists(instance, checkFinished = !0) {
  if (instance.destroyed)
    throw new Error("hash was destroyed");
  if (checkFinished && instance.finished)
    throw new Error("digest() was already called");
}
function aoutput(out, instance) {
  abytes(out, void 0, "output");
  let min = instance.outputLen;
  if (!(out.length >= min))
    throw new RangeError('"output" expected length >= ' + min);
}
function clean(...arrays) {
  for (let i = 0; i < arrays.length; i++)
    arrays[i].fill(0);
}
function createView(arr) {
  return new DataView(arr.buffer, arr.byteOffset, arr.byteLength);
}
function rotr(word, shift) {
  return word << 32 - shift | word >>> shift;
}
var hasHexBuiltin = /* @ts-ignore */ typeof Uint8Array.from([]).toHex == "function" && typeof Uint8Array.fromHex == "function", hexes = /* @__PURE__ */ Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, "0"));
function bytesToHex(bytes) {
  if (abytes(bytes), hasHexBuiltin)
    return bytes.toHex();
  let hex = "";
  for (let i = 0; i < bytes.length; i++)
    hex += hexes[bytes[i]];
  return hex;
}
function asciiToBase16(ch) {
  return ch >= 48 && ch <= 57 ? ch - 48 : ch >= 65 && ch <= 70 ? ch - 55 : ch >= 97 && ch <= 102 ? ch - 87 : void 0;
}
function hexToBytes(hex) {
  if (typeof hex != "string")
    throw new TypeError("hex string expected, got " + typeof hex);
  if (hasHexBuiltin)
    try {
      return Uint8Array.fromHex(hex);
    } catch (error) {
      throw error instanceof SyntaxError ? new RangeError(error.message) : error;
    }
  let hl = hex.length, al = hl / 2;
  if (hl % 2)
    throw new RangeError("hex string expected, got unpadded hex of length " + hl);
  let array = new Uint8Array(al);
  for (let ai = 0, hi = 0; ai < al; ai++, hi += 2) {
    let n1 = asciiToBase16(hex.charCodeAt(hi)), n2 = asciiToBase16(hex.charCodeAt(hi + 1));
    if (n1 === void 0 || n2 === void 0) {
      let char = hex[hi] + hex[hi + 1];
      throw new RangeError('hex string expected, got non-hex character "' + char + '" at index ' + hi);
    }
    array[ai] = n1 * 16 + n2;
  }
  return array;
}
function concatBytes(...arrays) {
  let sum = 0;
  for (let i = 0; i < arrays.length; i++) {
    let a = arrays[i];
    abytes(a), sum += a.length;
  }
  let res = new Uint8Array(sum);
  for (let i = 0, pad = 0; i < arrays.length; i++) {
    let a = arrays[i];
    res.set(a, pad), pad += a.length;
  }
  return res;
}
function checkOpts(defaults, opts, title = "opts") {
  return aopts(defaults, "defaults"), opts !== void 0 && aopts(opts, title), Object.assign(/* @__PURE__ */ Object.create(null), defaults, opts);
}
function createHasher(hashCons, info = {}) {
  if (typeof hashCons != "function")
    throw new TypeError('"hashCons" expected function, got type=' + typeof hashCons);
  info = checkOpts({}, info, "info");
  let hashC = (msg, opts) => hashCons(opts).update(msg).digest(), tmp = hashCons(void 0);
  return hashC.outputLen = tmp.outputLen, hashC.blockLen = tmp.blockLen, hashC.canXOF = tmp.canXOF, hashC.create = (opts) => hashCons(opts), Object.assign(hashC, info), Object.freeze(hashC);
}
function randomBytes(bytesLength = 32) {
  anumber(bytesLength, "bytesLength");
  let cr = typeof globalThis == "object" ? globalThis.crypto : null;
  if (typeof cr?.getRandomValues != "function")
    throw new Error("crypto.getRandomValues must be defined");
  if (bytesLength > 65536)
    throw new RangeError(`"bytesLength" expected <= 65536, got ${bytesLength}`);
  return cr.getRandomValues(new Uint8Array(bytesLength));
}
var oidNist = (suffix) => ({
  // Current NIST hashAlgs suffixes used here fit in one DER subidentifier octet.
  // Larger suffix values would need base-128 OID encoding and a different length byte.
  oid: Uint8Array.from([6, 9, 96, 134, 72, 1, 101, 3, 4, 2, suffix])
});

// ../src/bytes.js
var decoder = new TextDecoder("utf-8", { fatal: !0, ignoreBOM: !0 }), encoder = new TextEncoder();
function utf8ToText(bytes) {
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
function textToUtf8(text) {
  return encoder.encode(text);
}
function isText(text) {
  return !/\p{Surrogate}/u.test(text);
}
function isNfc(text) {
  return text.normalize("NFC") === text;
}
function hexBytes(text) {
  return text.length % 2 === 0 && /^[0-9a-fA-F]*$/.test(text) ? hexToBytes(text) : null;
}
function isHex(value, bytes) {
  return typeof value == "string" && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);
}
function bytesToNumber(bytes) {
  return BigInt(`0x${bytesToHex(bytes) || "0"}`);
}

// ../node_modules/@noble/hashes/_u64.js
var U32_MASK64 = BigInt(4294967295), _32n = /* @__PURE__ */ BigInt(32);
function fromBig(n, le = !1) {
  return le ? { h: Number(n & U32_MASK64), l: Number(n >> _32n & U32_MASK64) } : { h: Number(n >> _32n & U32_MASK64) | 0, l: Number(n & U32_MASK64) | 0 };
}
function split(lst, le = !1) {
  let len = lst.length, Ah = new Uint32Array(len), Al = new Uint32Array(len);
  for (let i = 0; i < len; i++) {
    let { h, l } = fromBig(lst[i], le);
    [Ah[i], Al[i]] = [h, l];
  }
  return [Ah, Al];
}
var fromNumH = (n) => n / 2 ** 32 | 0, fromNumL = (n) => n >>> 0;
function setU64FromNum(view, byteOffset, n, isLE) {
  let h = fromNumH(n), l = fromNumL(n);
  view.setUint32(byteOffset, isLE ? l : h, isLE), view.setUint32(byteOffset + 4, isLE ? h : l, isLE);
}
var shrSH = (h, _l, s) => h >>> s, shrSL = (h, l, s) => h << 32 - s | l >>> s, rotrSH = (h, l, s) => h >>> s | l << 32 - s, rotrSL = (h, l, s) => h << 32 - s | l >>> s, rotrBH = (h, l, s) => h << 64 - s | l >>> s - 32, rotrBL = (h, l, s) => h >>> s - 32 | l << 64 - s;
function add(Ah, Al, Bh, Bl) {
  let l = (Al >>> 0) + (Bl >>> 0);
  return { h: Ah + Bh + (l / 2 ** 32 | 0) | 0, l: l | 0 };
}
var add3L = (Al, Bl, Cl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0), add3H = (low, Ah, Bh, Ch) => Ah + Bh + Ch + (low / 2 ** 32 | 0) | 0, add4L = (Al, Bl, Cl, Dl) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0), add4H = (low, Ah, Bh, Ch, Dh) => Ah + Bh + Ch + Dh + (low / 2 ** 32 | 0) | 0, add5L = (Al, Bl, Cl, Dl, El) => (Al >>> 0) + (Bl >>> 0) + (Cl >>> 0) + (Dl >>> 0) + (El >>> 0), add5H = (low, Ah, Bh, Ch, Dh, Eh) => Ah + Bh + Ch + Dh + Eh + (low / 2 ** 32 | 0) | 0;

// ../node_modules/@noble/hashes/_md.js
function Chi(a, b, c) {
  return a & b ^ ~a & c;
}
function Maj(a, b, c) {
  return a & b ^ a & c ^ b & c;
}
var HashMD = class {
  blockLen;
  outputLen;
  canXOF = !1;
  padOffset;
  isLE;
  // For partial updates less than block size
  buffer;
  view;
  finished = !1;
  length = 0;
  pos = 0;
  destroyed = !1;
  constructor(blockLen, outputLen, padOffset, isLE) {
    this.blockLen = blockLen, this.outputLen = outputLen, this.padOffset = padOffset, this.isLE = isLE, this.buffer = new Uint8Array(blockLen), this.view = createView(this.buffer);
  }
  update(data) {
    aexists(this), abytes(data);
    let { view, buffer, blockLen } = this, len = data.length, processed = !1;
    for (let pos = 0; pos < len; ) {
      let take = Math.min(blockLen - this.pos, len - pos);
      if (take === blockLen) {
        let dataView = createView(data);
        for (; blockLen <= len - pos; pos += blockLen)
          this.process(dataView, pos);
        processed = !0;
        continue;
      }
      buffer.set(pos === 0 && take === len ? data : data.subarray(pos, pos + take), this.pos), this.pos += take, pos += take, this.pos === blockLen && (this.process(view, 0), this.pos = 0, processed = !0);
    }
    return this.length += data.length, processed && this.roundClean(), this;
  }
  digestInto(out) {
    aexists(this), aoutput(out, this), this.finished = !0;
    let { buffer, view, blockLen, isLE } = this, { pos } = this;
    buffer[pos++] = 128, buffer.fill(0, pos), this.padOffset > blockLen - pos && (this.process(view, 0), buffer.fill(0)), setU64FromNum(view, blockLen - 8, this.length * 8, isLE), this.process(view, 0), this.roundClean();
    let oview = out === buffer ? view : createView(out), len = this.outputLen, outLen = len / 4, state = this.get();
    if (len % 4 || outLen > state.length)
      throw new Error("invalid outputLen");
    for (let i = 0; i < outLen; i++)
      oview.setUint32(4 * i, state[i], isLE);
  }
  digest() {
    let { buffer, outputLen } = this;
    this.digestInto(buffer);
    let res = buffer.slice(0, outputLen);
    return this.destroy(), res;
  }
  _cloneIntoMeta(to) {
    let { buffer, length, finished, destroyed, pos } = this;
    return to.destroyed = destroyed, to.finished = finished, to.length = length, to.pos = pos, pos && to.buffer.set(buffer), to;
  }
  clone() {
    return this._cloneInto();
  }
}, SHA256_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  3144134277,
  1013904242,
  2773480762,
  1359893119,
  2600822924,
  528734635,
  1541459225
]);
var SHA512_IV = /* @__PURE__ */ Uint32Array.from([
  1779033703,
  4089235720,
  3144134277,
  2227873595,
  1013904242,
  4271175723,
  2773480762,
  1595750129,
  1359893119,
  2917565137,
  2600822924,
  725511199,
  528734635,
  4215389547,
  1541459225,
  327033209
]);

// ../node_modules/@noble/hashes/sha2.js
var SHA256_K = /* @__PURE__ */ Uint32Array.from([
  1116352408,
  1899447441,
  3049323471,
  3921009573,
  961987163,
  1508970993,
  2453635748,
  2870763221,
  3624381080,
  310598401,
  607225278,
  1426881987,
  1925078388,
  2162078206,
  2614888103,
  3248222580,
  3835390401,
  4022224774,
  264347078,
  604807628,
  770255983,
  1249150122,
  1555081692,
  1996064986,
  2554220882,
  2821834349,
  2952996808,
  3210313671,
  3336571891,
  3584528711,
  113926993,
  338241895,
  666307205,
  773529912,
  1294757372,
  1396182291,
  1695183700,
  1986661051,
  2177026350,
  2456956037,
  2730485921,
  2820302411,
  3259730800,
  3345764771,
  3516065817,
  3600352804,
  4094571909,
  275423344,
  430227734,
  506948616,
  659060556,
  883997877,
  958139571,
  1322822218,
  1537002063,
  1747873779,
  1955562222,
  2024104815,
  2227730452,
  2361852424,
  2428436474,
  2756734187,
  3204031479,
  3329325298
]), SHA256_W = /* @__PURE__ */ new Uint32Array(64), SHA2_32B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and makes sha256 3x slower (measured).
  A = 0;
  B = 0;
  C = 0;
  D = 0;
  E = 0;
  F = 0;
  G = 0;
  H = 0;
  constructor(outputLen, IV) {
    super(64, outputLen, 8, !1), this.A = IV[0] | 0, this.B = IV[1] | 0, this.C = IV[2] | 0, this.D = IV[3] | 0, this.E = IV[4] | 0, this.F = IV[5] | 0, this.G = IV[6] | 0, this.H = IV[7] | 0;
  }
  get() {
    let { A, B, C, D, E, F, G, H } = this;
    return [A, B, C, D, E, F, G, H];
  }
  // prettier-ignore
  set(A, B, C, D, E, F, G, H) {
    this.A = A | 0, this.B = B | 0, this.C = C | 0, this.D = D | 0, this.E = E | 0, this.F = F | 0, this.G = G | 0, this.H = H | 0;
  }
  _cloneInto(to) {
    return (to ||= new this.constructor()).set(...this.get()), this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA256_W[i] = view.getUint32(offset, !1);
    for (let i = 16; i < 64; i++) {
      let W15 = SHA256_W[i - 15], W2 = SHA256_W[i - 2], s0 = rotr(W15, 7) ^ rotr(W15, 18) ^ W15 >>> 3, s1 = rotr(W2, 17) ^ rotr(W2, 19) ^ W2 >>> 10;
      SHA256_W[i] = s1 + SHA256_W[i - 7] + s0 + SHA256_W[i - 16] | 0;
    }
    let { A, B, C, D, E, F, G, H } = this;
    for (let i = 0; i < 64; i++) {
      let sigma1 = rotr(E, 6) ^ rotr(E, 11) ^ rotr(E, 25), T1 = H + sigma1 + Chi(E, F, G) + SHA256_K[i] + SHA256_W[i] | 0, T2 = (rotr(A, 2) ^ rotr(A, 13) ^ rotr(A, 22)) + Maj(A, B, C) | 0;
      H = G, G = F, F = E, E = D + T1 | 0, D = C, C = B, B = A, A = T1 + T2 | 0;
    }
    A = A + this.A | 0, B = B + this.B | 0, C = C + this.C | 0, D = D + this.D | 0, E = E + this.E | 0, F = F + this.F | 0, G = G + this.G | 0, H = H + this.H | 0, this.set(A, B, C, D, E, F, G, H);
  }
  roundClean() {
    clean(SHA256_W);
  }
  destroy() {
    this.destroyed = !0, this.set(0, 0, 0, 0, 0, 0, 0, 0), clean(this.buffer);
  }
}, _SHA256 = class extends SHA2_32B {
  constructor() {
    super(32, SHA256_IV);
  }
};
var K512 = split([
  "0x428a2f98d728ae22",
  "0x7137449123ef65cd",
  "0xb5c0fbcfec4d3b2f",
  "0xe9b5dba58189dbbc",
  "0x3956c25bf348b538",
  "0x59f111f1b605d019",
  "0x923f82a4af194f9b",
  "0xab1c5ed5da6d8118",
  "0xd807aa98a3030242",
  "0x12835b0145706fbe",
  "0x243185be4ee4b28c",
  "0x550c7dc3d5ffb4e2",
  "0x72be5d74f27b896f",
  "0x80deb1fe3b1696b1",
  "0x9bdc06a725c71235",
  "0xc19bf174cf692694",
  "0xe49b69c19ef14ad2",
  "0xefbe4786384f25e3",
  "0x0fc19dc68b8cd5b5",
  "0x240ca1cc77ac9c65",
  "0x2de92c6f592b0275",
  "0x4a7484aa6ea6e483",
  "0x5cb0a9dcbd41fbd4",
  "0x76f988da831153b5",
  "0x983e5152ee66dfab",
  "0xa831c66d2db43210",
  "0xb00327c898fb213f",
  "0xbf597fc7beef0ee4",
  "0xc6e00bf33da88fc2",
  "0xd5a79147930aa725",
  "0x06ca6351e003826f",
  "0x142929670a0e6e70",
  "0x27b70a8546d22ffc",
  "0x2e1b21385c26c926",
  "0x4d2c6dfc5ac42aed",
  "0x53380d139d95b3df",
  "0x650a73548baf63de",
  "0x766a0abb3c77b2a8",
  "0x81c2c92e47edaee6",
  "0x92722c851482353b",
  "0xa2bfe8a14cf10364",
  "0xa81a664bbc423001",
  "0xc24b8b70d0f89791",
  "0xc76c51a30654be30",
  "0xd192e819d6ef5218",
  "0xd69906245565a910",
  "0xf40e35855771202a",
  "0x106aa07032bbd1b8",
  "0x19a4c116b8d2d0c8",
  "0x1e376c085141ab53",
  "0x2748774cdf8eeb99",
  "0x34b0bcb5e19b48a8",
  "0x391c0cb3c5c95a63",
  "0x4ed8aa4ae3418acb",
  "0x5b9cca4f7763e373",
  "0x682e6ff3d6b2b8a3",
  "0x748f82ee5defb2fc",
  "0x78a5636f43172f60",
  "0x84c87814a1f0ab72",
  "0x8cc702081a6439ec",
  "0x90befffa23631e28",
  "0xa4506cebde82bde9",
  "0xbef9a3f7b2c67915",
  "0xc67178f2e372532b",
  "0xca273eceea26619c",
  "0xd186b8c721c0c207",
  "0xeada7dd6cde0eb1e",
  "0xf57d4f7fee6ed178",
  "0x06f067aa72176fba",
  "0x0a637dc5a2c898a6",
  "0x113f9804bef90dae",
  "0x1b710b35131c471b",
  "0x28db77f523047d84",
  "0x32caab7b40c72493",
  "0x3c9ebe0a15c9bebc",
  "0x431d67c49c100d4c",
  "0x4cc5d4becb3e42b6",
  "0x597f299cfc657e2a",
  "0x5fcb6fab3ad6faec",
  "0x6c44198c4a475817"
].map((n) => BigInt(n))), SHA512_Kh = K512[0], SHA512_Kl = K512[1], SHA512_W_H = /* @__PURE__ */ new Uint32Array(80), SHA512_W_L = /* @__PURE__ */ new Uint32Array(80), SHA2_64B = class extends HashMD {
  // We cannot use array here since array allows indexing by variable
  // which means optimizer/compiler cannot use registers.
  // h -- high 32 bits, l -- low 32 bits
  // Numeric initializers matter: starting the fields as `undefined` changes
  // V8's field representation and slows hashing down (measured on sha256).
  Ah = 0;
  Al = 0;
  Bh = 0;
  Bl = 0;
  Ch = 0;
  Cl = 0;
  Dh = 0;
  Dl = 0;
  Eh = 0;
  El = 0;
  Fh = 0;
  Fl = 0;
  Gh = 0;
  Gl = 0;
  Hh = 0;
  Hl = 0;
  constructor(outputLen, IV) {
    super(128, outputLen, 16, !1), this.Ah = IV[0] | 0, this.Al = IV[1] | 0, this.Bh = IV[2] | 0, this.Bl = IV[3] | 0, this.Ch = IV[4] | 0, this.Cl = IV[5] | 0, this.Dh = IV[6] | 0, this.Dl = IV[7] | 0, this.Eh = IV[8] | 0, this.El = IV[9] | 0, this.Fh = IV[10] | 0, this.Fl = IV[11] | 0, this.Gh = IV[12] | 0, this.Gl = IV[13] | 0, this.Hh = IV[14] | 0, this.Hl = IV[15] | 0;
  }
  // prettier-ignore
  get() {
    let { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    return [Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl];
  }
  // prettier-ignore
  set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl) {
    this.Ah = Ah | 0, this.Al = Al | 0, this.Bh = Bh | 0, this.Bl = Bl | 0, this.Ch = Ch | 0, this.Cl = Cl | 0, this.Dh = Dh | 0, this.Dl = Dl | 0, this.Eh = Eh | 0, this.El = El | 0, this.Fh = Fh | 0, this.Fl = Fl | 0, this.Gh = Gh | 0, this.Gl = Gl | 0, this.Hh = Hh | 0, this.Hl = Hl | 0;
  }
  _cloneInto(to) {
    return (to ||= new this.constructor()).set(...this.get()), this._cloneIntoMeta(to);
  }
  process(view, offset) {
    for (let i = 0; i < 16; i++, offset += 4)
      SHA512_W_H[i] = view.getUint32(offset), SHA512_W_L[i] = view.getUint32(offset += 4);
    for (let i = 16; i < 80; i++) {
      let W15h = SHA512_W_H[i - 15] | 0, W15l = SHA512_W_L[i - 15] | 0, s0h = rotrSH(W15h, W15l, 1) ^ rotrSH(W15h, W15l, 8) ^ shrSH(W15h, W15l, 7), s0l = rotrSL(W15h, W15l, 1) ^ rotrSL(W15h, W15l, 8) ^ shrSL(W15h, W15l, 7), W2h = SHA512_W_H[i - 2] | 0, W2l = SHA512_W_L[i - 2] | 0, s1h = rotrSH(W2h, W2l, 19) ^ rotrBH(W2h, W2l, 61) ^ shrSH(W2h, W2l, 6), s1l = rotrSL(W2h, W2l, 19) ^ rotrBL(W2h, W2l, 61) ^ shrSL(W2h, W2l, 6), SUMl = add4L(s0l, s1l, SHA512_W_L[i - 7], SHA512_W_L[i - 16]), SUMh = add4H(SUMl, s0h, s1h, SHA512_W_H[i - 7], SHA512_W_H[i - 16]);
      SHA512_W_H[i] = SUMh | 0, SHA512_W_L[i] = SUMl | 0;
    }
    let { Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl } = this;
    for (let i = 0; i < 80; i++) {
      let sigma1h = rotrSH(Eh, El, 14) ^ rotrSH(Eh, El, 18) ^ rotrBH(Eh, El, 41), sigma1l = rotrSL(Eh, El, 14) ^ rotrSL(Eh, El, 18) ^ rotrBL(Eh, El, 41), CHIh = Eh & Fh ^ ~Eh & Gh, CHIl = El & Fl ^ ~El & Gl, T1ll = add5L(Hl, sigma1l, CHIl, SHA512_Kl[i], SHA512_W_L[i]), T1h = add5H(T1ll, Hh, sigma1h, CHIh, SHA512_Kh[i], SHA512_W_H[i]), T1l = T1ll | 0, sigma0h = rotrSH(Ah, Al, 28) ^ rotrBH(Ah, Al, 34) ^ rotrBH(Ah, Al, 39), sigma0l = rotrSL(Ah, Al, 28) ^ rotrBL(Ah, Al, 34) ^ rotrBL(Ah, Al, 39), MAJh = Ah & Bh ^ Ah & Ch ^ Bh & Ch, MAJl = Al & Bl ^ Al & Cl ^ Bl & Cl;
      Hh = Gh | 0, Hl = Gl | 0, Gh = Fh | 0, Gl = Fl | 0, Fh = Eh | 0, Fl = El | 0, { h: Eh, l: El } = add(Dh | 0, Dl | 0, T1h | 0, T1l | 0), Dh = Ch | 0, Dl = Cl | 0, Ch = Bh | 0, Cl = Bl | 0, Bh = Ah | 0, Bl = Al | 0;
      let All = add3L(T1l, sigma0l, MAJl);
      Ah = add3H(All, T1h, sigma0h, MAJh), Al = All | 0;
    }
    ({ h: Ah, l: Al } = add(this.Ah | 0, this.Al | 0, Ah | 0, Al | 0)), { h: Bh, l: Bl } = add(this.Bh | 0, this.Bl | 0, Bh | 0, Bl | 0), { h: Ch, l: Cl } = add(this.Ch | 0, this.Cl | 0, Ch | 0, Cl | 0), { h: Dh, l: Dl } = add(this.Dh | 0, this.Dl | 0, Dh | 0, Dl | 0), { h: Eh, l: El } = add(this.Eh | 0, this.El | 0, Eh | 0, El | 0), { h: Fh, l: Fl } = add(this.Fh | 0, this.Fl | 0, Fh | 0, Fl | 0), { h: Gh, l: Gl } = add(this.Gh | 0, this.Gl | 0, Gh | 0, Gl | 0), { h: Hh, l: Hl } = add(this.Hh | 0, this.Hl | 0, Hh | 0, Hl | 0), this.set(Ah, Al, Bh, Bl, Ch, Cl, Dh, Dl, Eh, El, Fh, Fl, Gh, Gl, Hh, Hl);
  }
  roundClean() {
    clean(SHA512_W_H, SHA512_W_L);
  }
  destroy() {
    this.destroyed = !0, clean(this.buffer), this.set(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);
  }
}, _SHA512 = class extends SHA2_64B {
  constructor() {
    super(64, SHA512_IV);
  }
};
var sha256 = /* @__PURE__ */ createHasher(
  () => new _SHA256(),
  /* @__PURE__ */ oidNist(1)
);
var sha512 = /* @__PURE__ */ createHasher(
  () => new _SHA512(),
  /* @__PURE__ */ oidNist(3)
);

// ../node_modules/@noble/curves/utils.js
function aarray(item, title, inner = () => {
}) {
  if (!Array.isArray(item))
    throw new TypeError(`"${title}" expected array, got type=${typeof item}`);
  for (let i = 0; i < item.length; i++)
    inner(item[i], `${title}[${i}]`);
  return item;
}
var abytes2 = (value, length, title) => abytes(value, length, title), anumber2 = anumber;
function astring(value, title = "") {
  if (typeof value != "string") {
    let prefix = title && `"${title}" `;
    throw new TypeError(prefix + "expected string, got type=" + typeof value);
  }
  return value;
}
function aobject2(value, title = "object") {
  if (value === null || typeof value != "object" || Array.isArray(value))
    throw new TypeError(title === "object" ? "expected valid options object" : `"${title}" expected object, got type=${typeof value}`);
  return value;
}
function afunction(value, title) {
  if (typeof value != "function")
    throw new TypeError(`"${title}" is invalid: expected function, got ${typeof value}`);
  return value;
}
var bytesToHex2 = bytesToHex, concatBytes2 = (...arrays) => concatBytes(...arrays), hexToBytes2 = (hex) => hexToBytes(hex), isBytes2 = isBytes, randomBytes2 = (bytesLength) => randomBytes(bytesLength), _0n = /* @__PURE__ */ BigInt(0), _1n = /* @__PURE__ */ BigInt(1), atitle2 = (title) => title ? `"${title}" ` : "";
function abool(value, title = "") {
  if (typeof value != "boolean")
    throw new TypeError(atitle2(title) + "expected boolean, got type=" + typeof value);
  return value;
}
function abignumber(n) {
  if (typeof n == "bigint") {
    if (!isPosBig(n))
      throw new RangeError("positive bigint expected, got " + n);
  } else
    anumber2(n);
  return n;
}
function asafenumber(value, title = "") {
  if (typeof value != "number") {
    let prefix = title && `"${title}" `;
    throw new TypeError(prefix + "expected number, got type=" + typeof value);
  }
  if (!Number.isSafeInteger(value)) {
    let prefix = title && `"${title}" `;
    throw new RangeError(prefix + "expected safe integer, got " + value);
  }
}
function numberToHexUnpadded(num2) {
  let hex = abignumber(num2).toString(16);
  return hex.length & 1 ? "0" + hex : hex;
}
function hexToNumber(hex) {
  if (typeof hex != "string")
    throw new TypeError("hex string expected, got " + typeof hex);
  return hex === "" ? _0n : BigInt("0x" + hex);
}
function bytesToNumberBE(bytes) {
  return hexToNumber(bytesToHex(bytes));
}
function bytesToNumberLE(bytes) {
  return hexToNumber(bytesToHex(copyBytes(abytes(bytes)).reverse()));
}
function numberToBytesBE(n, len) {
  if (anumber(len), len === 0)
    throw new Error("zero output length is invalid");
  n = abignumber(n);
  let expectedLen = len * 2, hex = n.toString(16);
  if (hex.length > expectedLen)
    throw new RangeError("number is too large");
  return hexToBytes(hex.padStart(expectedLen, "0"));
}
function numberToBytesLE(n, len) {
  return numberToBytesBE(n, len).reverse();
}
function copyBytes(bytes) {
  return Uint8Array.from(abytes2(bytes));
}
function asciiToBytes(ascii) {
  if (typeof ascii != "string")
    throw new TypeError("ascii string expected, got " + typeof ascii);
  return Uint8Array.from(ascii, (c, i) => {
    let charCode = c.charCodeAt(0);
    if (c.length !== 1 || charCode > 127)
      throw new RangeError(`string contains non-ASCII character "${ascii[i]}" with code ${charCode} at position ${i}`);
    return charCode;
  });
}
function isPosBig(n) {
  return typeof n == "bigint" && _0n <= n;
}
function inRange(n, min, max) {
  return isPosBig(n) && isPosBig(min) && isPosBig(max) && min <= n && n < max;
}
function aInRange(title, n, min, max) {
  if (!inRange(n, min, max))
    throw new RangeError("expected valid " + title + ": " + min + " <= n < " + max + ", got " + n);
}
function bitLen(n) {
  if (n < _0n)
    throw new Error("expected non-negative bigint, got " + n);
  return n === _0n ? 0 : n.toString(2).length;
}
var bitMask = (n) => (asafenumber(n, "n"), (_1n << BigInt(n)) - _1n);
function createHmacDrbg(hashLen, qByteLen, hmacFn) {
  if (anumber(hashLen, "hashLen"), anumber(qByteLen, "qByteLen"), typeof hmacFn != "function")
    throw new TypeError("hmacFn must be a function");
  let u8n = (len) => new Uint8Array(len), NULL = Uint8Array.of(), byte0 = Uint8Array.of(0), byte1 = Uint8Array.of(1), _maxDrbgIters = 1e3, v = u8n(hashLen), k = u8n(hashLen), i = 0, reset = () => {
    v.fill(1), k.fill(0), i = 0;
  }, h = (...msgs) => hmacFn(k, concatBytes2(v, ...msgs)), reseed = (seed = NULL) => {
    k = h(byte0, seed), v = h(), seed.length !== 0 && (k = h(byte1, seed), v = h());
  }, gen = () => {
    if (i++ >= _maxDrbgIters)
      throw new Error("drbg: tried max amount of iterations");
    let len = 0, out = [];
    for (; len < qByteLen; ) {
      v = h();
      let sl = v.slice();
      out.push(sl), len += v.length;
    }
    return concatBytes2(...out);
  };
  return (seed, pred) => {
    reset(), reseed(seed);
    let res;
    for (; (res = pred(gen())) === void 0; )
      reseed();
    return reset(), res;
  };
}
function validateObject(object, fields = {}, optFields = {}, title = "object") {
  aobject2(object, title), aobject2(fields, "fields"), aobject2(optFields, "optFields");
  function checkField(fieldName, expectedType, isOpt) {
    let label = title === "object" ? `param "${String(fieldName)}"` : `"${title}.${String(fieldName)}"`, val = object[fieldName];
    if (!Object.hasOwn(object, fieldName) && (isOpt ? val !== void 0 : expectedType !== "function"))
      throw new TypeError(`${label} is invalid: expected own property`);
    if (isOpt && val === void 0)
      return;
    let current = typeof val;
    if (current !== expectedType || val === null)
      throw new TypeError(`${label} is invalid: expected ${expectedType}, got ${current}`);
  }
  let iter = (f, isOpt) => Object.entries(f).forEach(([k, v]) => checkField(k, v, isOpt));
  iter(fields, !1), iter(optFields, !0);
}

// ../node_modules/@noble/curves/abstract/modular.js
var _0n2 = /* @__PURE__ */ BigInt(0), _1n2 = /* @__PURE__ */ BigInt(1), _2n = /* @__PURE__ */ BigInt(2), _3n = /* @__PURE__ */ BigInt(3), _4n = /* @__PURE__ */ BigInt(4), _5n = /* @__PURE__ */ BigInt(5), _7n = /* @__PURE__ */ BigInt(7), _8n = /* @__PURE__ */ BigInt(8), _9n = /* @__PURE__ */ BigInt(9), _15n = /* @__PURE__ */ BigInt(15), _16n = /* @__PURE__ */ BigInt(16), POW_WINDOWED_MIN = /* @__PURE__ */ BigInt("0x10000000000000000");
function mod(a, b) {
  if (b <= _0n2)
    throw new Error("mod: expected positive modulus, got " + b);
  let result = a % b;
  return result >= _0n2 ? result : b + result;
}
function pow(num2, power, modulo) {
  if (modulo <= _1n2)
    throw new Error("pow: expected modulus > 1, got " + modulo);
  if (typeof power != "bigint")
    throw new TypeError("invalid exponent: expected bigint, got " + typeof power);
  if (power < _0n2)
    throw new Error("invalid exponent, negatives unsupported");
  if (power === _0n2)
    return _1n2;
  if (power === _1n2)
    return num2;
  let d = num2 % modulo;
  if (d < _0n2 && (d += modulo), power < POW_WINDOWED_MIN) {
    let p2 = _1n2;
    for (; power > _0n2; )
      power & _1n2 && (p2 = p2 * d % modulo), d = d * d % modulo, power >>= _1n2;
    return p2;
  }
  let digits = [];
  for (; power > _0n2; )
    digits.push(Number(power & _15n)), power >>= _4n;
  let table = new Array(16);
  table[0] = _1n2, table[1] = d;
  for (let i = 2; i < 16; i++)
    table[i] = table[i - 1] * d % modulo;
  let p = table[digits[digits.length - 1]];
  for (let w = digits.length - 2; w >= 0; w--) {
    p = p * p % modulo, p = p * p % modulo, p = p * p % modulo, p = p * p % modulo;
    let digit = digits[w];
    digit !== 0 && (p = p * table[digit] % modulo);
  }
  return p;
}
function pow2(x, power, modulo) {
  if (modulo <= _1n2)
    throw new Error("pow2: expected modulus > 1, got " + modulo);
  if (power < _0n2)
    throw new Error("pow2: expected non-negative exponent, got " + power);
  let res = x;
  for (; power-- > _0n2; )
    res *= res, res %= modulo;
  return res;
}
function invert(number, modulo) {
  if (number === _0n2)
    throw new Error("invert: expected non-zero number");
  if (modulo <= _1n2)
    throw new Error("invert: expected modulus > 1, got " + modulo);
  let a = mod(number, modulo), b = modulo, x = _0n2, u = _1n2;
  for (; a !== _0n2; ) {
    let q = b / a, r = b - a * q, m = x - u * q;
    b = a, a = r, x = u, u = m;
  }
  if (b !== _1n2)
    throw new Error("invert: does not exist");
  return mod(x, modulo);
}
function invertCt(a, prime) {
  if (prime <= _1n2)
    throw new Error("invertCt: expected prime modulus > 1, got " + prime);
  let an = mod(a, prime);
  if (an === _0n2)
    throw new Error("invertCt: expected non-zero number");
  let inverse = pow(an, prime - _2n, prime);
  if (mod(an * inverse, prime) !== _1n2)
    throw new Error("invertCt: does not exist");
  return inverse;
}
function assertIsSquare(Fp2, root, n) {
  let F = Fp2;
  if (!F.eql(F.sqr(root), n))
    throw new Error("Cannot find square root");
}
function aoddModulus(order, fnName) {
  if ((order & _1n2) === _0n2)
    throw new Error(fnName + ": expected odd modulus, got " + order);
}
function sqrt3mod4(Fp2, n) {
  let F = Fp2, p1div4 = (F.ORDER + _1n2) / _4n, root = F.pow(n, p1div4);
  return assertIsSquare(F, root, n), root;
}
function sqrt5mod8(Fp2, n) {
  let F = Fp2, p5div8 = (F.ORDER - _5n) / _8n, n2 = F.mul(n, _2n), v = F.pow(n2, p5div8), nv = F.mul(n, v), i = F.mul(F.mul(nv, _2n), v), root = F.mul(nv, F.sub(i, F.ONE));
  return assertIsSquare(F, root, n), root;
}
function sqrt9mod16(P) {
  let Fp_ = Field(P), tn = tonelliShanks(P), c1 = tn(Fp_, Fp_.neg(Fp_.ONE)), c2 = tn(Fp_, c1), c3 = tn(Fp_, Fp_.neg(c1)), c4 = (P + _7n) / _16n;
  return ((Fp2, n) => {
    let F = Fp2, tv1 = F.pow(n, c4), tv2 = F.mul(tv1, c1), tv3 = F.mul(tv1, c2), tv4 = F.mul(tv1, c3), e1 = F.eql(F.sqr(tv2), n), e2 = F.eql(F.sqr(tv3), n);
    tv1 = F.cmov(tv1, tv2, e1), tv2 = F.cmov(tv4, tv3, e2);
    let e3 = F.eql(F.sqr(tv2), n), root = F.cmov(tv1, tv2, e3);
    return assertIsSquare(F, root, n), root;
  });
}
function tonelliShanks(P) {
  if (P < _3n)
    throw new Error("sqrt is not defined for small field");
  aoddModulus(P, "tonelliShanks");
  let Q = P - _1n2, S = 0;
  for (; Q % _2n === _0n2; )
    Q /= _2n, S++;
  let Z = _2n, _Fp = Field(P);
  for (; FpLegendre(_Fp, Z) === 1; )
    if (Z++ > 1e3)
      throw new Error("Cannot find square root: probably non-prime P");
  if (S === 1)
    return sqrt3mod4;
  let cc = _Fp.pow(Z, Q), Q1div2 = (Q + _1n2) / _2n;
  return function(Fp2, n) {
    let F = Fp2;
    if (F.is0(n))
      return n;
    if (FpLegendre(F, n) !== 1)
      throw new Error("Cannot find square root");
    let M = S, c = F.mul(F.ONE, cc), t = F.pow(n, Q), R = F.pow(n, Q1div2);
    for (; !F.eql(t, F.ONE); ) {
      if (F.is0(t))
        throw new Error("Cannot find square root: probably non-prime P");
      let i = 1, t_tmp = F.sqr(t);
      for (; !F.eql(t_tmp, F.ONE); )
        if (i++, t_tmp = F.sqr(t_tmp), i === M)
          throw new Error("Cannot find square root");
      let exponent = _1n2 << BigInt(M - i - 1), b = F.pow(c, exponent);
      M = i, c = F.sqr(b), t = F.mul(t, c), R = F.mul(R, b);
    }
    return R;
  };
}
function FpSqrt(P) {
  return aoddModulus(P, "Fp.sqrt"), P % _4n === _3n ? sqrt3mod4 : P % _8n === _5n ? sqrt5mod8 : P % _16n === _9n ? sqrt9mod16(P) : tonelliShanks(P);
}
var isNegativeLE = (num2, modulo) => (mod(num2, modulo) & _1n2) === _1n2, FIELD_FIELDS = [
  "create",
  "isValid",
  "is0",
  "neg",
  "inv",
  "sqrt",
  "sqr",
  "eql",
  "add",
  "sub",
  "mul",
  "pow",
  "div",
  "addN",
  "subN",
  "mulN",
  "sqrN"
];
function validateField(field) {
  if (aobject2(field, "field"), typeof field.ORDER != "bigint")
    throw new TypeError('param "ORDER" is invalid: expected bigint, got ' + typeof field.ORDER);
  asafenumber(field.BYTES, "BYTES"), asafenumber(field.BITS, "BITS");
  for (let name of FIELD_FIELDS)
    afunction(field[name], "field." + name);
  if (field.BYTES < 1 || field.BITS < 1)
    throw new Error("invalid field: expected BYTES/BITS > 0");
  if (field.ORDER <= _1n2)
    throw new Error("invalid field: expected ORDER > 1, got " + field.ORDER);
  return field;
}
function FpInvertBatch(Fp2, nums, passZero = !1) {
  validateField(Fp2), aarray(nums, "nums"), abool(passZero, "passZero");
  let F = Fp2, inverted = new Array(nums.length).fill(passZero ? F.ZERO : void 0), multipliedAcc = nums.reduce((acc, num2, i) => F.is0(num2) ? acc : (inverted[i] = acc, F.mul(acc, num2)), F.ONE), invertedAcc = F.inv(multipliedAcc);
  return nums.reduceRight((acc, num2, i) => F.is0(num2) ? acc : (inverted[i] = F.mul(acc, inverted[i]), F.mul(acc, num2)), invertedAcc), inverted;
}
function FpLegendre(Fp2, n) {
  validateField(Fp2);
  let F = Fp2;
  aoddModulus(F.ORDER, "FpLegendre");
  let p1mod2 = (F.ORDER - _1n2) / _2n, powered = F.pow(n, p1mod2), yes = F.eql(powered, F.ONE), zero = F.eql(powered, F.ZERO), no = F.eql(powered, F.neg(F.ONE));
  if (!yes && !zero && !no)
    throw new Error("invalid Legendre symbol result");
  return yes ? 1 : zero ? 0 : -1;
}
function nLength(n, nBitLength) {
  if (nBitLength !== void 0 && anumber2(nBitLength), n <= _0n2)
    throw new Error("invalid n length: expected positive n, got " + n);
  if (nBitLength !== void 0 && nBitLength < 1)
    throw new Error("invalid n length: expected positive bit length, got " + nBitLength);
  let bits = bitLen(n);
  if (nBitLength !== void 0 && nBitLength < bits)
    throw new Error(`invalid n length: expected nBitLength (${nBitLength}) >= bitLen(n) (${bits})`);
  let _nBitLength = nBitLength !== void 0 ? nBitLength : bits, nByteLength = Math.ceil(_nBitLength / 8);
  return { nBitLength: _nBitLength, nByteLength };
}
var FIELD_SQRT = /* @__PURE__ */ new WeakMap(), _Field = class {
  ORDER;
  BITS;
  BYTES;
  isLE;
  ZERO = _0n2;
  ONE = _1n2;
  _lengths;
  _mod;
  constructor(ORDER2, opts = {}) {
    if (ORDER2 <= _1n2)
      throw new Error("invalid field: expected ORDER > 1, got " + ORDER2);
    let _nbitLength;
    this.isLE = !1, opts != null && typeof opts == "object" && (typeof opts.BITS == "number" && (_nbitLength = opts.BITS), typeof opts.sqrt == "function" && Object.defineProperty(this, "sqrt", { value: opts.sqrt, enumerable: !0 }), typeof opts.isLE == "boolean" && (this.isLE = opts.isLE), opts.allowedLengths && (this._lengths = Object.freeze(opts.allowedLengths.slice())), typeof opts.modFromBytes == "boolean" && (this._mod = opts.modFromBytes));
    let { nBitLength, nByteLength } = nLength(ORDER2, _nbitLength);
    if (nByteLength > 2048)
      throw new Error("invalid field: expected ORDER of <= 2048 bytes");
    this.ORDER = ORDER2, this.BITS = nBitLength, this.BYTES = nByteLength, Object.freeze(this);
  }
  create(num2) {
    return mod(num2, this.ORDER);
  }
  isValid(num2) {
    if (typeof num2 != "bigint")
      throw new TypeError("invalid field element: expected bigint, got " + typeof num2);
    return _0n2 <= num2 && num2 < this.ORDER;
  }
  is0(num2) {
    return num2 === _0n2;
  }
  // is valid and invertible
  isValidNot0(num2) {
    return !this.is0(num2) && this.isValid(num2);
  }
  isOdd(num2) {
    return (num2 & _1n2) === _1n2;
  }
  neg(num2) {
    return mod(-num2, this.ORDER);
  }
  eql(lhs, rhs) {
    return lhs === rhs;
  }
  sqr(num2) {
    return mod(num2 * num2, this.ORDER);
  }
  add(lhs, rhs) {
    return mod(lhs + rhs, this.ORDER);
  }
  sub(lhs, rhs) {
    return mod(lhs - rhs, this.ORDER);
  }
  mul(lhs, rhs) {
    return mod(lhs * rhs, this.ORDER);
  }
  pow(num2, power) {
    return pow(num2, power, this.ORDER);
  }
  div(lhs, rhs) {
    return mod(lhs * invert(rhs, this.ORDER), this.ORDER);
  }
  // Same as above, but doesn't normalize
  sqrN(num2) {
    return num2 * num2;
  }
  addN(lhs, rhs) {
    return lhs + rhs;
  }
  subN(lhs, rhs) {
    return lhs - rhs;
  }
  mulN(lhs, rhs) {
    return lhs * rhs;
  }
  inv(num2) {
    return invert(num2, this.ORDER);
  }
  sqrt(num2) {
    let sqrt = FIELD_SQRT.get(this);
    return sqrt || FIELD_SQRT.set(this, sqrt = FpSqrt(this.ORDER)), sqrt(this, num2);
  }
  toBytes(num2) {
    return this.isLE ? numberToBytesLE(num2, this.BYTES) : numberToBytesBE(num2, this.BYTES);
  }
  fromBytes(bytes, skipValidation = !1) {
    abytes2(bytes);
    let { _lengths: allowedLengths, BYTES, isLE, ORDER: ORDER2, _mod: modFromBytes } = this;
    if (allowedLengths) {
      if (bytes.length < 1 || !allowedLengths.includes(bytes.length) || bytes.length > BYTES)
        throw new Error("Field.fromBytes: expected " + allowedLengths + " bytes, got " + bytes.length);
      let padded = new Uint8Array(BYTES);
      padded.set(bytes, isLE ? 0 : padded.length - bytes.length), bytes = padded;
    }
    if (bytes.length !== BYTES)
      throw new Error("Field.fromBytes: expected " + BYTES + " bytes, got " + bytes.length);
    let scalar = isLE ? bytesToNumberLE(bytes) : bytesToNumberBE(bytes);
    if (modFromBytes && (scalar = mod(scalar, ORDER2)), !skipValidation && !this.isValid(scalar))
      throw new Error("invalid field element: outside of range 0..ORDER");
    return scalar;
  }
  // TODO: we don't need it here, move out to separate fn
  invertBatch(lst) {
    return FpInvertBatch(this, lst, !0);
  }
  // We can't move this out because Fp6, Fp12 implement it
  // and it's unclear what to return in there.
  cmov(a, b, condition) {
    return abool(condition, "condition"), condition ? b : a;
  }
};
function Field(ORDER2, opts = {}) {
  return Object.freeze(_Field.prototype), new _Field(ORDER2, opts);
}
function getFieldBytesLength(fieldOrder) {
  if (typeof fieldOrder != "bigint")
    throw new Error("field order must be bigint");
  if (fieldOrder <= _1n2)
    throw new Error("field order must be greater than 1");
  let bitLength = bitLen(fieldOrder - _1n2);
  return Math.ceil(bitLength / 8);
}
function getMinHashLength(fieldOrder) {
  let length = getFieldBytesLength(fieldOrder);
  return length + Math.ceil(length / 2);
}
function mapHashToField(key2, fieldOrder, isLE = !1) {
  abytes2(key2);
  let len = key2.length, fieldLen = getFieldBytesLength(fieldOrder), minLen = Math.max(getMinHashLength(fieldOrder), 16);
  if (len < minLen || len > 1024)
    throw new Error("expected " + minLen + "-1024 bytes of input, got " + len);
  let num2 = isLE ? bytesToNumberLE(key2) : bytesToNumberBE(key2), reduced = mod(num2, fieldOrder - _1n2) + _1n2;
  return isLE ? numberToBytesLE(reduced, fieldLen) : numberToBytesBE(reduced, fieldLen);
}

// ../node_modules/@noble/curves/abstract/curve.js
var _0n3 = /* @__PURE__ */ BigInt(0), _1n3 = /* @__PURE__ */ BigInt(1), _4n2 = /* @__PURE__ */ BigInt(4), BLIND_BYTES = 16, BLIND_BITS = 128, FW_WINDOW = 5, TABLE_BYTES_MAX = 2 ** 31;
function validatePointCons(Point) {
  let pc = Point;
  if (typeof pc != "function")
    throw new TypeError('"Point" expected constructor, got type=' + typeof Point);
  afunction(pc.fromAffine, "Point.fromAffine"), afunction(pc.fromBytes, "Point.fromBytes"), afunction(pc.fromHex, "Point.fromHex"), aobject2(pc.BASE, "Point.BASE"), aobject2(pc.ZERO, "Point.ZERO"), validateField(pc.Fp), validateField(pc.Fn);
}
function normalizeZ(c, points) {
  validatePointCons(c), validateMSMPoints(points, c);
  let invertedZs = FpInvertBatch(c.Fp, points.map((p) => p.Z));
  return points.map((p, i) => c.fromAffine(p.toAffine(invertedZs[i])));
}
function validateW(W, bits, min = 1) {
  if (!Number.isSafeInteger(W) || W < min || W > bits)
    throw new Error("invalid window size, expected [" + min + ".." + bits + "], got W=" + W);
}
function validateTableBytes(numPoints, fpBytes) {
  let bytes = numPoints * (4 * fpBytes + 128);
  if (bytes > TABLE_BYTES_MAX)
    throw new Error("invalid window size: table would need ~" + Math.ceil(bytes / 2 ** 20) + " MiB, max " + TABLE_BYTES_MAX / 2 ** 20 + " MiB");
}
function probeRandomBytes(randomBytes3, length) {
  if (randomBytes3 !== void 0) {
    afunction(randomBytes3, "randomBytes");
    try {
      let probe = randomBytes3(length);
      if (!isBytes2(probe) || probe.length !== length)
        return;
    } catch {
      return;
    }
    return randomBytes3;
  }
}
function validateMSMPoints(points, c) {
  aarray(points, "points"), points.forEach((p, i) => {
    if (!(p instanceof c))
      throw new Error("invalid point at index " + i);
  });
}
function validateMSMScalars(scalars, field, maxScalar) {
  if (!Array.isArray(scalars))
    throw new Error("array of scalars expected");
  scalars.forEach((s, i) => {
    if (!(maxScalar === void 0 ? field.isValid(s) : isPosBig(s) && s < maxScalar))
      throw new Error("invalid scalar at index " + i);
  });
}
var pointWindowSizes = /* @__PURE__ */ new WeakMap();
function getWindowSize(P) {
  return pointWindowSizes.get(P) || 1;
}
function oddMultiples(p, size) {
  let dbl = p.double(), t = [p];
  for (let j = 1; j < size; j++)
    t.push(t[j - 1].add(dbl));
  return t;
}
function wnafDigits(n, W) {
  let size = 2 ** W, half = size / 2, mask = BigInt(size - 1), d = [];
  for (; n > _0n3; ) {
    let w = 0;
    n & _1n3 && (w = Number(n & mask), w >= half && (w -= size), n -= BigInt(w)), d.push(w), n >>= _1n3;
  }
  return d;
}
function signedWindowDigits(n, W, windows) {
  let size = 2 ** W, half = size / 2, mask = BigInt(size - 1), shiftBy = BigInt(W), d = [];
  for (let w = 0; w < windows; w++) {
    let v = Number(n & mask);
    n >>= shiftBy, v > half && (v -= size, n += _1n3), d.push(v);
  }
  if (n !== _0n3)
    throw new Error("invalid wnaf");
  return d;
}
function wnafWalk(zero, tables, digits) {
  let max = 0;
  for (let d of digits)
    max = Math.max(max, d.length);
  let acc = zero;
  for (let bit = max - 1; bit >= 0; bit--) {
    bit !== max - 1 && (acc = acc.double());
    for (let i = 0; i < digits.length; i++) {
      let w = digits[i][bit];
      if (w) {
        let item = tables[i][Math.abs(w) - 1 >> 1];
        acc = acc.add(w < 0 ? item.negate() : item);
      }
    }
  }
  return acc;
}
var ScalarMultiplier = class {
  Point;
  BASE;
  ZERO;
  randomBytes;
  wnafPrecomputes = /* @__PURE__ */ new WeakMap();
  baseCanBeBlinded;
  bits;
  // Parametrized with a given Point class (not individual point)
  constructor(Point, randomBytes3) {
    validatePointCons(Point), this.randomBytes = probeRandomBytes(randomBytes3, BLIND_BYTES), this.Point = Point, this.BASE = Point.BASE, this.ZERO = Point.ZERO, this.bits = Point.Fn.BITS;
  }
  /**
   * Creates a signed fixed-window wNAF precomputation table: for every window w, the
   * multiples `[1..2^(W−1)]⋅2^(w⋅W)⋅P`, flattened. All doublings are baked into the table,
   * so cached multiplication is additions-only. `windows = ceil(bits/W) + 1`: the extra
   * window absorbs the final carry of signed-digit recoding.
   * For a 256-bit curve and W=6, the table is 44⋅32 = 1408 points.
   * @param point - Point instance
   * @param W - window size
   * @param bits - scalar bitlength the table must cover
   */
  buildWnafTable(point, W, bits) {
    let windows = Math.ceil(bits / W) + 1, half = 2 ** (W - 1), comp = [], base = point;
    for (let w = 0; w < windows; w++) {
      let acc = base;
      for (let i = 0; i < half; i++)
        comp.push(acc), acc = acc.add(base);
      base = comp[comp.length - 1].double();
    }
    return { W, bits, windows, comp };
  }
  /**
   * Implements ec multiplication using precomputed signed fixed-window wNAF tables.
   * Constant-time: fixed window count with one table addition per window — zero digits feed
   * the fake accumulator — and no doublings; the lookup scans the whole window slice.
   * Scalar bounds are validated by the public entry points ({@link ScalarMultiplier.mulCT},
   * {@link ScalarMultiplier.mulCTBlinded}, {@link ScalarMultiplier.mulUnsafe});
   * signedWindowDigits throws if `n` exceeds the table.
   * @returns real and fake (for const-time) points
   */
  wnafCachedCT(precomputes, n) {
    let { W, windows, comp } = precomputes, half = 2 ** (W - 1), digits = signedWindowDigits(n, W, windows), p = this.ZERO, f = this.BASE;
    for (let w = 0; w < windows; w++) {
      let digit = digits[w], start = w * half, idx = Math.abs(digit) - 1, sel = comp[start];
      for (let i = 1; i < half; i++)
        sel = i === idx ? comp[start + i] : sel;
      let neg = sel.negate();
      digit === 0 ? f = f.add(comp[start]) : p = p.add(digit < 0 ? neg : sel);
    }
    return { p, f };
  }
  // Cache key is point identity plus (W, bits); at most two entries exist per point (public-width
  // `Fn.BITS` and blinded `Fn.BITS + BLIND_BITS`). Callers must not reuse the same point with
  // incompatible `transform(...)` layouts and expect a separate cache entry.
  getWnafPrecomputes(W, point, bits, transform) {
    let entries = this.wnafPrecomputes.get(point), comp = entries?.find((entry) => entry.W === W && entry.bits === bits);
    return comp || (comp = this.buildWnafTable(point, W, bits), typeof transform == "function" && (comp = { ...comp, comp: transform(comp.comp) }), entries || (entries = [], this.wnafPrecomputes.set(point, entries)), entries.push(comp)), comp;
  }
  assertPoint(point) {
    if (!(point instanceof this.Point))
      throw new TypeError('"point" expected Point instance, got type=' + typeof point);
  }
  // Shared prologue of the constant-time entry points. Rejects scalar 0: in key/signature-style
  // callers a zero scalar means broken upstream plumbing, and concrete Points already reject it.
  // Uses inRange instead of Fn.isValidNot0: validateField() only certifies the arithmetic subset.
  validateMulInput(point, scalar) {
    if (this.assertPoint(point), !inRange(scalar, _1n3, this.Point.Fn.ORDER))
      throw new Error("invalid scalar");
  }
  // Constant-time dispatch shared by mulCT / mulCTBlinded. Un-precomputed points (W===1, e.g.
  // ECDH peer keys) skip building a throwaway cached table in favor of a small fixed-window
  // multiply. `n` must be < 2^bits.
  runCT(point, n, bits, transform) {
    let W = getWindowSize(point);
    return W === 1 ? this.fixedWindowCT(point, n, bits) : this.wnafCachedCT(this.getWnafPrecomputes(W, point, bits, transform), n);
  }
  mulCT(point, scalar, transform) {
    return this.validateMulInput(point, scalar), this.runCT(point, scalar, this.bits, transform);
  }
  mulCTBlinded(point, scalar, transform) {
    if (this.validateMulInput(point, scalar), this.randomBytes === void 0)
      throw new Error("randomBytes is required for scalar blinding");
    let bits = this.Point.Fn.BITS + BLIND_BITS, blind = this.randomBytes(BLIND_BYTES);
    if (!isBytes2(blind) || blind.length !== BLIND_BYTES)
      throw new Error("randomBytes returned invalid byte array");
    blind[0] = blind[0] & 63 | 128;
    let n = scalar + bytesToNumberBE(blind) * this.Point.Fn.ORDER;
    return this.runCT(point, n, bits, transform);
  }
  /**
   * Constant-time multiplication `n*point` for an un-precomputed point, via a small fixed window.
   * A cached wNAF table only pays off when reused; a flat 2^FW_WINDOW table (`size-1` adds) is
   * far cheaper to build for a single use. The point-operation sequence is independent of `n`:
   * build the table, then per window exactly FW_WINDOW doublings, a data-oblivious scan over
   * every table entry, and one addition (adds the identity when the window digit is 0 — never
   * skipped).
   *
   * `n` must be `< 2^bits`. Assumes complete addition (adding the identity costs the same as any
   * add), which holds for the Weierstrass/Edwards point types used here. The table is left in
   * projective form (no normalizeZ): normalizing this small a table costs more than the
   * mixed-add savings it would buy for a single multiply.
   * @returns real point `p`; `f` duplicates it only to match {@link wnafCachedCT}'s return shape
   * (this path needs no fake accumulator — its op-count is already scalar-independent).
   */
  fixedWindowCT(point, n, bits) {
    let W = FW_WINDOW, size = 1 << W, mask = bitMask(W), table = new Array(size);
    table[0] = this.ZERO;
    for (let i = 1; i < size; i++)
      table[i] = table[i - 1].add(point);
    let windows = Math.ceil(bits / W), acc = this.ZERO;
    for (let window = windows - 1; window >= 0; window--) {
      if (window !== windows - 1)
        for (let d = 0; d < W; d++)
          acc = acc.double();
      let digit = Number(n >> BigInt(window * W) & mask), sel = table[0];
      for (let i = 1; i < size; i++)
        sel = i === digit ? table[i] : sel;
      acc = acc.add(sel);
    }
    return { p: acc, f: acc };
  }
  shouldBlind(point, cofactor) {
    return this.randomBytes === void 0 ? !1 : cofactor === _1n3 ? !0 : point !== this.BASE ? !1 : (this.baseCanBeBlinded === void 0 && (this.baseCanBeBlinded = this.mulUnsafe(this.BASE, this.Point.Fn.ORDER).is0()), this.baseCanBeBlinded);
  }
  mulSecret(point, scalar, cofactor, transform) {
    return this.shouldBlind(point, cofactor) ? this.mulCTBlinded(point, scalar, transform) : this.mulCT(point, scalar, transform);
  }
  mulUnsafe(point, scalar, transform) {
    if (this.assertPoint(point), !isPosBig(scalar))
      throw new Error("invalid scalar");
    let W = getWindowSize(point);
    if (W === 1 || scalar >= this.Point.Fn.ORDER)
      return mulAddUnsafe(this.Point, [point], [scalar], !0);
    let precomputes = this.getWnafPrecomputes(W, point, this.bits, transform);
    return this.wnafCachedCT(precomputes, scalar).p;
  }
  // Remembers the window size used for precomputed wNAF multiplication of the given point
  // and drops any previously built tables. Usually only the base point is precomputed.
  // W=1 resets the point to the un-precomputed (table-less) paths.
  // W is additionally capped so tables stay under ~2 GiB ({@link TABLE_BYTES_MAX}).
  setWindowSize(point, W) {
    this.assertPoint(point), validateW(W, this.bits);
    let windows = Math.ceil((this.bits + BLIND_BITS) / W) + 1;
    validateTableBytes(windows * 2 ** (W - 1), this.Point.Fp.BYTES), pointWindowSizes.set(point, W), this.wnafPrecomputes.delete(point);
  }
  // True when a window size is set: tables themselves are built lazily on first multiply.
  hasWindowSize(point) {
    return getWindowSize(point) !== 1;
  }
};
function mulAddUnsafe(c, points, scalars, allowOversized = !1) {
  if (validatePointCons(c), validateMSMPoints(points, c), abool(allowOversized, "allowOversized"), validateMSMScalars(scalars, c.Fn, allowOversized ? c.Fn.ORDER ** _4n2 : void 0), points.length !== scalars.length)
    throw new Error("arrays of points and scalars must have equal length");
  let tables = points.map((p) => oddMultiples(p, 4)), digits = scalars.map((n) => wnafDigits(n, 4));
  return wnafWalk(c.ZERO, tables, digits);
}
function createField(order, field, isLE) {
  if (field) {
    if (field.ORDER !== order)
      throw new Error("Field.ORDER must match order: Fp == p, Fn == n");
    return validateField(field), field;
  } else
    return Field(order, { isLE });
}
function createCurveFields(type, CURVE, curveOpts = {}, FpFnLE) {
  if (type !== "weierstrass" && type !== "edwards")
    throw new Error('expected curve type "weierstrass" or "edwards"');
  if (FpFnLE === void 0 && (FpFnLE = type === "edwards"), !CURVE || typeof CURVE != "object")
    throw new Error(`expected valid ${type} CURVE object`);
  validateObject(curveOpts);
  for (let p of ["p", "n", "h"]) {
    let val = CURVE[p];
    if (!(isPosBig(val) && val !== _0n3))
      throw new Error(`CURVE.${p} must be positive bigint`);
  }
  let Fp2 = createField(CURVE.p, curveOpts.Fp, FpFnLE), Fn = createField(CURVE.n, curveOpts.Fn, FpFnLE), params = ["Gx", "Gy", "a", type === "weierstrass" ? "b" : "d"];
  for (let p of params)
    if (!Fp2.isValid(CURVE[p]))
      throw new Error(`CURVE.${p} must be valid field element of CURVE.Fp`);
  return CURVE = Object.freeze(Object.assign({}, CURVE)), { CURVE, Fp: Fp2, Fn };
}
function createKeygen(randomSecretKey, getPublicKey) {
  return function(seed) {
    let secretKey = randomSecretKey(seed);
    return { secretKey, publicKey: getPublicKey(secretKey) };
  };
}

// ../node_modules/@noble/hashes/hmac.js
var _HMAC = class {
  oHash;
  iHash;
  blockLen;
  outputLen;
  canXOF = !1;
  finished = !1;
  destroyed = !1;
  constructor(hash2, key2) {
    if (ahash(hash2), abytes(key2, void 0, "key"), this.iHash = hash2.create(), typeof this.iHash.update != "function")
      throw new Error("expected Hash instance");
    this.blockLen = this.iHash.blockLen, this.outputLen = this.iHash.outputLen;
    let blockLen = this.blockLen, pad = new Uint8Array(blockLen);
    pad.set(key2.length > blockLen ? hash2.create().update(key2).digest() : key2);
    for (let i = 0; i < pad.length; i++)
      pad[i] ^= 54;
    this.iHash.update(pad), this.oHash = hash2.create();
    for (let i = 0; i < pad.length; i++)
      pad[i] ^= 106;
    this.oHash.update(pad), clean(pad);
  }
  update(buf) {
    return aexists(this), this.iHash.update(buf), this;
  }
  digestInto(out) {
    aexists(this), aoutput(out, this), this.finished = !0;
    let buf = out.subarray(0, this.outputLen);
    this.iHash.digestInto(buf), this.oHash.update(buf), this.oHash.digestInto(buf), this.destroy();
  }
  digest() {
    let out = new Uint8Array(this.oHash.outputLen);
    return this.digestInto(out), out;
  }
  _cloneInto(to) {
    to ||= Object.create(Object.getPrototypeOf(this), {});
    let { oHash, iHash, finished, destroyed, blockLen, outputLen, canXOF } = this;
    return to = to, to.finished = finished, to.destroyed = destroyed, to.blockLen = blockLen, to.outputLen = outputLen, to.canXOF = canXOF, to.oHash = oHash._cloneInto(to.oHash), to.iHash = iHash._cloneInto(to.iHash), to;
  }
  clone() {
    return this._cloneInto();
  }
  destroy() {
    this.destroyed = !0, this.oHash.destroy(), this.iHash.destroy();
  }
}, hmac = /* @__PURE__ */ (() => {
  let hmac_ = ((hash2, key2, message) => new _HMAC(hash2, key2).update(message).digest());
  return hmac_.create = (hash2, key2) => new _HMAC(hash2, key2), hmac_;
})();

// ../node_modules/@noble/curves/abstract/der.js
var _0n4 = /* @__PURE__ */ BigInt(0), DERErr = class extends Error {
  constructor(m = "") {
    super(m);
  }
}, _DER = {
  // asn.1 DER encoding utils
  Err: DERErr,
  // Basic building block is TLV (Tag-Length-Value)
  _tlv: {
    encode: (tag, data) => {
      let { Err: E } = _DER;
      if (asafenumber(tag, "tag"), tag < 0 || tag > 255)
        throw new E("tlv.encode: wrong tag");
      if (astring(data, "data"), data.length & 1)
        throw new E("tlv.encode: unpadded data");
      let dataLen = data.length / 2, len = numberToHexUnpadded(dataLen);
      if (len.length / 2 & 128)
        throw new E("tlv.encode: long form length too big");
      let lenLen = dataLen > 127 ? numberToHexUnpadded(len.length / 2 | 128) : "";
      return numberToHexUnpadded(tag) + lenLen + len + data;
    },
    // v - value, l - left bytes (unparsed)
    decode(tag, data) {
      let { Err: E } = _DER;
      data = abytes2(data, void 0, "DER data");
      let pos = 0;
      if (tag < 0 || tag > 255)
        throw new E("tlv.decode: wrong tag");
      if (data.length < 2 || data[pos++] !== tag)
        throw new E("tlv.decode: wrong tlv");
      let first = data[pos++], isLong = !!(first & 128), length = 0;
      if (!isLong)
        length = first;
      else {
        let lenLen = first & 127;
        if (!lenLen)
          throw new E("tlv.decode(long): indefinite length not supported");
        if (lenLen > 4)
          throw new E("tlv.decode(long): byte length is too big");
        let lengthBytes = data.subarray(pos, pos + lenLen);
        if (lengthBytes.length !== lenLen)
          throw new E("tlv.decode: length bytes not complete");
        if (lengthBytes[0] === 0)
          throw new E("tlv.decode(long): zero leftmost byte");
        for (let b of lengthBytes)
          length = length << 8 | b;
        if (pos += lenLen, length < 128)
          throw new E("tlv.decode(long): not minimal encoding");
      }
      let v = data.subarray(pos, pos + length);
      if (v.length !== length)
        throw new E("tlv.decode: wrong value length");
      return { v, l: data.subarray(pos + length) };
    }
  },
  // https://crypto.stackexchange.com/a/57734 Leftmost bit of first byte is 'negative' flag,
  // since we always use positive integers here. It must always be empty:
  // - add zero byte if exists
  // - if next byte doesn't have a flag, leading zero is not allowed (minimal encoding)
  _int: {
    encode(num2) {
      let { Err: E } = _DER;
      if (abignumber(num2), num2 < _0n4)
        throw new E("integer: negative integers are not allowed");
      let hex = numberToHexUnpadded(num2);
      if (Number.parseInt(hex[0], 16) & 8 && (hex = "00" + hex), hex.length & 1)
        throw new E("unexpected DER parsing assertion: unpadded hex");
      return hex;
    },
    decode(data) {
      let { Err: E } = _DER;
      if (data.length < 1)
        throw new E("invalid signature integer: empty");
      if (data[0] & 128)
        throw new E("invalid signature integer: negative");
      if (data.length > 1 && data[0] === 0 && !(data[1] & 128))
        throw new E("invalid signature integer: unnecessary leading zero");
      return bytesToNumberBE(data);
    }
  },
  toSig(bytes, maxScalarBytes) {
    let { Err: E, _int: int, _tlv: tlv } = _DER;
    if (maxScalarBytes !== void 0 && (asafenumber(maxScalarBytes, "maxScalarBytes"), maxScalarBytes < 1))
      throw new E("invalid signature: maxScalarBytes must be positive");
    let data = abytes2(bytes, void 0, "signature"), { v: seqBytes, l: seqLeftBytes } = tlv.decode(48, data);
    if (seqLeftBytes.length)
      throw new E("invalid signature: left bytes after parsing");
    let { v: rBytes, l: rLeftBytes } = tlv.decode(2, seqBytes), { v: sBytes, l: sLeftBytes } = tlv.decode(2, rLeftBytes);
    if (sLeftBytes.length)
      throw new E("invalid signature: left bytes after parsing");
    if (maxScalarBytes !== void 0 && (rBytes.length > maxScalarBytes || sBytes.length > maxScalarBytes))
      throw new E("invalid signature: integer too large");
    return { r: int.decode(rBytes), s: int.decode(sBytes) };
  },
  hexFromSig(sig) {
    let { _tlv: tlv, _int: int } = _DER;
    validateObject(sig, { r: "bigint", s: "bigint" }, {}, "sig");
    let rs = tlv.encode(2, int.encode(sig.r)), ss = tlv.encode(2, int.encode(sig.s)), seq = rs + ss;
    return tlv.encode(48, seq);
  }
}, DER = (Object.freeze(_DER._tlv), Object.freeze(_DER._int), Object.freeze(_DER));

// ../node_modules/@noble/curves/abstract/weierstrass.js
var divNearest = (num2, den) => (num2 + (num2 >= 0 ? den : -den) / _2n2) / den;
function _splitEndoScalar(k, basis, n) {
  aInRange("scalar", k, _0n5, n);
  let [[a1, b1], [a2, b2]] = basis, c1 = divNearest(b2 * k, n), c2 = divNearest(-b1 * k, n), k1 = k - c1 * a1 - c2 * a2, k2 = -c1 * b1 - c2 * b2, k1neg = k1 < _0n5, k2neg = k2 < _0n5;
  k1neg && (k1 = -k1), k2neg && (k2 = -k2);
  let MAX_NUM = bitMask(Math.ceil(bitLen(n) / 2)) + _1n4;
  if (k1 < _0n5 || k1 >= MAX_NUM || k2 < _0n5 || k2 >= MAX_NUM)
    throw new Error("splitScalar (endomorphism): failed for k");
  return { k1neg, k1, k2neg, k2 };
}
function validateSigFormat(format) {
  if (!["compact", "recovered", "der"].includes(format))
    throw new Error('Signature format must be "compact", "recovered", or "der"');
  return format;
}
function validateSigOpts(opts, def) {
  validateObject(opts);
  let optsn = {};
  for (let optName of Object.keys(def))
    optsn[optName] = opts[optName] === void 0 ? def[optName] : opts[optName];
  return abool(optsn.lowS, "lowS"), abool(optsn.prehash, "prehash"), optsn.format !== void 0 && validateSigFormat(optsn.format), optsn;
}
var _0n5 = /* @__PURE__ */ BigInt(0), _1n4 = /* @__PURE__ */ BigInt(1), _2n2 = /* @__PURE__ */ BigInt(2), _3n2 = /* @__PURE__ */ BigInt(3), _4n3 = /* @__PURE__ */ BigInt(4);
function weierstrass(params, extraOpts = {}) {
  let validated = createCurveFields("weierstrass", params, extraOpts), Fp2 = validated.Fp, Fn = validated.Fn, CURVE = validated.CURVE, { h: cofactor, n: CURVE_ORDER } = CURVE;
  validateObject(extraOpts, {}, {
    allowInfinityPoint: "boolean",
    clearCofactor: "function",
    isTorsionFree: "function",
    fromBytes: "function",
    toBytes: "function",
    endo: "object",
    randomBytes: "function"
  });
  let { endo: endoOpts, allowInfinityPoint, clearCofactor, isTorsionFree, fromBytes, toBytes } = extraOpts, randomBytes3 = extraOpts.randomBytes === void 0 ? randomBytes2 : extraOpts.randomBytes;
  if (endoOpts && (!Fp2.is0(CURVE.a) || typeof endoOpts.beta != "bigint" || !Array.isArray(endoOpts.basises)))
    throw new Error('invalid endo: expected "beta": bigint and "basises": array');
  let endo = endoOpts ? {
    beta: endoOpts.beta,
    basises: endoOpts.basises.map((basis) => [...basis])
  } : void 0, lengths = getWLengths(Fp2, Fn);
  function assertCompressionIsSupported() {
    if (!Fp2.isOdd)
      throw new Error("compression is not supported: Field does not have .isOdd()");
  }
  function pointToBytes2(_c, point, isCompressed) {
    if (point.is0()) {
      if (!allowInfinityPoint)
        throw new Error("bad point: ZERO");
      return Uint8Array.of(0);
    }
    let { x, y } = point.toAffine(), bx = Fp2.toBytes(x);
    if (abool(isCompressed, "isCompressed"), isCompressed) {
      assertCompressionIsSupported();
      let hasEvenY = !Fp2.isOdd(y);
      return concatBytes2(pprefix(hasEvenY), bx);
    } else
      return concatBytes2(Uint8Array.of(4), bx, Fp2.toBytes(y));
  }
  function pointFromBytes(bytes) {
    abytes2(bytes, void 0, "Point");
    let { publicKey: comp, publicKeyUncompressed: uncomp } = lengths, length = bytes.length, head = bytes[0], tail = bytes.subarray(1);
    if (allowInfinityPoint && length === 1 && head === 0)
      return { x: Fp2.ZERO, y: Fp2.ZERO };
    if (length === comp && (head === 2 || head === 3)) {
      let x = Fp2.fromBytes(tail);
      if (!Fp2.isValid(x))
        throw new Error("bad point: is not on curve, wrong x");
      let y2 = weierstrassEquation(x), y;
      try {
        y = Fp2.sqrt(y2);
      } catch (sqrtError) {
        let err = sqrtError instanceof Error ? ": " + sqrtError.message : "";
        throw new Error("bad point: is not on curve, sqrt error" + err);
      }
      assertCompressionIsSupported();
      let evenY = Fp2.isOdd(y);
      return (head & 1) === 1 !== evenY && (y = Fp2.neg(y)), { x, y };
    } else if (length === uncomp && head === 4) {
      let L = Fp2.BYTES, x = Fp2.fromBytes(tail.subarray(0, L)), y = Fp2.fromBytes(tail.subarray(L, L * 2));
      if (!isValidXY(x, y))
        throw new Error("bad point: is not on curve");
      return { x, y };
    } else
      throw new Error(`bad point: got length ${length}, expected compressed=${comp} or uncompressed=${uncomp}`);
  }
  let encodePoint = toBytes === void 0 ? pointToBytes2 : toBytes, decodePoint = fromBytes === void 0 ? pointFromBytes : fromBytes, b3 = Fp2.mul(CURVE.b, _3n2), mulA = Fp2.is0(CURVE.a) ? (_) => Fp2.ZERO : (x) => Fp2.mul(CURVE.a, x);
  function weierstrassEquation(x) {
    let x2 = Fp2.sqr(x), x3 = Fp2.mul(x2, x);
    return Fp2.add(Fp2.add(x3, Fp2.mul(x, CURVE.a)), CURVE.b);
  }
  function isValidXY(x, y) {
    let left = Fp2.sqr(y), right = weierstrassEquation(x);
    return Fp2.eql(left, right);
  }
  if (!isValidXY(CURVE.Gx, CURVE.Gy))
    throw new Error("bad curve params: generator point");
  let _4a3 = Fp2.mul(Fp2.pow(CURVE.a, _3n2), _4n3), _27b2 = Fp2.mul(Fp2.sqr(CURVE.b), BigInt(27));
  if (Fp2.is0(Fp2.add(_4a3, _27b2)))
    throw new Error("bad curve params: a or b");
  function acoord(title, n, banZero = !1) {
    if (!Fp2.isValid(n) || banZero && Fp2.is0(n))
      throw new Error(`bad point coordinate ${title}`);
    return typeof n == "object" && n !== null ? Fp2.create(n) : n;
  }
  function aprjpoint(other) {
    if (!(other instanceof Point))
      throw new Error("Weierstrass Point expected");
  }
  function splitEndoScalarN(k) {
    if (!endo || !endo.basises)
      throw new Error("no endo");
    return _splitEndoScalar(k, endo.basises, Fn.ORDER);
  }
  function pushWnafPair(points, scalars, p, k) {
    if (!Fn.isValid(k))
      throw new RangeError("invalid scalar: out of range");
    if (endo) {
      let { k1neg, k1, k2neg, k2 } = splitEndoScalarN(k), psi = new Point(Fp2.mul(p.X, endo.beta), p.Y, p.Z);
      points.push(k1neg ? p.negate() : p, k2neg ? psi.negate() : psi), scalars.push(k1, k2);
    } else
      points.push(p), scalars.push(k);
  }
  let validityCache = /* @__PURE__ */ new WeakSet();
  class Point {
    static BASE = new Point(CURVE.Gx, CURVE.Gy, Fp2.ONE);
    static ZERO = new Point(Fp2.ZERO, Fp2.ONE, Fp2.ZERO);
    static Fp = Fp2;
    static Fn = Fn;
    X;
    Y;
    Z;
    /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
    constructor(X, Y, Z) {
      this.X = acoord("x", X), this.Y = acoord("y", Y, !0), this.Z = acoord("z", Z), Object.freeze(this);
    }
    static CURVE() {
      return CURVE;
    }
    /** Does NOT validate if the point is valid. Use `.assertValidity()`. */
    static fromAffine(p) {
      let { x, y } = p || {};
      if (!p || !Fp2.isValid(x) || !Fp2.isValid(y))
        throw new Error("invalid affine point");
      if (p instanceof Point)
        throw new Error("projective point not allowed");
      return Fp2.is0(x) && Fp2.is0(y) ? Point.ZERO : new Point(x, y, Fp2.ONE);
    }
    static fromBytes(bytes) {
      let P = Point.fromAffine(decodePoint(abytes2(bytes, void 0, "point")));
      return P.assertValidity(), P;
    }
    static fromHex(hex) {
      return Point.fromBytes(hexToBytes2(hex));
    }
    get x() {
      return this.toAffine().x;
    }
    get y() {
      return this.toAffine().y;
    }
    /**
     * @param isLazy - true will defer table computation until the first multiplication
     */
    precompute(windowSize = 6, isLazy = !0) {
      return wnaf.setWindowSize(this, windowSize), isLazy || this.multiply(_3n2), this;
    }
    // TODO: return `this`
    /** A point on curve is valid if it conforms to equation. */
    assertValidity() {
      let p = this;
      if (p.is0()) {
        if (allowInfinityPoint && Fp2.is0(p.X) && Fp2.eql(p.Y, Fp2.ONE) && Fp2.is0(p.Z))
          return;
        throw new Error("bad point: ZERO");
      }
      if (validityCache.has(p))
        return;
      let { x, y } = p.toAffine();
      if (!Fp2.isValid(x) || !Fp2.isValid(y))
        throw new Error("bad point: x or y not field elements");
      if (!isValidXY(x, y))
        throw new Error("bad point: equation left != right");
      if (!p.isTorsionFree())
        throw new Error("bad point: not in prime-order subgroup");
      validityCache.add(p);
    }
    hasEvenY() {
      let { y } = this.toAffine();
      if (!Fp2.isOdd)
        throw new Error("Field doesn't support isOdd");
      return !Fp2.isOdd(y);
    }
    /** Compare one point to another. */
    equals(other) {
      aprjpoint(other);
      let { X: X1, Y: Y1, Z: Z1 } = this, { X: X2, Y: Y2, Z: Z2 } = other, U1 = Fp2.eql(Fp2.mul(X1, Z2), Fp2.mul(X2, Z1)), U2 = Fp2.eql(Fp2.mul(Y1, Z2), Fp2.mul(Y2, Z1));
      return U1 && U2;
    }
    /** Flips point to one corresponding to (x, -y) in Affine coordinates. */
    negate() {
      return new Point(this.X, Fp2.neg(this.Y), this.Z);
    }
    // Renes-Costello-Batina exception-free doubling formula.
    // There is 30% faster Jacobian formula, but it is not complete.
    // https://eprint.iacr.org/2015/1060, algorithm 3
    // Cost: 8M + 3S + 3*a + 2*b3 + 15add.
    double() {
      let { X: X1, Y: Y1, Z: Z1 } = this, X3 = Fp2.ZERO, Y3 = Fp2.ZERO, Z3 = Fp2.ZERO, t0 = Fp2.mul(X1, X1), t1 = Fp2.mul(Y1, Y1), t2 = Fp2.mul(Z1, Z1), t3 = Fp2.mul(X1, Y1);
      return t3 = Fp2.add(t3, t3), Z3 = Fp2.mul(X1, Z1), Z3 = Fp2.add(Z3, Z3), X3 = mulA(Z3), Y3 = Fp2.mul(b3, t2), Y3 = Fp2.add(X3, Y3), X3 = Fp2.sub(t1, Y3), Y3 = Fp2.add(t1, Y3), Y3 = Fp2.mul(X3, Y3), X3 = Fp2.mul(t3, X3), Z3 = Fp2.mul(b3, Z3), t2 = mulA(t2), t3 = Fp2.sub(t0, t2), t3 = mulA(t3), t3 = Fp2.add(t3, Z3), Z3 = Fp2.add(t0, t0), t0 = Fp2.add(Z3, t0), t0 = Fp2.add(t0, t2), t0 = Fp2.mul(t0, t3), Y3 = Fp2.add(Y3, t0), t2 = Fp2.mul(Y1, Z1), t2 = Fp2.add(t2, t2), t0 = Fp2.mul(t2, t3), X3 = Fp2.sub(X3, t0), Z3 = Fp2.mul(t2, t1), Z3 = Fp2.add(Z3, Z3), Z3 = Fp2.add(Z3, Z3), new Point(X3, Y3, Z3);
    }
    // Renes-Costello-Batina exception-free addition formula.
    // There is 30% faster Jacobian formula, but it is not complete.
    // https://eprint.iacr.org/2015/1060, algorithm 1
    // Cost: 12M + 0S + 3*a + 3*b3 + 23add.
    add(other) {
      aprjpoint(other);
      let { X: X1, Y: Y1, Z: Z1 } = this, { X: X2, Y: Y2, Z: Z2 } = other, X3 = Fp2.ZERO, Y3 = Fp2.ZERO, Z3 = Fp2.ZERO, t0 = Fp2.mul(X1, X2), t1 = Fp2.mul(Y1, Y2), t2 = Fp2.mul(Z1, Z2), t3 = Fp2.add(X1, Y1), t4 = Fp2.add(X2, Y2);
      t3 = Fp2.mul(t3, t4), t4 = Fp2.add(t0, t1), t3 = Fp2.sub(t3, t4), t4 = Fp2.add(X1, Z1);
      let t5 = Fp2.add(X2, Z2);
      return t4 = Fp2.mul(t4, t5), t5 = Fp2.add(t0, t2), t4 = Fp2.sub(t4, t5), t5 = Fp2.add(Y1, Z1), X3 = Fp2.add(Y2, Z2), t5 = Fp2.mul(t5, X3), X3 = Fp2.add(t1, t2), t5 = Fp2.sub(t5, X3), Z3 = mulA(t4), X3 = Fp2.mul(b3, t2), Z3 = Fp2.add(X3, Z3), X3 = Fp2.sub(t1, Z3), Z3 = Fp2.add(t1, Z3), Y3 = Fp2.mul(X3, Z3), t1 = Fp2.add(t0, t0), t1 = Fp2.add(t1, t0), t2 = mulA(t2), t4 = Fp2.mul(b3, t4), t1 = Fp2.add(t1, t2), t2 = Fp2.sub(t0, t2), t2 = mulA(t2), t4 = Fp2.add(t4, t2), t0 = Fp2.mul(t1, t4), Y3 = Fp2.add(Y3, t0), t0 = Fp2.mul(t5, t4), X3 = Fp2.mul(t3, X3), X3 = Fp2.sub(X3, t0), t0 = Fp2.mul(t3, t1), Z3 = Fp2.mul(t5, Z3), Z3 = Fp2.add(Z3, t0), new Point(X3, Y3, Z3);
    }
    subtract(other) {
      return aprjpoint(other), this.add(other.negate());
    }
    is0() {
      return this.equals(Point.ZERO);
    }
    /**
     * Constant time multiplication.
     * Uses precomputed tables (signed fixed-window wNAF) when available.
     * Uses scalar blinding and avoids endomorphism splitting in the secret-scalar path.
     * @param scalar - by which the point would be multiplied
     * @returns New point
     */
    multiply(scalar) {
      if (!Fn.isValidNot0(scalar))
        throw new RangeError("invalid scalar: out of range");
      let { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
      return normalize([p, f])[0];
    }
    /**
     * Non-constant-time multiplication. Uses width-4 wNAF with GLV endomorphism splitting
     * when available (two half-width scalars sharing one halved doubling chain).
     * It's faster, but should only be used when you don't care about
     * an exposed secret key e.g. sig verification, which works over *public* keys.
     */
    multiplyUnsafe(scalar) {
      let p = this, sc = scalar;
      if (!Fn.isValid(sc))
        throw new RangeError("invalid scalar: out of range");
      if (sc === _0n5 || p.is0())
        return Point.ZERO;
      if (sc === _1n4)
        return p;
      if (wnaf.hasWindowSize(this))
        return wnaf.mulUnsafe(p, sc, normalize);
      let points = [], scalars = [];
      return pushWnafPair(points, scalars, p, sc), mulAddUnsafe(Point, points, scalars);
    }
    /**
     * Non-constant-time double-scalar multiplication `a⋅this + b⋅other` (Strauss–Shamir).
     * Both walks share one doubling chain via {@link mulAddUnsafe}, and GLV endomorphism
     * (when available) halves the chain again by splitting each scalar into two half-width
     * parts. Used by ECDSA verification and public-key recovery for `R = u1⋅G + u2⋅P`.
     * Only for public scalars.
     */
    mulAddUnsafe(a, other, b) {
      aprjpoint(other);
      let points = [], scalars = [];
      return pushWnafPair(points, scalars, this, a), pushWnafPair(points, scalars, other, b), mulAddUnsafe(Point, points, scalars);
    }
    /**
     * Converts Projective point to affine (x, y) coordinates.
     * (X, Y, Z) ∋ (x=X/Z, y=Y/Z).
     * @param invertedZ - Z^-1 (inverted zero) - optional, precomputation is useful for invertBatch
     */
    toAffine(invertedZ) {
      let p = this, iz = invertedZ;
      if (iz != null && !Fp2.isValid(iz))
        throw new RangeError('"invertedZ" expected valid field element');
      let { X, Y, Z } = p;
      if (Fp2.eql(Z, Fp2.ONE))
        return { x: X, y: Y };
      let is0 = p.is0();
      iz == null && (iz = is0 ? Fp2.ONE : Fp2.inv(Z));
      let x = Fp2.mul(X, iz), y = Fp2.mul(Y, iz), zz = Fp2.mul(Z, iz);
      if (is0)
        return { x: Fp2.ZERO, y: Fp2.ZERO };
      if (!Fp2.eql(zz, Fp2.ONE))
        throw new Error("invZ was invalid");
      return { x, y };
    }
    /**
     * Checks whether Point is free of torsion elements (is in prime subgroup).
     * Always torsion-free for cofactor=1 curves.
     */
    isTorsionFree() {
      return cofactor === _1n4 ? !0 : isTorsionFree ? isTorsionFree(Point, this) : wnaf.mulUnsafe(this, CURVE_ORDER).is0();
    }
    clearCofactor() {
      return cofactor === _1n4 ? this : clearCofactor ? clearCofactor(Point, this) : this.multiplyUnsafe(cofactor);
    }
    isSmallOrder() {
      return cofactor === _1n4 ? this.is0() : this.clearCofactor().is0();
    }
    toBytes(isCompressed = !0) {
      return abool(isCompressed, "isCompressed"), this.assertValidity(), encodePoint(Point, this, isCompressed);
    }
    toHex(isCompressed = !0) {
      return bytesToHex2(this.toBytes(isCompressed));
    }
    toString() {
      return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
    }
  }
  let normalize = (points) => normalizeZ(Point, points), wnaf = new ScalarMultiplier(Point, randomBytes3);
  return wnaf.bits >= 6 && Point.BASE.precompute(6), Object.freeze(Point.prototype), Object.freeze(Point), Point;
}
function pprefix(hasEvenY) {
  return Uint8Array.of(hasEvenY ? 2 : 3);
}
function getWLengths(Fp2, Fn) {
  return {
    secretKey: Fn.BYTES,
    publicKey: 1 + Fp2.BYTES,
    publicKeyUncompressed: 1 + 2 * Fp2.BYTES,
    publicKeyHasPrefix: !0,
    // Raw compact `(r || s)` signature width; DER and recovered signatures use
    // different lengths outside this helper.
    signature: 2 * Fn.BYTES
  };
}
function ecdh(Point, ecdhOpts = {}) {
  validatePointCons(Point);
  let { Fn } = Point, randomBytes_ = ecdhOpts.randomBytes === void 0 ? randomBytes2 : ecdhOpts.randomBytes, lengths = Object.assign(getWLengths(Point.Fp, Fn), {
    seed: Math.max(getMinHashLength(Fn.ORDER), 16)
  });
  function isValidSecretKey(secretKey) {
    try {
      let num2 = Fn.fromBytes(secretKey);
      return Fn.isValidNot0(num2);
    } catch {
      return !1;
    }
  }
  function isValidPublicKey(publicKey, isCompressed) {
    let { publicKey: comp, publicKeyUncompressed } = lengths;
    try {
      let l = publicKey.length;
      return isCompressed === !0 && l !== comp || isCompressed === !1 && l !== publicKeyUncompressed ? !1 : !Point.fromBytes(publicKey).is0();
    } catch {
      return !1;
    }
  }
  function randomSecretKey(seed) {
    return seed = seed === void 0 ? randomBytes_(lengths.seed) : seed, mapHashToField(abytes2(seed, lengths.seed, "seed"), Fn.ORDER);
  }
  function getPublicKey(secretKey, isCompressed = !0) {
    return Point.BASE.multiply(Fn.fromBytes(secretKey)).toBytes(isCompressed);
  }
  function isProbPub(item) {
    let { secretKey, publicKey, publicKeyUncompressed } = lengths, allowedLengths = Fn._lengths;
    if (!isBytes2(item))
      return;
    let l = abytes2(item, void 0, "key").length, isPub = l === publicKey || l === publicKeyUncompressed, isSec = l === secretKey || !!allowedLengths?.includes(l);
    if (!(isPub && isSec))
      return isPub;
  }
  function getSharedSecret(secretKeyA, publicKeyB, isCompressed = !0) {
    if (isProbPub(secretKeyA) === !0)
      throw new Error("first arg must be private key");
    if (isProbPub(publicKeyB) === !1)
      throw new Error("second arg must be public key");
    let s = Fn.fromBytes(secretKeyA), b = Point.fromBytes(publicKeyB);
    if (b.is0())
      throw new Error("invalid public key: point at infinity");
    return b.multiply(s).toBytes(isCompressed);
  }
  let utils = {
    isValidSecretKey,
    isValidPublicKey,
    randomSecretKey
  }, keygen = createKeygen(randomSecretKey, getPublicKey);
  return Object.freeze(utils), Object.freeze(lengths), Object.freeze({ getPublicKey, getSharedSecret, keygen, Point, utils, lengths });
}
function ecdsa(Point, hash2, ecdsaOpts = {}) {
  validatePointCons(Point);
  let hash_ = hash2;
  ahash(hash_), validateObject(ecdsaOpts, {}, {
    hmac: "function",
    lowS: "boolean",
    randomBytes: "function",
    bits2int: "function",
    bits2int_modN: "function"
  });
  let opts = Object.assign({}, ecdsaOpts), randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes, hmac2 = opts.hmac === void 0 ? (key2, msg) => hmac(hash_, key2, msg) : opts.hmac, { Fp: Fp2, Fn } = Point, { ORDER: CURVE_ORDER, BITS: fnBits } = Fn, blindLength = getMinHashLength(CURVE_ORDER), csprng = probeRandomBytes(randomBytes3, blindLength), { keygen, getPublicKey, getSharedSecret, utils, lengths } = ecdh(Point, opts), defaultSigOpts = {
    prehash: !0,
    lowS: typeof opts.lowS == "boolean" ? opts.lowS : !0,
    format: "compact",
    extraEntropy: !1
  }, hasLargeRecoveryLifts = CURVE_ORDER * _2n2 + _1n4 < Fp2.ORDER;
  function isBiggerThanHalfOrder(number) {
    let HALF = CURVE_ORDER >> _1n4;
    return number > HALF;
  }
  function validateRS(title, num2) {
    if (!Fn.isValidNot0(num2))
      throw new Error(`invalid signature ${title}: out of range 1..Point.Fn.ORDER`);
    return num2;
  }
  function assertFieldSignIsSupported() {
    if (!Fp2.isOdd)
      throw new Error("Field doesn't support isOdd");
  }
  function getRecoveryBit(x, y, r) {
    return assertFieldSignIsSupported(), (x === r ? 0 : 2) | Number(Fp2.isOdd(y));
  }
  function assertRecoverableCurve() {
    if (hasLargeRecoveryLifts)
      throw new Error('"recovered" sig type is not supported for cofactor >2 curves');
  }
  function validateSigLength(bytes, format) {
    validateSigFormat(format);
    let size = lengths.signature, sizer = format === "compact" ? size : format === "recovered" ? size + 1 : void 0;
    return abytes2(bytes, sizer);
  }
  class Signature {
    r;
    s;
    recovery;
    constructor(r, s, recovery) {
      if (this.r = validateRS("r", r), this.s = validateRS("s", s), recovery != null) {
        if (assertRecoverableCurve(), ![0, 1, 2, 3].includes(recovery))
          throw new Error("invalid recovery id");
        this.recovery = recovery;
      }
      Object.freeze(this);
    }
    static fromBytes(bytes, format = defaultSigOpts.format) {
      validateSigLength(bytes, format);
      let recid;
      if (format === "der") {
        if (bytes.length > 2 * Fn.BYTES + 16)
          throw new DER.Err("invalid signature: DER signature too long");
        let { r: r2, s: s2 } = DER.toSig(abytes2(bytes), Fn.BYTES + 1);
        return new Signature(r2, s2);
      }
      format === "recovered" && (recid = bytes[0], format = "compact", bytes = bytes.subarray(1));
      let L = lengths.signature / 2, r = bytes.subarray(0, L), s = bytes.subarray(L, L * 2);
      return new Signature(Fn.fromBytes(r), Fn.fromBytes(s), recid);
    }
    static fromHex(hex, format) {
      return this.fromBytes(hexToBytes2(hex), format);
    }
    assertRecovery() {
      let { recovery } = this;
      if (recovery == null)
        throw new Error("invalid recovery id: must be present");
      return recovery;
    }
    addRecoveryBit(recovery) {
      return new Signature(this.r, this.s, recovery);
    }
    // Unlike the top-level helper below, this method expects a digest that has
    // already been hashed to the curve's message representative.
    recoverPublicKey(messageHash) {
      let { r, s } = this, recovery = this.assertRecovery(), radj = recovery === 2 || recovery === 3 ? r + CURVE_ORDER : r;
      if (!Fp2.isValid(radj))
        throw new Error("invalid recovery id: sig.r+curve.n != R.x");
      let x = Fp2.toBytes(radj), R = Point.fromBytes(concatBytes2(pprefix((recovery & 1) === 0), x)), ir = Fn.inv(radj), h = bits2int_modN(abytes2(messageHash, void 0, "msgHash")), u1 = Fn.create(-h * ir), u2 = Fn.create(s * ir), Q = Point.BASE.mulAddUnsafe(u1, R, u2);
      if (Q.is0())
        throw new Error("invalid recovery: point at infinify");
      return Q.assertValidity(), Q;
    }
    // Signatures should be low-s, to prevent malleability.
    hasHighS() {
      return isBiggerThanHalfOrder(this.s);
    }
    toBytes(format = defaultSigOpts.format) {
      if (validateSigFormat(format), format === "der")
        return hexToBytes2(DER.hexFromSig(this));
      let { r, s } = this, rb = Fn.toBytes(r), sb = Fn.toBytes(s);
      return format === "recovered" ? (assertRecoverableCurve(), concatBytes2(Uint8Array.of(this.assertRecovery()), rb, sb)) : concatBytes2(rb, sb);
    }
    toHex(format) {
      return bytesToHex2(this.toBytes(format));
    }
  }
  Object.freeze(Signature.prototype), Object.freeze(Signature);
  let bits2int = opts.bits2int === void 0 ? function(bytes) {
    if (bytes.length > 8192)
      throw new Error("input is too large");
    let num2 = bytesToNumberBE(bytes), delta = bytes.length * 8 - fnBits;
    return delta > 0 ? num2 >> BigInt(delta) : num2;
  } : opts.bits2int, bits2int_modN = opts.bits2int_modN === void 0 ? function(bytes) {
    return Fn.create(bits2int(bytes));
  } : opts.bits2int_modN, ORDER_MASK = bitMask(fnBits);
  function int2octets(num2) {
    return aInRange("num < 2^" + fnBits, num2, _0n5, ORDER_MASK), Fn.toBytes(num2);
  }
  function validateMsgAndHash(message, prehash) {
    return abytes2(message, void 0, "message"), prehash ? abytes2(hash_(message), void 0, "prehashed message") : message;
  }
  function prepSig(message, secretKey, opts2) {
    let { lowS, prehash, extraEntropy } = validateSigOpts(opts2, defaultSigOpts);
    message = validateMsgAndHash(message, prehash);
    let h1int = bits2int_modN(message), d = Fn.fromBytes(secretKey);
    if (!Fn.isValidNot0(d))
      throw new Error("invalid private key");
    let seedArgs = [int2octets(d), int2octets(h1int)];
    if (extraEntropy != null && extraEntropy !== !1) {
      let e = extraEntropy === !0 ? randomBytes3(lengths.secretKey) : extraEntropy;
      seedArgs.push(abytes2(e, void 0, "extraEntropy"));
    }
    let seed = concatBytes2(...seedArgs), m = h1int;
    function k2sig(kBytes) {
      let k = bits2int(kBytes);
      if (!Fn.isValidNot0(k))
        return;
      let q = Point.BASE.multiply(k).toAffine(), r = Fn.create(q.x);
      if (r === _0n5)
        return;
      let s;
      if (csprng !== void 0) {
        let b = bytesToNumberBE(mapHashToField(csprng(blindLength), CURVE_ORDER)), ibk = Fn.inv(Fn.mul(b, k)), bm = Fn.mul(b, m), bd = Fn.mul(b, d);
        s = Fn.create(ibk * Fn.create(bm + bd * r));
      } else {
        let ik = invertCt(k, CURVE_ORDER);
        s = Fn.create(ik * Fn.create(m + r * d));
      }
      if (s === _0n5)
        return;
      let recovery = getRecoveryBit(q.x, q.y, r), normS = s;
      return lowS && isBiggerThanHalfOrder(s) && (normS = Fn.neg(s), recovery ^= 1), new Signature(r, normS, hasLargeRecoveryLifts ? void 0 : recovery);
    }
    return { seed, k2sig };
  }
  function sign(message, secretKey, opts2 = {}) {
    let { seed, k2sig } = prepSig(message, secretKey, opts2);
    return createHmacDrbg(hash_.outputLen, Fn.BYTES, hmac2)(seed, k2sig).toBytes(opts2.format);
  }
  function verify(signature, message, publicKey, opts2 = {}) {
    let { lowS, prehash, format } = validateSigOpts(opts2, defaultSigOpts);
    if (publicKey = abytes2(publicKey, void 0, "publicKey"), message = validateMsgAndHash(message, prehash), !isBytes2(signature)) {
      let end = signature instanceof Signature ? ", use sig.toBytes()" : "";
      throw new Error("verify expects Uint8Array signature" + end);
    }
    validateSigLength(signature, format);
    try {
      let sig = Signature.fromBytes(signature, format), P = Point.fromBytes(publicKey);
      if (P.is0() || lowS && sig.hasHighS())
        return !1;
      let { r, s } = sig, h = bits2int_modN(message), is = Fn.inv(s), u1 = Fn.create(h * is), u2 = Fn.create(r * is), R = Point.BASE.mulAddUnsafe(u1, P, u2);
      if (R.is0())
        return !1;
      let q = R.toAffine();
      return !(Fn.create(q.x) !== r || format === "recovered" && sig.recovery !== getRecoveryBit(q.x, q.y, r));
    } catch {
      return !1;
    }
  }
  function recoverPublicKey(signature, message, opts2 = {}) {
    let { prehash } = validateSigOpts(opts2, defaultSigOpts);
    return message = validateMsgAndHash(message, prehash), Signature.fromBytes(signature, "recovered").recoverPublicKey(message).toBytes();
  }
  return Object.freeze({
    keygen,
    getPublicKey,
    getSharedSecret,
    utils,
    lengths,
    Point,
    sign,
    verify,
    recoverPublicKey,
    Signature,
    hash: hash_
  });
}

// ../node_modules/@noble/curves/secp256k1.js
var secp256k1_CURVE = {
  p: BigInt("0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f"),
  n: BigInt("0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141"),
  h: BigInt(1),
  a: BigInt(0),
  b: BigInt(7),
  Gx: BigInt("0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"),
  Gy: BigInt("0x483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8")
}, secp256k1_ENDO = {
  beta: BigInt("0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee"),
  basises: [
    [BigInt("0x3086d221a7d46bcde86c90e49284eb15"), -BigInt("0xe4437ed6010e88286f547fa90abfe4c3")],
    [BigInt("0x114ca50f7a8e2f3f657c1108d9d44cfd8"), BigInt("0x3086d221a7d46bcde86c90e49284eb15")]
  ]
}, _0n6 = /* @__PURE__ */ BigInt(0), _2n3 = /* @__PURE__ */ BigInt(2);
function sqrtMod(y) {
  let P = secp256k1_CURVE.p, _3n3 = BigInt(3), _6n = BigInt(6), _11n = BigInt(11), _22n = BigInt(22), _23n = BigInt(23), _44n = BigInt(44), _88n = BigInt(88), b2 = y * y * y % P, b3 = b2 * b2 * y % P, b6 = pow2(b3, _3n3, P) * b3 % P, b9 = pow2(b6, _3n3, P) * b3 % P, b11 = pow2(b9, _2n3, P) * b2 % P, b22 = pow2(b11, _11n, P) * b11 % P, b44 = pow2(b22, _22n, P) * b22 % P, b88 = pow2(b44, _44n, P) * b44 % P, b176 = pow2(b88, _88n, P) * b88 % P, b220 = pow2(b176, _44n, P) * b44 % P, b223 = pow2(b220, _3n3, P) * b3 % P, t1 = pow2(b223, _23n, P) * b22 % P, t2 = pow2(t1, _6n, P) * b2 % P, root = pow2(t2, _2n3, P);
  if (!Fpk1.eql(Fpk1.sqr(root), y))
    throw new Error("Cannot find square root");
  return root;
}
var Fpk1 = /* @__PURE__ */ Field(secp256k1_CURVE.p, { sqrt: sqrtMod }), Pointk1 = /* @__PURE__ */ weierstrass(secp256k1_CURVE, {
  Fp: Fpk1,
  endo: secp256k1_ENDO
}), secp256k1 = /* @__PURE__ */ ecdsa(Pointk1, sha256), TAGGED_HASH_PREFIXES = /* @__PURE__ */ Object.create(null);
function taggedHash(tag, ...messages) {
  let tagP = TAGGED_HASH_PREFIXES[tag];
  if (tagP === void 0) {
    let tagH = sha256(asciiToBytes(tag));
    tagP = concatBytes2(tagH, tagH), TAGGED_HASH_PREFIXES[tag] = tagP;
  }
  return sha256(concatBytes2(tagP, ...messages));
}
var pointToBytes = (point) => point.toBytes(!0).slice(1), affineXToBytes = ({ x }) => Fpk1.toBytes(x), hasEven = (y) => !Fpk1.isOdd(y);
function schnorrGetExtPubKey(priv) {
  let { Fn, BASE } = Pointk1, d_ = Fn.fromBytes(abytes2(priv, 32, "secretKey")), affine = BASE.multiply(d_).toAffine();
  return { scalar: hasEven(affine.y) ? d_ : Fn.neg(d_), bytes: affineXToBytes(affine) };
}
function lift_x(x) {
  let Fp2 = Fpk1;
  if (!Fp2.isValidNot0(x))
    throw new Error("invalid x: Fail if x \u2265 p");
  let xx = Fp2.sqr(x), c = Fp2.add(Fp2.mulN(xx, x), BigInt(7)), y = Fp2.sqrt(c);
  hasEven(y) || (y = Fp2.neg(y));
  let p = Pointk1.fromAffine({ x, y });
  return p.assertValidity(), p;
}
var num = bytesToNumberBE;
function challenge(...args) {
  return Pointk1.Fn.create(num(taggedHash("BIP0340/challenge", ...args)));
}
function schnorrGetPublicKey(secretKey) {
  return schnorrGetExtPubKey(secretKey).bytes;
}
function schnorrSign(message, secretKey, auxRand = randomBytes(32)) {
  let { Fn, BASE } = Pointk1, m = copyBytes(abytes2(message, void 0, "message")), { bytes: px, scalar: d } = schnorrGetExtPubKey(secretKey), a = abytes2(auxRand, 32, "auxRand"), t = Fn.toBytes(d ^ num(taggedHash("BIP0340/aux", a))), rand = taggedHash("BIP0340/nonce", t, px, m), k_ = Fn.create(num(rand));
  if (k_ === _0n6)
    throw new Error("sign failed: k is zero");
  let affine = BASE.multiply(k_).toAffine(), k = hasEven(affine.y) ? k_ : Fn.neg(k_), rx = affineXToBytes(affine), e = challenge(rx, px, m), sig = new Uint8Array(64);
  if (sig.set(rx, 0), sig.set(Fn.toBytes(Fn.create(k + e * d)), 32), !schnorrVerify(sig, m, px))
    throw new Error("sign: Invalid signature produced");
  return sig;
}
function schnorrVerify(signature, message, publicKey) {
  let { Fp: Fp2, Fn, BASE } = Pointk1, sig = abytes2(signature, 64, "signature"), m = abytes2(message, void 0, "message"), pub = abytes2(publicKey, 32, "publicKey");
  try {
    let P = lift_x(num(pub)), rBytes = sig.subarray(0, 32), r = num(rBytes);
    if (!Fp2.isValidNot0(r))
      return !1;
    let s = num(sig.subarray(32, 64));
    if (!Fn.isValidNot0(s))
      return !1;
    let e = challenge(rBytes, pointToBytes(P), m), R = BASE.mulAddUnsafe(s, P, Fn.neg(e)), { x, y } = R.toAffine();
    return !(R.is0() || !hasEven(y) || !Fp2.eql(x, r));
  } catch {
    return !1;
  }
}
var schnorr = /* @__PURE__ */ (() => {
  let randomSecretKey = (seed) => (seed = seed === void 0 ? randomBytes(48) : seed, mapHashToField(abytes2(seed, 48, "seed"), secp256k1_CURVE.n));
  return Object.freeze({
    keygen: createKeygen(randomSecretKey, schnorrGetPublicKey),
    getPublicKey: schnorrGetPublicKey,
    sign: schnorrSign,
    verify: schnorrVerify,
    Point: Pointk1,
    utils: Object.freeze({
      randomSecretKey,
      taggedHash,
      lift_x,
      pointToBytes
    }),
    lengths: Object.freeze({
      secretKey: 32,
      publicKey: 32,
      publicKeyHasPrefix: !1,
      signature: 64,
      seed: 48
    })
  });
})();

// ../src/curve.js
var ORDER = secp256k1.Point.Fn.ORDER, GENERATOR = secp256k1.Point.BASE, INFINITY = secp256k1.Point.ZERO;
function liftX(xonly) {
  let bytes = hexBytes(xonly);
  if (bytes?.length !== 32) return null;
  try {
    return schnorr.utils.lift_x(bytesToNumber(bytes));
  } catch {
    return null;
  }
}
function verifySchnorr(signature, message, publicKey) {
  return schnorr.verify(signature, message, publicKey);
}

// ../src/errors.js
var OracleError = class extends Error {
  /**
   * @param {string} code stable name, for programs
   * @param {string} message for people
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options), this.name = new.target.name, this.code = code;
  }
}, CodecError = class extends OracleError {
  /**
   * @param {CodecErrorCode} code
   * @param {string} field the specification's name of the field; in JSON its path
   * @param {number} offset byte of the input at which the field begins; 0 in JSON
   * @param {string} problem
   */
  constructor(code, field, offset, problem) {
    super(code, `${field}: ${problem}`), this.code = code, this.field = field, this.offset = offset;
  }
}, VerifyError = class extends OracleError {
  /**
   * @param {VerifyErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(code, message), this.code = code;
  }
};
var LogError = class extends OracleError {
  /**
   * @param {'genesis' | 'checkpoint' | 'inclusion'} code what does not hold
   * @param {string} problem
   */
  constructor(code, problem) {
    super(code, `${code}: ${problem}`);
  }
}, TransportError = class extends OracleError {
  /**
   * @param {'unreachable' | 'timeout' | 'silent'} code
   * @param {string} what what was asked for
   * @param {string} problem
   * @param {ErrorOptions} [options]
   */
  constructor(code, what, problem, options) {
    super(code, `${what}: ${problem}`, options);
  }
}, TooLargeError = class extends OracleError {
  /**
   * @param {string} what
   * @param {number} limit bytes
   */
  constructor(what, limit) {
    super("too-large", `${what}: answer is longer than ${limit} bytes`), this.limit = limit;
  }
}, MalformedError = class extends OracleError {
  /**
   * @param {string} what
   * @param {string} problem
   */
  constructor(what, problem) {
    super("malformed", `${what}: ${problem}`);
  }
}, WrongKeyError = class extends OracleError {
  /**
   * @param {string} what
   * @param {string} expected x-only hex
   * @param {string} got x-only hex
   */
  constructor(what, expected, got) {
    super("wrong-key", `${what}: oracle key is ${got}, expected ${expected}`), this.expected = expected, this.got = got;
  }
}, WrongEventError = class extends OracleError {
  /**
   * @param {string} what
   * @param {string} asked
   * @param {string} got
   */
  constructor(what, asked, got) {
    super("wrong-event", `${what}: asked for event ${JSON.stringify(asked)}, got ${JSON.stringify(got)}`);
  }
}, HashError = class extends OracleError {
  /**
   * @param {string} what
   * @param {string} expected hex
   * @param {string} got hex
   */
  constructor(what, expected, got) {
    super("wrong-hash", `${what}: SHA-256 is ${got}, expected ${expected}`);
  }
}, ProblemError = class extends OracleError {
  /**
   * @param {string} what
   * @param {{status: number, slug: string, detail: string, retryAfterMs: number | null}} problem
   */
  constructor(what, { status, slug, detail, retryAfterMs }) {
    super(slug, `${what}: server answered ${status} ${slug}${detail && `: ${detail}`}`), this.status = status, this.detail = detail, this.retryAfterMs = retryAfterMs;
  }
}, UnknownEventError = class extends ProblemError {
}, NotYetError = class extends ProblemError {
}, NeverError = class extends ProblemError {
};
function isTransient(error) {
  return error instanceof TransportError ? !0 : error instanceof ProblemError ? error.status === 408 || error.status === 429 || error.status >= 500 : !1;
}

// ../src/tags.js
var ANNOUNCEMENT_TAG = "DLC/oracle/announcement/v0", ATTESTATION_TAG = "DLC/oracle/attestation/v0";
function taggedHash2(tag, ...parts) {
  let name = sha256(textToUtf8(tag));
  return sha256(concatBytes(name, name, ...parts));
}
function announcementHash(eventTlv) {
  return taggedHash2(ANNOUNCEMENT_TAG, eventTlv);
}
function attestationHash(outcome) {
  return taggedHash2(ATTESTATION_TAG, textToUtf8(outcome));
}
function sha256Hex(bytes) {
  return bytesToHex(sha256(bytes));
}

// ../src/backoff.js
var Backoff = class {
  #first;
  #most;
  #next;
  /**
   * @param {number} firstMs
   * @param {number} mostMs
   */
  constructor(firstMs, mostMs) {
    this.#first = firstMs, this.#most = mostMs, this.#next = firstMs;
  }
  reset() {
    this.#next = this.#first;
  }
  /**
   * A pause of at least what the server asked for and at most the maximum, so
   * that a server may slow its clients down but not stop them.
   *
   * @param {number | null} [askedMs]
   * @returns {number} milliseconds
   */
  pause(askedMs) {
    let own = this.#next;
    this.#next = Math.min(own * 2, this.#most);
    let base = Math.min(Math.max(own, askedMs ?? 0), this.#most);
    return base - Math.random() * Math.min(own, base) / 4;
  }
};
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    let stop = () => {
      clearTimeout(timer), reject(signal?.reason);
    }, timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop), resolve();
    }, ms);
    signal?.aborted ? stop() : signal?.addEventListener("abort", stop, { once: !0 });
  });
}

// ../src/cache.js
var Cache = class {
  /** @type {Map<string, T>} */
  #entries = /* @__PURE__ */ new Map();
  #most;
  /** @param {number} most entries */
  constructor(most) {
    this.#most = most;
  }
  /**
   * @param {string} key
   * @returns {T | undefined}
   */
  get(key2) {
    let value = this.#entries.get(key2);
    return value !== void 0 && (this.#entries.delete(key2), this.#entries.set(key2, value)), value;
  }
  /**
   * @param {string} key
   * @param {T} value
   */
  set(key2, value) {
    this.#entries.delete(key2), this.#entries.set(key2, value);
    for (let oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
  }
};

// ../src/event.js
var MAX_STRING_BYTES = 4096, MAX_ITEMS = 65535;
function eventIdProblem(id) {
  return id === "" ? "is empty" : textProblem(id);
}
function descriptorProblem(descriptor) {
  if (descriptor.kind === "digits") {
    let { base, isSigned, unit, nbDigits } = descriptor;
    if (base < 2) return `base is ${base}; it must be at least 2`;
    if (nbDigits < 1) return "nb_digits is 0; it must be at least 1";
    if (isSigned && nbDigits === MAX_ITEMS) return "needs more nonces than an event can list";
    let problem = textProblem(unit);
    return problem && `unit ${problem}`;
  }
  let { outcomes } = descriptor;
  if (outcomes.length === 0) return "has no outcomes";
  if (outcomes.length > MAX_ITEMS) return `has more than ${MAX_ITEMS} outcomes`;
  let seen = /* @__PURE__ */ new Set();
  for (let [index, outcome] of outcomes.entries()) {
    let problem = outcome === "" ? "is empty" : textProblem(outcome);
    if (problem) return `outcome ${index} ${problem}`;
    if (seen.has(outcome)) return `outcome ${JSON.stringify(outcome)} occurs twice`;
    seen.add(outcome);
  }
  return null;
}
function textProblem(text) {
  return isText(text) ? textToUtf8(text).length > MAX_STRING_BYTES ? `is longer than ${MAX_STRING_BYTES} bytes` : isNfc(text) ? null : "is not in Unicode normalisation form C" : "has a lone surrogate";
}
function nonceCount(descriptor) {
  return descriptor.kind === "enum" ? 1 : descriptor.nbDigits + (descriptor.isSigned ? 1 : 0);
}
function canSign(descriptor, index, value) {
  return descriptor.kind === "enum" ? index === 0 && descriptor.outcomes.includes(value) : descriptor.isSigned && index === 0 ? value === "+" || value === "-" : isDigit(descriptor.base, value);
}
function isDigit(base, value) {
  return /^(?:0|[1-9][0-9]{0,4})$/.test(value) && Number(value) < base;
}
function parseOutcome(descriptor, texts) {
  if (texts.length !== nonceCount(descriptor) || !texts.every((text, index) => canSign(descriptor, index, text))) return null;
  if (descriptor.kind === "enum") return Object.freeze({ kind: "enum", text: texts.join() });
  let digits = descriptor.isSigned ? texts.slice(1) : texts, radix = BigInt(descriptor.base), magnitude = digits.reduce((sum, digit) => sum * radix + BigInt(digit), 0n), negative = descriptor.isSigned && texts[0] === "-";
  if (negative && magnitude === 0n) return null;
  let value = negative ? -magnitude : magnitude;
  return Object.freeze({ kind: "digits", value, text: String(value) });
}

// ../src/json.js
var JsonNumber = class {
  /** @param {string} literal */
  constructor(literal) {
    this.literal = literal;
  }
}, MAX_DEPTH = 127, NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y, PLAIN = /[^"\\\u0000-\u001f]*/y, SPACE = /[ \t\n\r]*/y, ESCAPES = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: `
`, r: "\r", t: "	" };
function parseJson(text) {
  let parser = new Parser(text), value = parser.value(0);
  return parser.end(), value;
}
var Parser = class {
  #text;
  #at = 0;
  /** @param {string} text */
  constructor(text) {
    this.#text = text;
  }
  /**
   * @param {number} depth
   * @returns {JsonValue}
   */
  value(depth) {
    if (depth > MAX_DEPTH) throw this.#error("is nested too deeply");
    switch (this.#match(SPACE), this.#text[this.#at]) {
      case "{":
        return this.#object(depth);
      case "[":
        return this.#array(depth);
      case '"':
        return this.#string();
      case "t":
        return this.#word("true", !0);
      case "f":
        return this.#word("false", !1);
      case "n":
        return this.#word("null", null);
      default:
        return this.#number();
    }
  }
  end() {
    if (this.#match(SPACE), this.#at !== this.#text.length) throw this.#error("goes on after its end");
  }
  /** @param {number} depth */
  #object(depth) {
    let members = /* @__PURE__ */ new Map();
    if (this.#at += 1, this.#next("}")) return members;
    do {
      if (this.#match(SPACE), this.#text[this.#at] !== '"') throw this.#error("lacks a key");
      let key2 = this.#string();
      if (members.has(key2)) throw this.#error(`has the key ${JSON.stringify(key2)} twice`);
      this.#expect(":"), members.set(key2, this.value(depth + 1));
    } while (this.#next(","));
    return this.#expect("}"), members;
  }
  /** @param {number} depth */
  #array(depth) {
    let items = [];
    if (this.#at += 1, this.#next("]")) return items;
    do
      items.push(this.value(depth + 1));
    while (this.#next(","));
    return this.#expect("]"), items;
  }
  #string() {
    let out = "";
    for (this.#at += 1; ; ) {
      out += this.#match(PLAIN);
      let stop = this.#text[this.#at];
      if (this.#at += 1, stop === '"') break;
      if (stop !== "\\") throw this.#error("has an unfinished string or a control character in one");
      out += this.#escape();
    }
    if (!isText(out)) throw this.#error("has a lone surrogate");
    return out;
  }
  #escape() {
    let letter = this.#text[this.#at] ?? "";
    if (this.#at += 1, letter === "u") {
      let digits = this.#text.slice(this.#at, this.#at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) throw this.#error("has an escape that is none");
      return this.#at += 4, String.fromCharCode(Number.parseInt(digits, 16));
    }
    let char = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : void 0;
    if (char === void 0) throw this.#error("has an escape that is none");
    return char;
  }
  #number() {
    let literal = this.#match(NUMBER);
    if (literal === "") throw this.#error("has no value where one is due");
    if (!Number.isFinite(Number(literal))) throw this.#error("has a number out of range");
    return new JsonNumber(literal);
  }
  /**
   * @template {JsonValue} T
   * @param {string} word
   * @param {T} value
   * @returns {T}
   */
  #word(word, value) {
    if (!this.#text.startsWith(word, this.#at)) throw this.#error("has no value where one is due");
    return this.#at += word.length, value;
  }
  /** @param {RegExp} pattern sticky, and matching at least the empty text unless it is a number */
  #match(pattern) {
    pattern.lastIndex = this.#at;
    let found = pattern.exec(this.#text)?.[0] ?? "";
    return this.#at += found.length, found;
  }
  /** @param {string} char */
  #next(char) {
    return this.#match(SPACE), this.#text[this.#at] !== char ? !1 : (this.#at += 1, !0);
  }
  /** @param {string} char */
  #expect(char) {
    if (!this.#next(char)) throw this.#error(`lacks a ${char}`);
  }
  /** @param {string} problem */
  #error(problem) {
    return new CodecError("json", "JSON", 0, `${problem} (at character ${this.#at})`);
  }
};

// ../src/dlc-json.js
function readAnnouncementJson(text) {
  let root = new Member(parseJson(text), "").object(), signature = root.take("announcementSignature").hex(64), oraclePublicKey = root.take("oraclePublicKey").point(), body = root.take("oracleEvent").object();
  root.end();
  let nonces = body.take("oracleNonces").list((m) => m.point()), maturity = body.take("eventMaturityEpoch").integer(0, 4294967295), descriptor = readDescriptor(body.take("eventDescriptor")), eventId2 = body.take("eventId").eventId();
  body.end();
  let event = Object.freeze({ nonces, maturity, descriptor, eventId: eventId2 });
  return Object.freeze({ signature, oraclePublicKey, event });
}
function readDescriptor(member) {
  let choice = member.object(), descriptor;
  if (choice.has("enumEvent")) {
    let body = choice.take("enumEvent").object();
    descriptor = { kind: "enum", outcomes: body.take("outcomes").list((m) => m.text()) }, body.end();
  } else if (choice.has("digitDecompositionEvent")) {
    let body = choice.take("digitDecompositionEvent").object();
    descriptor = {
      kind: "digits",
      base: body.take("base").integer(0, 65535),
      isSigned: body.take("isSigned").boolean(),
      unit: body.take("unit").text(),
      precision: body.take("precision").integer(-(2 ** 31), 2 ** 31 - 1),
      nbDigits: body.take("nbDigits").integer(0, 65535)
    }, body.end();
  } else
    throw shape(member.path, "has neither enumEvent nor digitDecompositionEvent");
  choice.end();
  let problem = descriptorProblem(descriptor);
  if (problem) throw new CodecError("descriptor", member.path, 0, problem);
  return Object.freeze(descriptor);
}
function readAttestationJson(text) {
  let root = new Member(parseJson(text), "").object(), eventId2 = root.has("eventId") ? root.take("eventId").eventId() : null, oraclePublicKey = root.take("oraclePublicKey").point(), signatures = root.take("signatures").list((m) => m.hex(64)), outcomes = root.take("outcomes").list((m) => m.someText());
  if (root.end(), outcomes.length !== signatures.length)
    throw shape("outcomes", `has ${outcomes.length} items for ${signatures.length} signatures`);
  return Object.freeze({ eventId: eventId2, oraclePublicKey, signatures, outcomes });
}
function shape(path, problem) {
  return new CodecError("json-shape", path || "message", 0, problem);
}
var Member = class _Member {
  #value;
  /**
   * @param {JsonValue} value
   * @param {string} path
   */
  constructor(value, path) {
    this.#value = value, this.path = path;
  }
  object() {
    if (!(this.#value instanceof Map)) throw shape(this.path, "is not an object");
    return new Members(this.#value, this.path);
  }
  /**
   * @template T
   * @param {(item: Member) => T} item
   * @returns {readonly T[]}
   */
  list(item) {
    let values = this.#value;
    if (!Array.isArray(values) || values.length < 1 || values.length > MAX_ITEMS)
      throw shape(this.path, `is not an array of 1 to ${MAX_ITEMS} items`);
    return Object.freeze(values.map((value, i) => item(new _Member(value, `${this.path}[${i}]`))));
  }
  text() {
    if (typeof this.#value != "string") throw shape(this.path, "is not a string");
    if (textToUtf8(this.#value).length > MAX_STRING_BYTES)
      throw shape(this.path, `is not at most ${MAX_STRING_BYTES} bytes long`);
    return this.#value;
  }
  someText() {
    let text = this.text();
    if (text === "") throw shape(this.path, "is empty");
    return text;
  }
  boolean() {
    if (typeof this.#value != "boolean") throw shape(this.path, "is not true or false");
    return this.#value;
  }
  /**
   * @param {number} least
   * @param {number} most
   */
  integer(least, most) {
    let literal = this.#value instanceof JsonNumber ? this.#value.literal : "", value = /^(?:0|-?[1-9][0-9]*)$/.test(literal) ? Number(literal) : NaN;
    if (!(value >= least && value <= most)) throw shape(this.path, "is not an integer in range");
    return value;
  }
  /** @param {number} length bytes */
  hex(length) {
    let bytes = hexBytes(this.text());
    if (bytes?.length !== length) throw shape(this.path, `is not ${length} bytes of hex`);
    return bytesToHex(bytes);
  }
  point() {
    let xonly = this.hex(32);
    if (!liftX(xonly)) throw shape(this.path, "is not an x-only point on the curve");
    return xonly;
  }
  eventId() {
    let id = this.text(), problem = eventIdProblem(id);
    if (problem) throw new CodecError("event-id", this.path, 0, problem);
    return id;
  }
}, Members = class {
  #rest;
  #path;
  /**
   * @param {Map<string, JsonValue>} members
   * @param {string} path
   */
  constructor(members, path) {
    this.#rest = new Map(members), this.#path = path;
  }
  /** @param {string} key */
  #pathOf(key2) {
    return this.#path ? `${this.#path}.${key2}` : key2;
  }
  /** @param {string} key */
  has(key2) {
    return this.#rest.has(key2);
  }
  /** @param {string} key */
  take(key2) {
    let value = this.#rest.get(key2);
    if (value === void 0) throw shape(this.#pathOf(key2), "is missing");
    return this.#rest.delete(key2), new Member(value, this.#pathOf(key2));
  }
  end() {
    for (let key2 of this.#rest.keys()) throw shape(this.#pathOf(key2), "is not a member of this message");
  }
};

// ../src/reader.js
var Reader = class _Reader {
  #bytes;
  /** Position in the whole input. */
  offset;
  /**
   * @param {Uint8Array} bytes
   * @param {number} [offset]
   */
  constructor(bytes, offset = 0) {
    this.#bytes = bytes, this.offset = offset;
  }
  clone() {
    return new _Reader(this.#bytes, this.offset);
  }
  /** @param {MessageType} due */
  startsWith([type, field]) {
    try {
      return this.clone().#bigsize(field) === type;
    } catch {
      return !1;
    }
  }
  /**
   * @param {string} field
   * @param {number | bigint} length
   */
  #take(field, length) {
    let left = this.#bytes.length;
    if (length > left)
      throw new CodecError("truncated", field, this.offset, `needs ${length} bytes; ${left} are left`);
    let taken = this.#bytes.subarray(0, Number(length));
    return this.#bytes = this.#bytes.subarray(taken.length), this.offset += taken.length, taken;
  }
  /**
   * @param {string} field
   * @param {number} width at most 4 bytes
   * @returns {number}
   */
  uint(field, width) {
    return Number(bytesToNumber(this.#take(field, width)));
  }
  /** @param {string} field */
  boolean(field) {
    let { offset } = this, byte = this.uint(field, 1);
    if (byte > 1) throw new CodecError("boolean", field, offset, `is ${byte}; a boolean is 0 or 1`);
    return byte === 1;
  }
  /**
   * @param {string} field
   * @returns {bigint}
   */
  #bigsize(field) {
    let { offset } = this, first = this.uint(field, 1);
    if (first < 253) return BigInt(first);
    let [width, least] = first === 253 ? [2, 0xfdn] : first === 254 ? [4, 0x10000n] : [8, 0x100000000n], value = bytesToNumber(this.#take(field, width));
    if (value < least) throw new CodecError("not-minimal", field, offset, "is not a minimal bigsize");
    return value;
  }
  /**
   * @param {string} field
   * @returns {string}
   */
  string(field) {
    let { offset } = this, length = this.#bigsize(field);
    if (length > MAX_STRING_BYTES) throw tooLong(field, offset, length);
    let text = utf8ToText(this.#take(field, length));
    if (text === null) throw new CodecError("utf8", field, offset, "is not UTF-8");
    return text;
  }
  eventId() {
    let { offset } = this, id = this.string("event_id"), problem = eventIdProblem(id);
    if (problem) throw new CodecError("event-id", "event_id", offset, problem);
    return id;
  }
  /**
   * @param {string} field
   * @param {number} length bytes
   */
  hex(field, length) {
    return bytesToHex(this.#take(field, length));
  }
  /** @param {string} field */
  point(field) {
    let { offset } = this, xonly = this.hex(field, 32);
    if (!liftX(xonly)) throw new CodecError("point", field, offset, "is not an x-only point on the curve");
    return xonly;
  }
  /**
   * A non-empty list behind a `u16` count. `least` is the fewest bytes an item
   * takes: a count that the bytes cannot hold is refused before the first.
   *
   * @template T
   * @param {string} field
   * @param {number} least
   * @param {(reader: Reader) => T} item
   * @returns {readonly T[]}
   */
  list(field, least, item) {
    let { offset } = this, count2 = this.uint(field, 2);
    if (count2 === 0) throw new CodecError("empty", field, offset, "is empty");
    let left = this.#bytes.length;
    if (count2 * least > left)
      throw new CodecError("truncated", field, this.offset, `needs ${count2 * least} bytes; ${left} are left`);
    return Object.freeze(Array.from({ length: count2 }, () => item(this)));
  }
  /** @param {string} field */
  anyTlv(field) {
    let type = this.#bigsize(field), length = this.#bigsize(field), { offset } = this;
    return { type, body: new _Reader(this.#take(field, length), offset) };
  }
  /** @param {MessageType} due */
  tlv([due, field]) {
    let { offset } = this, { type, body } = this.anyTlv(field);
    if (type !== due) throw new CodecError("type", field, offset, `has TLV type ${type}`);
    return body;
  }
  /** @param {string} field */
  end(field) {
    let count2 = this.#bytes.length;
    if (count2 > 0) throw new CodecError("trailing", field, this.offset, `is followed by ${count2} bytes`);
  }
};
function tooLong(field, offset, length) {
  return new CodecError("too-long", field, offset, `is ${length} bytes long; at most ${MAX_STRING_BYTES} are allowed`);
}

// ../src/tlv.js
var ANNOUNCEMENT = [55332n, "oracle_announcement"], EVENT = [55330n, "oracle_event"], ENUM = 55302n, DIGITS = 55306n, ATTESTATION = [55400n, "oracle_attestation"];
function writeEvent(event) {
  let body = concatBytes(
    list("oracle_nonces", event.nonces, (nonce) => hexField("oracle_nonces", nonce, 32)),
    unsigned("event_maturity_epoch", event.maturity, 4),
    writeDescriptor(event.descriptor),
    string("event_id", event.eventId)
  );
  return wrap(EVENT[0], body);
}
function writeDescriptor(descriptor) {
  if (descriptor.kind === "enum")
    return wrap(ENUM, list("outcomes", descriptor.outcomes, (text) => string("outcomes", text)));
  let body = concatBytes(
    unsigned("base", descriptor.base, 2),
    Uint8Array.of(descriptor.isSigned ? 1 : 0),
    string("unit", descriptor.unit),
    signed("precision", descriptor.precision),
    unsigned("nb_digits", descriptor.nbDigits, 2)
  );
  return wrap(DIGITS, body);
}
function writeAnnouncement({ signature, oraclePublicKey, event }) {
  let body = concatBytes(
    hexField("announcement_signature", signature, 64),
    hexField("oracle_public_key", oraclePublicKey, 32),
    writeEvent(event)
  );
  return wrap(ANNOUNCEMENT[0], body);
}
function writeAttestation({ eventId: eventId2, oraclePublicKey, signatures, outcomes }, layout) {
  let texts = outcomes.map((text) => string("outcomes", text)), body = concatBytes(
    ...eventId2 === null ? [] : [string("event_id", eventId2)],
    hexField("oracle_public_key", oraclePublicKey, 32),
    list("signatures", signatures, (signature) => hexField("signatures", signature, 64)),
    ...layout === "counted" ? [unsigned("outcomes", texts.length, 2)] : [],
    ...texts
  );
  return wrap(ATTESTATION[0], body);
}
function wrap(type, body) {
  return concatBytes(bigsize(type), bigsize(BigInt(body.length)), body);
}
function bigsize(value) {
  if (value < 0xfdn) return Uint8Array.of(Number(value));
  let [prefix, width] = value < 0x10000n ? [253, 2] : value < 0x100000000n ? [254, 4] : [255, 8];
  return concatBytes(Uint8Array.of(prefix), bigEndian(value, width));
}
function bigEndian(value, width) {
  let out = new Uint8Array(width);
  for (let i = width - 1, rest = value; i >= 0; i -= 1, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}
function unsigned(field, value, width) {
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width))
    throw new CodecError("too-long", field, 0, `${value} does not fit ${width} bytes`);
  return bigEndian(BigInt(value), width);
}
function signed(field, value) {
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31)
    throw new CodecError("too-long", field, 0, `${value} does not fit 4 bytes`);
  return bigEndian(BigInt.asUintN(32, BigInt(value)), 4);
}
function string(field, text) {
  let bytes = textToUtf8(text);
  if (bytes.length > MAX_STRING_BYTES) throw tooLong(field, 0, bytes.length);
  return concatBytes(bigsize(BigInt(bytes.length)), bytes);
}
function hexField(field, hex, length) {
  let bytes = hexBytes(hex);
  if (bytes?.length !== length) throw new CodecError("truncated", field, 0, `is not ${length} bytes of hex`);
  return bytes;
}
function list(field, items, write) {
  return concatBytes(unsigned(field, items.length, 2), ...items.map(write));
}
function readAnnouncement(bytes) {
  return eitherForm(bytes, ANNOUNCEMENT, (body) => {
    let signature = body.hex("announcement_signature", 64), oraclePublicKey = body.point("oracle_public_key"), event = readEvent(body);
    return body.end(ANNOUNCEMENT[1]), Object.freeze({ signature, oraclePublicKey, event });
  });
}
function readEvent(outer) {
  let body = outer.tlv(EVENT), nonces = body.list("oracle_nonces", 32, (r) => r.point("oracle_nonces")), maturity = body.uint("event_maturity_epoch", 4), descriptor = readDescriptor2(body), eventId2 = body.eventId();
  return body.end(EVENT[1]), Object.freeze({ nonces, maturity, descriptor, eventId: eventId2 });
}
function readDescriptor2(outer) {
  let field = "event_descriptor", offset = outer.offset, { type, body } = outer.anyTlv(field), descriptor;
  if (type === ENUM)
    descriptor = { kind: "enum", outcomes: body.list("outcomes", 1, (r) => r.string("outcomes")) };
  else if (type === DIGITS)
    descriptor = {
      kind: "digits",
      base: body.uint("base", 2),
      isSigned: body.boolean("is_signed"),
      unit: body.string("unit"),
      precision: body.uint("precision", 4) | 0,
      nbDigits: body.uint("nb_digits", 2)
    };
  else
    throw new CodecError("type", field, offset, `has TLV type ${type}`);
  body.end(field);
  let problem = descriptorProblem(descriptor);
  if (problem) throw new CodecError("descriptor", field, offset, problem);
  return Object.freeze(descriptor);
}
function readAttestation(bytes) {
  return eitherForm(bytes, ATTESTATION, (body) => {
    let furthest = null;
    for (let hasId of [!0, !1])
      for (
        let layout of
        /** @type {const} */
        ["spec", "counted"]
      )
        try {
          return { attestation: readAttestationAs(body.clone(), hasId, layout), layout };
        } catch (error) {
          if (!(error instanceof CodecError)) throw error;
          (furthest === null || furthest.offset < error.offset) && (furthest = error);
        }
    throw furthest ?? new CodecError("empty", ATTESTATION[1], 0, "is empty");
  });
}
function readAttestationAs(body, hasId, layout) {
  let eventId2 = hasId ? body.eventId() : null, oraclePublicKey = body.point("oracle_public_key"), signatures = body.list("signatures", 64, (r) => r.hex("signatures", 64)), outcome = (r) => {
    let { offset: offset2 } = r, text = r.string("outcomes");
    if (text === "") throw new CodecError("empty", "outcomes", offset2, "is empty");
    return text;
  }, { offset } = body, outcomes = layout === "counted" ? body.list("outcomes", 1, outcome) : Object.freeze(signatures.map(() => outcome(body)));
  if (outcomes.length !== signatures.length) {
    let problem = `has ${outcomes.length} items; ${signatures.length} are due`;
    throw new CodecError("count", "outcomes", offset, problem);
  }
  return body.end(ATTESTATION[1]), Object.freeze({ eventId: eventId2, oraclePublicKey, signatures, outcomes });
}
function eitherForm(bytes, due, read) {
  if (!new Reader(bytes).startsWith(due)) return read(new Reader(bytes));
  try {
    let reader = new Reader(bytes), body = reader.tlv(due);
    return reader.end(due[1]), read(body);
  } catch (error) {
    try {
      return read(new Reader(bytes));
    } catch {
      throw error;
    }
  }
}

// ../src/codec.js
function decodeAnnouncement(input) {
  let form = formOf(input);
  return typeof form == "string" ? readAnnouncementJson(form) : readAnnouncement(form);
}
function decodeAttestation(input) {
  let form = formOf(input);
  return typeof form == "string" ? readAttestationJson(form) : readAttestation(form).attestation;
}
function encodeAnnouncement(announcement) {
  let bytes = writeAnnouncement(announcement);
  return readAnnouncement(bytes), bytes;
}
function encodeAttestation(attestation, layout = "spec") {
  let bytes = writeAttestation(attestation, layout);
  return readAttestation(bytes), bytes;
}
function formOf(input) {
  let text = (typeof input == "string" ? input : utf8ToText(input))?.replace(/^[ \t\n\f\r]+|[ \t\n\f\r]+$/g, "");
  if (text?.startsWith("{")) return text;
  let bytes = text ? hexBytes(text) : null;
  if (bytes) return bytes;
  if (typeof input != "string") return input;
  throw new CodecError("type", "message", 0, "is neither hex nor JSON");
}

// ../src/http.js
var MAX_PROBLEM = 64 * 1024, Http = class {
  #base;
  #fetch;
  #timeoutMs;
  #maxBytes;
  /**
   * @param {string} base an `http` or `https` address, below whose path the API begins
   * @param {{fetch: Fetch, timeoutMs: number, maxBytes: number}} options
   */
  constructor(base, { fetch: fetch2, timeoutMs, maxBytes }) {
    let url = URL.canParse(base) ? new URL(base) : null;
    if (url?.protocol !== "http:" && url?.protocol !== "https:") throw new TypeError("url: an http or https address is needed");
    if (url.username || url.password) throw new TypeError("url: an address with a password cannot be fetched");
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, "")}`, this.#fetch = fetch2, this.#timeoutMs = timeoutMs, this.#maxBytes = maxBytes;
  }
  /**
   * The whole body of a 200 answer.
   *
   * @param {Request} request
   * @returns {Promise<Uint8Array>}
   */
  async get(request) {
    let deadline = new Deadline(request.what, this.#timeoutMs + (request.holdMs ?? 0), request.signal);
    try {
      let response = await this.#accepted(request, deadline.signal);
      return await readBody(request.what, response, request.limit ?? this.#maxBytes);
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.clear();
    }
  }
  /**
   * A 200 answer whose body is read as it comes; time is limited up to its
   * first byte.
   *
   * @param {Request & {signal: AbortSignal}} request its signal also ends the body
   * @returns {Promise<ReadableStream<Uint8Array>>}
   */
  async open(request) {
    let deadline = new Deadline(request.what, this.#timeoutMs, request.signal);
    try {
      let { body } = await this.#accepted(request, deadline.signal);
      if (!body) throw new MalformedError(request.what, "answer has no body");
      return body;
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.disarm();
    }
  }
  /**
   * @param {Request} request
   * @param {AbortSignal} signal
   */
  async #accepted({ what, path, query, accept, headers }, signal) {
    let fetch2 = this.#fetch, response = await fetch2(this.#address(path, query), {
      headers: { accept, ...headers },
      signal,
      credentials: "omit",
      referrerPolicy: "no-referrer"
    });
    if (response.status === 200) return response;
    throw await refusal(what, response);
  }
  /**
   * @param {readonly string[]} path
   * @param {Request['query']} [query]
   */
  #address(path, query = {}) {
    let pairs = Object.entries(query).flatMap(
      ([key2, value]) => value === void 0 ? [] : `${encodeURIComponent(key2)}=${encodeURIComponent(value)}`
    ), segments = path.map((segment) => `/${encodeURIComponent(segment)}`);
    return this.#base + segments.join("") + (pairs.length > 0 ? `?${pairs.join("&")}` : "");
  }
}, Deadline = class {
  #controller = new AbortController();
  #what;
  #caller;
  #timer;
  #expired = !1;
  #forward = () => this.#controller.abort(this.#caller?.reason);
  /**
   * @param {string} what
   * @param {number} ms
   * @param {AbortSignal | undefined} caller
   */
  constructor(what, ms, caller) {
    this.#what = what, this.#caller = caller, this.#timer = setTimeout(() => {
      this.#expired = !0, this.#controller.abort();
    }, ms), caller?.aborted ? this.#forward() : caller?.addEventListener("abort", this.#forward, { once: !0 });
  }
  get signal() {
    return this.#controller.signal;
  }
  /** Lifts the time limit; the caller's signal goes on to count. */
  disarm() {
    clearTimeout(this.#timer);
  }
  clear() {
    this.disarm(), this.#caller?.removeEventListener("abort", this.#forward);
  }
  /**
   * What really happened: `fetch` words every failure alike.
   *
   * @param {unknown} error
   * @returns {unknown}
   */
  explain(error) {
    return this.#caller?.aborted ? this.#caller.reason : this.#expired ? new TransportError("timeout", this.#what, "no answer in time", { cause: error }) : asTransport(this.#what, error);
  }
};
function asTransport(what, error) {
  return error instanceof TypeError || error instanceof DOMException ? new TransportError("unreachable", what, "the server cannot be reached or broke off", { cause: error }) : error;
}
async function readBody(what, response, limit) {
  let reader = response.body?.getReader(), chunks = [], length = 0;
  for (; ; ) {
    let { done, value } = await reader?.read() ?? { done: !0, value: void 0 };
    if (done) return concatBytes(...chunks);
    if (length += value.length, length > limit)
      throw await reader?.cancel(), new TooLargeError(what, limit);
    chunks.push(value);
  }
}
async function refusal(what, response) {
  let { type, title, detail } = await problemOf(what, response), problem = {
    status: response.status,
    slug: type.split("/").pop() || "about:blank",
    detail: detail || title,
    retryAfterMs: retryAfter(response.headers.get("retry-after"))
  };
  switch (`${problem.status} ${problem.slug}`) {
    case "404 unknown-event":
      return new UnknownEventError(what, problem);
    case "404 not-announced":
    case "404 not-attested":
      return new NotYetError(what, problem);
    case "410 refunded":
    case "410 withdrawn":
      return new NeverError(what, problem);
    default:
      return new ProblemError(what, problem);
  }
}
async function problemOf(what, response) {
  let problem = { type: "", title: "", detail: "" };
  try {
    let found = JSON.parse(new TextDecoder().decode(await readBody(what, response, MAX_PROBLEM)));
    for (
      let key2 of
      /** @type {const} */
      ["type", "title", "detail"]
    ) {
      let value = memberOf(found, key2);
      typeof value == "string" && (problem[key2] = value);
    }
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TooLargeError)) throw error;
  }
  return problem;
}
function memberOf(json, key2) {
  if (!(json === null || typeof json != "object" || !Object.hasOwn(json, key2)))
    return (
      /** @type {Record<string, unknown>} */
      json[key2]
    );
}
function retryAfter(header) {
  return header !== null && /^[0-9]{1,9}$/.test(header.trim()) ? Number(header) * 1e3 : null;
}

// ../src/model.js
function readOracleInfo(body) {
  let info = new Shape("oracle", body), texts = ["name", "network", "public_key", "log_origin", "log_public_key", "server_version", "dialect"];
  for (let key2 of texts) info.text(key2);
  return info.as();
}
function readEventInfo(body) {
  return eventInfo(new Shape("event", body)).as();
}
function readEventsPage(body) {
  let page = new Shape("events", body);
  return page.each("events", eventInfo), page.textOrNull("next_cursor"), page.as();
}
function readEvidenceInfo(body) {
  let info = new Shape("evidence", body);
  return info.each("observations", (observation) => {
    for (let key2 of ["source", "verdict"]) observation.text(key2);
    for (let key2 of ["literal", "sha256"]) observation.textOrNull(key2);
  }), info.textOrNull("manifest_sha256"), info.as();
}
function readProofsInfo(body) {
  let info = new Shape("proofs", body);
  return info.text("checkpoint"), info.part("announcement", inclusion), info.part("attestation", inclusion, !0), info.as();
}
function inclusion(proof) {
  proof.position("leaf_index"), proof.texts("hashes");
}
var EVENT_TEXTS = ["event_id", "kind", "state", "maturity"], EVENT_NULLABLE = [
  "series",
  "reason",
  "attest_by",
  "policy_hash",
  "announced_at",
  "attested_at",
  "outcome",
  "next_attempt_at"
];
function eventInfo(info) {
  for (let key2 of EVENT_TEXTS) info.text(key2);
  for (let key2 of EVENT_NULLABLE) info.textOrNull(key2);
  return info;
}
function shapeOf(what, json) {
  return new Shape(what, json);
}
var Shape = class _Shape {
  #what;
  #object;
  /**
   * @param {string} what
   * @param {Uint8Array | string | object | null} json text, or an object parsed already
   */
  constructor(what, json) {
    this.#what = what;
    let object = json;
    if (typeof json == "string" || json instanceof Uint8Array)
      try {
        object = JSON.parse(typeof json == "string" ? json : utf8ToText(json) ?? "");
      } catch {
        throw new MalformedError(what, "is not JSON");
      }
    if (object === null || typeof object != "object") throw new MalformedError(what, "is not an object");
    this.#object = object;
  }
  /**
   * @param {string} key
   * @returns {string}
   */
  text(key2) {
    let value = memberOf(this.#object, key2);
    if (typeof value != "string") throw new MalformedError(this.#what, `${key2} is not a string`);
    return value;
  }
  /**
   * An absent member becomes null.
   *
   * @param {string} key
   */
  textOrNull(key2) {
    let value = memberOf(this.#object, key2) ?? null;
    if (value !== null && typeof value != "string") throw new MalformedError(this.#what, `${key2} is not a string`);
    Object.assign(this.#object, { [key2]: value });
  }
  /** @param {string} key */
  position(key2) {
    let value = memberOf(this.#object, key2);
    if (!Number.isSafeInteger(value) || Number(value) < 0) throw new MalformedError(this.#what, `${key2} is not a position`);
  }
  /** @param {string} key */
  texts(key2) {
    let values = memberOf(this.#object, key2);
    if (!Array.isArray(values) || values.some((value) => typeof value != "string"))
      throw new MalformedError(this.#what, `${key2} is not an array of strings`);
  }
  /**
   * A member that is an object; where it may, null.
   *
   * @param {string} key
   * @param {(item: Shape) => void} check
   * @param {boolean} [nullable]
   */
  part(key2, check, nullable = !1) {
    let value = memberOf(this.#object, key2) ?? null;
    value === null && nullable ? Object.assign(this.#object, { [key2]: null }) : check(new _Shape(this.#what, typeof value == "object" ? value : null));
  }
  /**
   * @param {string} key
   * @param {(item: Shape) => void} check
   */
  each(key2, check) {
    let values = memberOf(this.#object, key2);
    if (!Array.isArray(values)) throw new MalformedError(this.#what, `${key2} is not an array`);
    for (let value of values) check(new _Shape(this.#what, typeof value == "object" ? value : null));
  }
  /**
   * The object, once its members have been checked.
   *
   * @template T
   * @returns {T}
   */
  as() {
    return (
      /** @type {T} */
      this.#object
    );
  }
};

// ../src/policy.js
function readPolicy(input, expectedHash) {
  let bytes = typeof input == "string" ? textToUtf8(input) : input, hash2 = sha256Hex(bytes);
  if (expectedHash !== void 0 && hash2 !== expectedHash.toLowerCase())
    throw new HashError("policy", expectedHash, hash2);
  let text = utf8ToText(bytes);
  if (text === null) throw new MalformedError("policy", "is not UTF-8");
  let document = parseCanonical(text);
  if (document === void 0) throw new MalformedError("policy", "is not canonical JSON (RFC 8785)");
  return Object.freeze({ hash: hash2, text, document });
}
function parseCanonical(text) {
  try {
    let document = JSON.parse(text);
    return canonicalJson(document) === text ? document : void 0;
  } catch {
    return;
  }
}
function canonicalJson(document) {
  return typeof document == "string" ? quoted(document) : document === null || typeof document != "object" ? JSON.stringify(document) : Array.isArray(document) ? `[${document.map(canonicalJson).join()}]` : `{${Object.entries(document).sort(([a], [b]) => a < b ? -1 : 1).map(([key2, value]) => `${quoted(key2)}:${canonicalJson(value)}`).join()}}`;
}
function quoted(text) {
  if (!isText(text)) throw new TypeError("canonical JSON has no lone surrogates");
  return JSON.stringify(text);
}

// ../src/sse.js
var EventParser = class {
  #decoder = new TextDecoder();
  #limit;
  #line = "";
  #afterReturn = !1;
  #length = 0;
  #event = "";
  /** @type {string[]} */
  #data = [];
  #id = "";
  /** @param {number} limit longest single event, characters */
  constructor(limit) {
    this.#limit = limit;
  }
  /**
   * The events that this piece completes.
   *
   * @param {Uint8Array} piece
   * @returns {ServerEvent[]}
   * @throws {TooLargeError}
   */
  push(piece) {
    let complete = [], text = this.#decoder.decode(piece, { stream: !0 }), half = this.#afterReturn && text.startsWith(`
`);
    text !== "" && (this.#afterReturn = text.endsWith("\r")), half && (text = text.slice(1));
    let lines = text.split(/\r\n|\n|\r/), rest = lines.pop() ?? "";
    for (let line of lines) {
      let event = this.#take(this.#line + line);
      this.#line = "", event && complete.push(event);
    }
    if (this.#line += rest, this.#length + this.#line.length > this.#limit) throw this.#tooLarge();
    return complete;
  }
  /**
   * @param {string} line
   * @returns {ServerEvent | null} on the blank line that ends an event with data
   */
  #take(line) {
    if (line === "") return this.#dispatch();
    if (this.#length += line.length, this.#length > this.#limit) throw this.#tooLarge();
    let colon = line.indexOf(":"), field = colon < 0 ? line : line.slice(0, colon), value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    return field === "event" ? this.#event = value : field === "data" ? this.#data.push(value) : field === "id" && !value.includes("\0") && (this.#id = value), null;
  }
  #dispatch() {
    let event = { event: this.#event || "message", data: this.#data.join(`
`), id: this.#id }, empty = this.#data.length === 0;
    return this.#event = "", this.#data = [], this.#length = 0, empty ? null : event;
  }
  #tooLarge() {
    return new TooLargeError("stream", this.#limit);
  }
};

// ../src/stream.js
var WHAT = "stream", MAX_EVENT = 64 * 1024;
async function* stream(http, limits, { after, events, signal, onDisconnect } = {}) {
  let backoff = new Backoff(limits.firstBackoffMs, limits.maxBackoffMs), query = { events: events?.join() }, last = after === void 0 ? null : BigInt(after);
  for (; ; ) {
    let lost = null;
    try {
      for await (let event of connection(http, limits.idleTimeoutMs, query, last, signal)) {
        let news = interpret(event);
        !news || news.position !== null && last !== null && news.position <= last || (last = news.position ?? last, backoff.reset(), yield news);
      }
    } catch (error) {
      if (!isTransient(error)) throw error;
      lost = error;
    }
    onDisconnect?.(lost), await sleep(backoff.pause(lost && "retryAfterMs" in lost ? lost.retryAfterMs : null), signal);
  }
}
async function* connection(http, idleMs, query, last, signal) {
  let controller = new AbortController(), forward = () => controller.abort(signal?.reason);
  signal?.aborted && forward(), signal?.addEventListener("abort", forward, { once: !0 });
  try {
    let reader = (await http.open({
      what: WHAT,
      path: ["v1", "stream"],
      query,
      accept: "text/event-stream",
      headers: last === null ? {} : { "last-event-id": String(last) },
      signal: controller.signal
    })).getReader(), parser = new EventParser(MAX_EVENT);
    for (; ; ) {
      let { done, value } = await within(reader.read(), idleMs);
      if (done) return;
      yield* parser.push(value);
    }
  } catch (error) {
    throw signal?.aborted ? signal.reason : asTransport(WHAT, error);
  } finally {
    signal?.removeEventListener("abort", forward), controller.abort();
  }
}
async function within(promise, ms) {
  let timer, silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TransportError("silent", WHAT, `nothing received for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer), promise.catch(() => {
    });
  }
}
function interpret({ event: kind, data, id }) {
  if (kind === "state") {
    let shape2 = shapeOf(WHAT, data);
    return Object.freeze({ kind, position: null, eventId: shape2.text("event_id"), state: shape2.text("state") });
  }
  if (kind !== "announced" && kind !== "attested" && kind !== "refunded") return null;
  if (!/^[0-9]{1,19}$/.test(id)) throw new MalformedError(WHAT, `id ${JSON.stringify(id)} is not a log position`);
  return Object.freeze({ kind, position: BigInt(id), eventId: shapeOf(WHAT, data).text("event_id") });
}

// ../node_modules/@noble/curves/abstract/edwards.js
var _0n7 = /* @__PURE__ */ BigInt(0), _1n5 = /* @__PURE__ */ BigInt(1), _2n4 = /* @__PURE__ */ BigInt(2), _4n4 = /* @__PURE__ */ BigInt(4), _8n2 = /* @__PURE__ */ BigInt(8);
function isEdValidXY(Fp2, CURVE, x, y) {
  let x2 = Fp2.sqr(x), y2 = Fp2.sqr(y), left = Fp2.add(Fp2.mul(CURVE.a, x2), y2), right = Fp2.add(Fp2.ONE, Fp2.mul(CURVE.d, Fp2.mul(x2, y2)));
  return Fp2.eql(left, right);
}
function edwards(params, extraOpts = {}) {
  validateObject(extraOpts, {}, {}, "extraOpts");
  let opts = extraOpts, validated = createCurveFields("edwards", params, opts, opts.FpFnLE), { Fp: Fp2, Fn } = validated, CURVE = validated.CURVE, { h: cofactor } = CURVE;
  if (FpLegendre(Fp2, CURVE.a) !== 1)
    throw new Error("edwards: CURVE.a must be a square in Fp for complete addition formulas");
  if (FpLegendre(Fp2, CURVE.d) !== -1)
    throw new Error("edwards: CURVE.d must be a non-square in Fp for complete addition formulas");
  validateObject(opts, {}, { uvRatio: "function", randomBytes: "function" });
  let randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes, MASK = _2n4 << BigInt(Fp2.BYTES * 8) - _1n5;
  function isOdd(n) {
    if (!Fp2.isOdd)
      throw new Error("Field does not have .isOdd()");
    return Fp2.isOdd(n);
  }
  let uvRatio2 = opts.uvRatio === void 0 ? (u, v) => {
    try {
      return { isValid: !0, value: Fp2.sqrt(Fp2.div(u, v)) };
    } catch {
      return { isValid: !1, value: _0n7 };
    }
  } : opts.uvRatio;
  if (!isEdValidXY(Fp2, CURVE, CURVE.Gx, CURVE.Gy))
    throw new Error("bad curve params: generator point");
  let mulA = Fp2.eql(CURVE.a, Fp2.neg(Fp2.ONE)) ? (x) => Fp2.neg(x) : Fp2.eql(CURVE.a, Fp2.ONE) ? (x) => x : (x) => Fp2.mul(CURVE.a, x);
  function acoord(title, n, banZero = !1) {
    let min = banZero ? _1n5 : _0n7;
    return aInRange("coordinate " + title, n, min, MASK), n;
  }
  function aedpoint(other) {
    if (!(other instanceof Point))
      throw new Error("EdwardsPoint expected");
  }
  class Point {
    static BASE = new Point(CURVE.Gx, CURVE.Gy, Fp2.ONE, Fp2.mul(CURVE.Gx, CURVE.Gy));
    static ZERO = new Point(Fp2.ZERO, Fp2.ONE, Fp2.ONE, Fp2.ZERO);
    static Fp = Fp2;
    static Fn = Fn;
    X;
    Y;
    Z;
    T;
    constructor(X, Y, Z, T) {
      this.X = acoord("x", X), this.Y = acoord("y", Y), this.Z = acoord("z", Z, !0), this.T = acoord("t", T), Object.freeze(this);
    }
    static CURVE() {
      return CURVE;
    }
    /**
     * Create one extended Edwards point from affine coordinates.
     * Does NOT validate that the point is on-curve or torsion-free.
     * Use `.assertValidity()` on adversarial inputs.
     */
    static fromAffine(p) {
      if (p instanceof Point)
        throw new Error("extended point not allowed");
      let { x, y } = p || {};
      return acoord("x", x), acoord("y", y), new Point(x, y, Fp2.ONE, Fp2.mul(x, y));
    }
    // Uses algo from RFC8032 5.1.3.
    static fromBytes(bytes, zip215 = !1) {
      let len = Fp2.BYTES, { a, d } = CURVE;
      bytes = copyBytes(abytes2(bytes, len, "point")), abool(zip215, "zip215");
      let normed = copyBytes(bytes), lastByte = bytes[len - 1];
      normed[len - 1] = lastByte & -129;
      let y = bytesToNumberLE(normed), max = zip215 ? MASK : Fp2.ORDER;
      aInRange("point.y", y, _0n7, max);
      let y2 = Fp2.sqr(y), u = Fp2.sub(y2, Fp2.ONE), v = Fp2.sub(Fp2.mulN(d, y2), a), { isValid, value: x } = uvRatio2(u, v);
      if (!isValid)
        throw new Error("bad point: invalid y coordinate");
      let isXOdd = isOdd(x), isLastByteOdd = (lastByte & 128) !== 0;
      if (!zip215 && Fp2.is0(x) && isLastByteOdd)
        throw new Error("bad point: x=0 and x_0=1");
      return isLastByteOdd !== isXOdd && (x = Fp2.neg(x)), Point.fromAffine({ x, y });
    }
    static fromHex(hex, zip215 = !1) {
      return Point.fromBytes(hexToBytes2(hex), zip215);
    }
    get x() {
      return this.toAffine().x;
    }
    get y() {
      return this.toAffine().y;
    }
    precompute(windowSize = 6, isLazy = !0) {
      return wnaf.setWindowSize(this, windowSize), isLazy || this.multiply(_2n4), this;
    }
    // Useful in fromAffine() - not for fromBytes(), which always created valid points.
    assertValidity() {
      let p = this, { a, d } = CURVE;
      if (p.is0())
        throw new Error("bad point: ZERO");
      let { X, Y, Z, T } = p, X2 = Fp2.sqr(X), Y2 = Fp2.sqr(Y), Z2 = Fp2.sqr(Z), Z4 = Fp2.sqr(Z2), aX2 = Fp2.mul(X2, a), left = Fp2.mul(Fp2.add(aX2, Y2), Z2), right = Fp2.add(Z4, Fp2.mul(d, Fp2.mul(X2, Y2)));
      if (!Fp2.eql(left, right))
        throw new Error("bad point: equation left != right (1)");
      let XY = Fp2.mul(X, Y), ZT = Fp2.mul(Z, T);
      if (!Fp2.eql(XY, ZT))
        throw new Error("bad point: equation left != right (2)");
    }
    // Compare one point to another.
    equals(other) {
      aedpoint(other);
      let { X: X1, Y: Y1, Z: Z1 } = this, { X: X2, Y: Y2, Z: Z2 } = other, X1Z2 = Fp2.mul(X1, Z2), X2Z1 = Fp2.mul(X2, Z1), Y1Z2 = Fp2.mul(Y1, Z2), Y2Z1 = Fp2.mul(Y2, Z1);
      return Fp2.eql(X1Z2, X2Z1) && Fp2.eql(Y1Z2, Y2Z1);
    }
    is0() {
      return this.equals(Point.ZERO);
    }
    negate() {
      return new Point(Fp2.neg(this.X), this.Y, this.Z, Fp2.neg(this.T));
    }
    // Fast algo for doubling Extended Point.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#doubling-dbl-2008-hwcd
    // Cost: 4M + 4S + 1*a + 6add + 1*2.
    double() {
      let { X: X1, Y: Y1, Z: Z1 } = this, A = Fp2.sqr(X1), B = Fp2.sqr(Y1), C = Fp2.mul(Fp2.sqr(Z1), _2n4), D = mulA(A), x1y1 = Fp2.addN(X1, Y1), E = Fp2.sub(Fp2.subN(Fp2.sqr(x1y1), A), B), G = Fp2.addN(D, B), F = Fp2.subN(G, C), H = Fp2.subN(D, B), X3 = Fp2.mul(E, F), Y3 = Fp2.mul(G, H), T3 = Fp2.mul(E, H), Z3 = Fp2.mul(F, G);
      return new Point(X3, Y3, Z3, T3);
    }
    // Fast algo for adding 2 Extended Points.
    // https://hyperelliptic.org/EFD/g1p/auto-twisted-extended.html#addition-add-2008-hwcd
    // Cost: 9M + 1*a + 1*d + 7add.
    add(other) {
      aedpoint(other);
      let { d } = CURVE, { X: X1, Y: Y1, Z: Z1, T: T1 } = this, { X: X2, Y: Y2, Z: Z2, T: T2 } = other, A = Fp2.mul(X1, X2), B = Fp2.mul(Y1, Y2), C = Fp2.mul(Fp2.mulN(T1, d), T2), D = Fp2.mul(Z1, Z2), E = Fp2.sub(Fp2.subN(Fp2.mulN(Fp2.addN(X1, Y1), Fp2.addN(X2, Y2)), A), B), F = Fp2.subN(D, C), G = Fp2.addN(D, C), H = Fp2.sub(B, mulA(A)), X3 = Fp2.mul(E, F), Y3 = Fp2.mul(G, H), T3 = Fp2.mul(E, H), Z3 = Fp2.mul(F, G);
      return new Point(X3, Y3, Z3, T3);
    }
    subtract(other) {
      return aedpoint(other), this.add(other.negate());
    }
    // Constant-time multiplication.
    multiply(scalar) {
      if (!Fn.isValidNot0(scalar))
        throw new RangeError("invalid scalar: expected 1 <= sc < curve.n");
      let { p, f } = wnaf.mulSecret(this, scalar, cofactor, normalize);
      return normalize([p, f])[0];
    }
    // Non-constant-time multiplication. Uses double-and-add algorithm.
    // It's faster, but should only be used when you don't care about
    // an exposed private key e.g. sig verification.
    // Keeps the same subgroup-scalar contract: 0 is allowed for public-scalar callers, but
    // n and larger values are rejected instead of being reduced mod n to the identity point.
    multiplyUnsafe(scalar) {
      if (!Fn.isValid(scalar))
        throw new RangeError("invalid scalar: expected 0 <= sc < curve.n");
      return scalar === _0n7 ? Point.ZERO : this.is0() || scalar === _1n5 ? this : wnaf.mulUnsafe(this, scalar, normalize);
    }
    // Checks if point is of small order.
    // If you add something to small order point, you will have "dirty"
    // point with torsion component.
    // Clears cofactor and checks if the result is 0.
    isSmallOrder() {
      return this.clearCofactor().is0();
    }
    // Multiplies point by curve order and checks if the result is 0.
    // Returns `false` is the point is dirty.
    isTorsionFree() {
      return wnaf.mulUnsafe(this, CURVE.n).is0();
    }
    // Converts Extended point to default (x, y) coordinates.
    // Can accept precomputed Z^-1 - for example, from invertBatch.
    toAffine(invertedZ) {
      let p = this, iz = invertedZ;
      if (iz != null && typeof iz != "bigint")
        throw new TypeError('"invertedZ" expected bigint, got type=' + typeof iz);
      let { X, Y, Z } = p, is0 = p.is0();
      iz == null && (iz = is0 ? Fp2.create(_8n2) : Fp2.inv(Z));
      let x = Fp2.mul(X, iz), y = Fp2.mul(Y, iz), zz = Fp2.mul(Z, iz);
      if (is0)
        return { x: Fp2.ZERO, y: Fp2.ONE };
      if (!Fp2.eql(zz, Fp2.ONE))
        throw new Error("invZ was invalid");
      return { x, y };
    }
    clearCofactor() {
      return cofactor === _1n5 ? this : cofactor === _2n4 ? this.double() : cofactor === _4n4 ? this.double().double() : cofactor === _8n2 ? this.double().double().double() : this.multiplyUnsafe(cofactor);
    }
    toBytes() {
      let { x, y } = this.toAffine(), bytes = Fp2.toBytes(y);
      return bytes[bytes.length - 1] |= isOdd(x) ? 128 : 0, bytes;
    }
    toHex() {
      return bytesToHex2(this.toBytes());
    }
    toString() {
      return `<Point ${this.is0() ? "ZERO" : this.toHex()}>`;
    }
  }
  let normalize = (points) => normalizeZ(Point, points), wnaf = new ScalarMultiplier(Point, randomBytes3);
  return wnaf.bits >= 6 && Point.BASE.precompute(6), Object.freeze(Point.prototype), Object.freeze(Point), Point;
}
function eddsa(Point, cHash, eddsaOpts = {}) {
  if (validatePointCons(Point), typeof cHash != "function")
    throw new Error('"hash" function param is required');
  let hash2 = cHash, opts = eddsaOpts;
  validateObject(opts, {}, {
    adjustScalarBytes: "function",
    randomBytes: "function",
    domain: "function",
    prehash: "function",
    zip215: "boolean",
    mapToCurve: "function",
    toMontgomery: "function",
    toMontgomerySecret: "function"
  });
  let { prehash } = opts, { BASE, Fp: Fp2, Fn } = Point, outputLen = hash2.outputLen, expectedLen = 2 * Fp2.BYTES;
  if (outputLen !== void 0 && (asafenumber(outputLen, "hash.outputLen"), outputLen !== expectedLen))
    throw new Error(`hash.outputLen must be ${expectedLen}, got ${outputLen}`);
  let randomBytes3 = opts.randomBytes === void 0 ? randomBytes2 : opts.randomBytes, toMontgomery2 = opts.toMontgomery, toMontgomerySecret2 = opts.toMontgomerySecret, adjustScalarBytes2 = opts.adjustScalarBytes === void 0 ? (bytes) => bytes : opts.adjustScalarBytes, domain = opts.domain === void 0 ? (data, ctx, phflag) => {
    if (abool(phflag, "phflag"), ctx.length || phflag)
      throw new Error("Contexts/pre-hash are not supported");
    return data;
  } : opts.domain;
  function modN_LE(hash3) {
    return Fn.create(bytesToNumberLE(hash3));
  }
  function getPrivateScalar(key2) {
    let len = lengths.secretKey;
    abytes2(key2, lengths.secretKey, "secretKey");
    let hashed = abytes2(hash2(key2), 2 * len, "hashedSecretKey"), head = adjustScalarBytes2(hashed.slice(0, len)), prefix = hashed.slice(len, 2 * len), scalar = modN_LE(head);
    return { head, prefix, scalar };
  }
  function getExtendedPublicKey(secretKey) {
    let { head, prefix, scalar } = getPrivateScalar(secretKey), point = BASE.multiply(scalar), pointBytes = point.toBytes();
    return { head, prefix, scalar, point, pointBytes };
  }
  function getPublicKey(secretKey) {
    return getExtendedPublicKey(secretKey).pointBytes;
  }
  function hashDomainToScalar(context = Uint8Array.of(), ...msgs) {
    let msg = concatBytes2(...msgs);
    return modN_LE(hash2(domain(msg, abytes2(context, void 0, "context"), !!prehash)));
  }
  function sign(msg, secretKey, options = {}) {
    validateObject(options, {}, {}, "options"), msg = copyBytes(abytes2(msg, void 0, "message")), prehash && (msg = prehash(msg));
    let { prefix, scalar, pointBytes } = getExtendedPublicKey(secretKey), r = hashDomainToScalar(options.context, prefix, msg), R = BASE.multiply(r).toBytes(), k = hashDomainToScalar(options.context, R, pointBytes, msg), s = Fn.create(r + k * scalar);
    if (!Fn.isValid(s))
      throw new Error("sign failed: invalid s");
    let rs = concatBytes2(R, Fn.toBytes(s));
    return abytes2(rs, lengths.signature, "result");
  }
  let verifyOpts = {
    zip215: opts.zip215
  };
  function verify(sig, msg, publicKey, options = verifyOpts) {
    validateObject(options);
    let { context } = options, zip215 = options.zip215 === void 0 ? !!verifyOpts.zip215 : options.zip215, len = lengths.signature;
    sig = abytes2(sig, len, "signature"), msg = abytes2(msg, void 0, "message"), publicKey = abytes2(publicKey, lengths.publicKey, "publicKey"), zip215 !== void 0 && abool(zip215, "zip215"), prehash && (msg = prehash(msg));
    let mid = len / 2, r = sig.subarray(0, mid), s = bytesToNumberLE(sig.subarray(mid, len)), A, R, SB;
    try {
      A = Point.fromBytes(publicKey, zip215), R = Point.fromBytes(r, zip215), SB = BASE.multiplyUnsafe(s);
    } catch {
      return !1;
    }
    if (!zip215 && A.isSmallOrder())
      return !1;
    let k = hashDomainToScalar(context, r, publicKey, msg);
    return R.add(A.multiplyUnsafe(k)).subtract(SB).clearCofactor().is0();
  }
  let _size = Fp2.BYTES, lengths = {
    secretKey: _size,
    publicKey: _size,
    signature: 2 * _size,
    seed: _size
  };
  function randomSecretKey(seed) {
    return seed = seed === void 0 ? randomBytes3(lengths.seed) : seed, abytes2(seed, lengths.seed, "seed");
  }
  function isValidSecretKey(key2) {
    return isBytes2(key2) && key2.length === lengths.secretKey;
  }
  function isValidPublicKey(key2, zip215) {
    try {
      return !!Point.fromBytes(key2, zip215 === void 0 ? verifyOpts.zip215 : zip215);
    } catch {
      return !1;
    }
  }
  let utils = {
    getExtendedPublicKey,
    randomSecretKey,
    isValidSecretKey,
    isValidPublicKey,
    /** Converts an Edwards public key to a companion Montgomery public key. */
    toMontgomery(publicKey) {
      if (toMontgomery2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomery2(Point.fromBytes(publicKey));
    },
    toMontgomerySecret(secretKey) {
      if (toMontgomerySecret2 === void 0)
        throw new Error("Montgomery conversion is not supported for this curve");
      return toMontgomerySecret2(secretKey);
    }
  };
  return Object.freeze(lengths), Object.freeze(utils), Object.freeze({
    keygen: createKeygen(randomSecretKey, getPublicKey),
    getPublicKey,
    sign,
    verify,
    utils,
    Point,
    lengths
  });
}

// ../node_modules/@noble/curves/ed25519.js
var _1n6 = /* @__PURE__ */ BigInt(1), _2n5 = /* @__PURE__ */ BigInt(2);
var _5n2 = /* @__PURE__ */ BigInt(5), _8n3 = /* @__PURE__ */ BigInt(8), ed25519_CURVE_p = /* @__PURE__ */ BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed"), ed25519_CURVE = {
  p: ed25519_CURVE_p,
  n: BigInt("0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3ed"),
  h: _8n3,
  a: BigInt("0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec"),
  d: BigInt("0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3"),
  Gx: BigInt("0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51a"),
  Gy: BigInt("0x6666666666666666666666666666666666666666666666666666666666666658")
};
function ed25519_pow_2_252_3(x) {
  let _10n = BigInt(10), _20n = BigInt(20), _40n = BigInt(40), _80n = BigInt(80), P = ed25519_CURVE_p, b2 = x * x % P * x % P, b4 = pow2(b2, _2n5, P) * b2 % P, b5 = pow2(b4, _1n6, P) * x % P, b10 = pow2(b5, _5n2, P) * b5 % P, b20 = pow2(b10, _10n, P) * b10 % P, b40 = pow2(b20, _20n, P) * b20 % P, b80 = pow2(b40, _40n, P) * b40 % P, b160 = pow2(b80, _80n, P) * b80 % P, b240 = pow2(b160, _80n, P) * b80 % P, b250 = pow2(b240, _10n, P) * b10 % P;
  return { pow_p_5_8: pow2(b250, _2n5, P) * x % P, b2 };
}
function adjustScalarBytes(bytes) {
  return bytes[0] &= 248, bytes[31] &= 127, bytes[31] |= 64, bytes;
}
var ED25519_SQRT_M1 = /* @__PURE__ */ BigInt("19681161376707505956807079304988542015446066515923890162744021073123829784752");
function uvRatio(u, v) {
  let P = ed25519_CURVE_p, v3 = mod(v * v * v, P), v7 = mod(v3 * v3 * v, P), pow3 = ed25519_pow_2_252_3(u * v7).pow_p_5_8, x = mod(u * v3 * pow3, P), vx2 = mod(v * x * x, P), root1 = x, root2 = mod(x * ED25519_SQRT_M1, P), useRoot1 = vx2 === u, useRoot2 = vx2 === mod(-u, P), noRoot = vx2 === mod(-u * ED25519_SQRT_M1, P);
  return useRoot1 && (x = root1), (useRoot2 || noRoot) && (x = root2), isNegativeLE(x, P) && (x = mod(-x, P)), { isValid: useRoot1 || useRoot2, value: x };
}
var ed25519_Point = /* @__PURE__ */ edwards(ed25519_CURVE, { uvRatio }), Fp = ed25519_Point.Fp;
function toMontgomery(point) {
  let { y } = point;
  return Fp.toBytes(Fp.div(_1n6 + y, _1n6 - y));
}
function toMontgomerySecret(secretKey) {
  let size = ed25519_Point.Fp.BYTES;
  return abytes(secretKey, size), adjustScalarBytes(sha512(secretKey.subarray(0, size))).subarray(0, size);
}
function ed(opts) {
  return eddsa(ed25519_Point, sha512, Object.assign({ adjustScalarBytes, toMontgomery, toMontgomerySecret, zip215: !0 }, opts));
}
var ed25519 = /* @__PURE__ */ ed({});

// ../src/tlog.js
var VERSION = 1, [GENESIS, ANNOUNCEMENT2, ATTESTATION2] = [0, 1, 2], GENESIS_TAG = "peercoin-dlc-oracle/genesis/v1", ED25519 = 1;
function leafHash(entry) {
  return sha256(concatBytes(Uint8Array.of(0), entry));
}
function announcementEntry(announcement, policyHash) {
  return concatBytes(Uint8Array.of(VERSION, ANNOUNCEMENT2), hash("policyHash", policyHash), encodeAnnouncement(announcement));
}
function attestationEntry(attestation, announcementPosition, manifestHash) {
  let position = new Uint8Array(8);
  new DataView(position.buffer).setBigUint64(0, BigInt(announcementPosition));
  let start = Uint8Array.of(VERSION, ATTESTATION2);
  return concatBytes(start, position, hash("manifestHash", manifestHash), encodeAttestation(attestation));
}
function verifyGenesis(entry, publicKey) {
  let reader = new Reader(entry);
  if (reader.uint("version", 1) !== VERSION || reader.uint("type", 1) !== GENESIS)
    throw new LogError("genesis", "the first entry is no genesis of version 1");
  let network = reader.string("network"), oraclePublicKey = reader.point("oracle_public_key"), logPublicKey = reader.hex("log_public_key", 32), logOrigin = reader.string("log_origin"), createdMs = BigInt(`0x${reader.hex("created_ms", 8)}`), signed3 = entry.subarray(0, reader.offset), signature = reader.hex("signature", 64);
  if (reader.offset !== entry.length) throw new LogError("genesis", "the genesis has bytes after its signature");
  if (network === "" || logOrigin === "") throw new LogError("genesis", "the genesis names no network or no origin");
  if (oraclePublicKey !== publicKey) throw new LogError("genesis", "the log begins with another oracle key");
  if (!verifySchnorr(
    /** @type {Uint8Array} */
    hexBytes(signature),
    taggedHash2(GENESIS_TAG, signed3),
    hash("publicKey", publicKey)
  )) throw new LogError("genesis", "the oracle key did not sign the genesis");
  return Object.freeze({ network, oraclePublicKey, logPublicKey, logOrigin, createdMs });
}
function verifyCheckpoint(note, { logOrigin, logPublicKey }) {
  let split2 = note.indexOf(`

`), text = note.slice(0, split2 + 1), [origin, size, root, ...rest] = text.split(`
`), rootBytes = root === void 0 ? null : base64(root);
  if (split2 < 0 || rest.length !== 1 || rest[0] !== "" || !/^(0|[1-9][0-9]{0,18})$/.test(size ?? "") || rootBytes?.length !== 32)
    throw new LogError("checkpoint", "is not origin, size and root, each on a line");
  if (origin !== logOrigin) throw new LogError("checkpoint", `is of the log ${JSON.stringify(origin)}`);
  let key2 = hash("logPublicKey", logPublicKey), id = sha256(concatBytes(textToUtf8(`${logOrigin}
`), Uint8Array.of(ED25519), key2)).subarray(0, 4);
  for (let line of note.slice(split2 + 2).split(`
`)) {
    let [, name, encoded] = /^— (\S+) (\S+)$/.exec(line) ?? [], signature = encoded === void 0 ? null : base64(encoded);
    if (!(name !== logOrigin || !signature || bytesToHex(signature.subarray(0, 4)) !== bytesToHex(id))) {
      if (signature.length === 68 && ed25519Holds(signature.subarray(4), textToUtf8(text), key2))
        return Object.freeze({ origin, size: BigInt(size ?? 0), root: bytesToHex(rootBytes) });
      throw new LogError("checkpoint", "the signature of the log does not hold");
    }
  }
  throw new LogError("checkpoint", "is not signed by the log");
}
function verifyInclusion(entry, position, proof, { size, root }) {
  let [index, last] = [BigInt(position), size - 1n];
  if (index < 0n || index > last) throw new LogError("inclusion", `position ${index} is not below ${size}`);
  let found = leafHash(entry);
  for (let step of proof) {
    let sibling = base64(step);
    if (sibling?.length !== 32) throw new LogError("inclusion", "a hash of the proof is not 32 bytes of base64");
    if (last === 0n) throw new LogError("inclusion", "the proof is too long");
    if (index & 1n || index === last)
      for (found = node(sibling, found); !(index & 1n) && index !== 0n; ) [index, last] = [index >> 1n, last >> 1n];
    else
      found = node(found, sibling);
    [index, last] = [index >> 1n, last >> 1n];
  }
  if (last !== 0n) throw new LogError("inclusion", "the proof is too short");
  if (bytesToHex(found) !== root) throw new LogError("inclusion", "the proof does not lead to the checkpoint's root");
}
function firstEntry(bundle) {
  let reader = new Reader(bundle);
  return hexBytes(reader.hex("entry", reader.uint("length", 2)));
}
function node(left, right) {
  return sha256(concatBytes(Uint8Array.of(1), left, right));
}
function ed25519Holds(signature, message, key2) {
  try {
    return ed25519.verify(signature, message, key2, { zip215: !1 });
  } catch {
    return !1;
  }
}
function hash(what, hex) {
  let bytes = isHex(hex, 32) ? hexBytes(hex) : null;
  if (!bytes) throw new TypeError(`${what}: 32 bytes of lowercase hex are needed`);
  return bytes;
}
function base64(text) {
  try {
    let bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return btoa(String.fromCharCode(...bytes)) === text ? bytes : null;
  } catch {
    return null;
  }
}

// ../src/verify.js
var announcements = /* @__PURE__ */ new WeakSet(), attestations = /* @__PURE__ */ new WeakMap();
function verifyAnnouncement(input) {
  let announcement = decodeAnnouncement(isInput(input) ? input : encodeAnnouncement(input)), { signature, oraclePublicKey, event } = announcement, expected = nonceCount(event.descriptor);
  if (event.nonces.length !== expected)
    throw new VerifyError("nonce-count", `${event.nonces.length} nonces; the descriptor needs ${expected}`);
  let seen = /* @__PURE__ */ new Set();
  for (let [index, nonce] of event.nonces.entries()) {
    if (nonce === oraclePublicKey) throw new VerifyError("nonce-is-key", `nonce ${index} is the oracle's public key`);
    if (seen.has(nonce)) throw new VerifyError("duplicate-nonce", `nonce ${index} occurs earlier in the same event`);
    seen.add(nonce);
  }
  if (!holds(signature, announcementHash(writeEvent(event)), oraclePublicKey))
    throw new VerifyError("announcement-signature", "the announcement signature is not valid");
  return announcements.add(announcement), /** @type {VerifiedAnnouncement} */
  announcement;
}
function verifyAttestation(input, announcement) {
  if (requireVerifiedAnnouncement(announcement), !isInput(input) && input.outcomes.length !== input.signatures.length)
    throw new VerifyError("outcome-count", `${input.outcomes.length} outcomes; ${input.signatures.length} signatures`);
  let attestation = decodeAttestation(isInput(input) ? input : encodeAttestation(input)), { oraclePublicKey, event } = announcement, { eventId: eventId2, signatures, outcomes } = attestation;
  if (eventId2 !== null && eventId2 !== event.eventId)
    throw new VerifyError(
      "event-id",
      `the attestation is for event ${JSON.stringify(eventId2)}, the announcement of ${JSON.stringify(event.eventId)}`
    );
  if (attestation.oraclePublicKey !== oraclePublicKey)
    throw new VerifyError("public-key", "the attestation names another oracle key than the announcement");
  let expected = event.nonces.length;
  if (signatures.length !== expected)
    throw new VerifyError("signature-count", `${signatures.length} signatures; the announcement has ${expected} nonces`);
  let outcome = parseOutcome(event.descriptor, outcomes);
  if (!outcome) throw new VerifyError("outcome", "the attested texts are no outcome of the event");
  for (let [index, signature] of signatures.entries()) {
    if (!signature.startsWith(event.nonces[index] ?? "-"))
      throw new VerifyError("nonce", `signature ${index} does not use nonce ${index} of the announcement`);
    if (!holds(signature, attestationHash(outcomes[index] ?? ""), oraclePublicKey))
      throw new VerifyError("signature", `signature ${index} is not valid over its outcome`);
  }
  let verified = Object.freeze({ ...attestation, outcome });
  return attestations.set(verified, announcement), /** @type {VerifiedAttestation} */
  /** @type {unknown} */
  verified;
}
function requireVerifiedAnnouncement(announcement) {
  if (!announcements.has(announcement))
    throw new VerifyError("unverified", "the announcement did not come out of verifyAnnouncement");
}
function isInput(input) {
  return typeof input == "string" || input instanceof Uint8Array;
}
function holds(signature, message, publicKey) {
  let [s, p] = [hexBytes(signature), hexBytes(publicKey)];
  return s !== null && p !== null && verifySchnorr(s, message, p);
}

// ../src/client.js
var TRUST_ON_FIRST_USE = /* @__PURE__ */ Symbol("trust on first use"), LONGEST_HOLD_MS = 45e3, MAX_EVIDENCE = 16 * 1024 * 1024, TLV = "application/octet-stream", JSON_TYPE = "application/json", OracleClient = class {
  #http;
  #options;
  /** @type {string | null} */
  #publicKey;
  /** @type {Cache<VerifiedAnnouncement>} */
  #announcements;
  /** Whole, so that no attestation meets an announcement that it is not of. @type {Cache<Attested>} */
  #attestations;
  /** @type {Cache<Policy>} */
  #policies;
  /**
   * @param {string} url an `http` or `https` address, below whose path the API begins
   * @param {ClientOptions} options
   * @throws {TypeError} for an address or a key that is none
   */
  constructor(url, options) {
    let { publicKey, fetch: fetch2 = globalThis.fetch.bind(globalThis), cacheEntries = 1e3 } = options, { timeoutMs = 15e3, idleTimeoutMs = 6e4, retries = 3, maxBytes = 1024 * 1024 } = options, { firstBackoffMs = 500, maxBackoffMs = 3e4 } = options;
    this.#publicKey = publicKey === TRUST_ON_FIRST_USE ? null : parseKey(publicKey), this.#http = new Http(url, { fetch: fetch2, timeoutMs, maxBytes }), this.#options = { idleTimeoutMs, retries, firstBackoffMs, maxBackoffMs }, this.#announcements = new Cache(cacheEntries), this.#attestations = new Cache(cacheEntries), this.#policies = new Cache(cacheEntries);
  }
  /**
   * Who the oracle says it is; its key must be the trusted one.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<OracleInfo>}
   * @throws {WrongKeyError | MalformedError}
   */
  async oracle(options) {
    let info = readOracleInfo(await this.#json("oracle", ["v1", "oracle"], options));
    if (info.dialect !== "tagged")
      throw new MalformedError("oracle", `dialect is ${JSON.stringify(info.dialect)}; only "tagged" can be verified`);
    let key2 = info.public_key.toLowerCase();
    if (!liftX(key2)) throw new MalformedError("oracle", "public_key is not an x-only point");
    return this.#publicKey ??= key2, requireKey("oracle", this.#publicKey, key2), info;
  }
  /**
   * The key that everything is verified against. After the first use of
   * {@link TRUST_ON_FIRST_USE}, keep it and pin it from then on.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<string>} x-only hex
   */
  async publicKey(options) {
    return this.#publicKey ?? (await this.oracle(options)).public_key.toLowerCase();
  }
  /**
   * A page of events, oldest maturity first. Unsigned.
   *
   * @param {EventQuery} [query]
   * @param {CallOptions} [options]
   * @returns {Promise<EventsPage>}
   */
  async events(query = {}, options) {
    return readEventsPage(await this.#json("events", ["v1", "events"], options, { ...query }));
  }
  /**
   * All events that match, page by page. Unsigned.
   *
   * @param {EventQuery} [query]
   * @param {CallOptions} [options]
   * @returns {AsyncGenerator<EventInfo, void, void>}
   */
  async *allEvents(query = {}, options) {
    let cursor = query.cursor ?? null;
    do {
      let page = await this.events(cursor === null ? query : { ...query, cursor }, options);
      yield* page.events, cursor = page.next_cursor;
    } while (cursor !== null);
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
    let info = readEventInfo(await this.#json("event", ["v1", "events", eventId(id)], options));
    return requireEvent("event", id, info.event_id), info;
  }
  /**
   * The announcement of the event, verified and signed by the trusted key.
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
   * The event's announcement, attestation and outcome, all verified.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<Attested>}
   * @throws {import('./errors.js').OracleError} `NotYetError` before the outcome is
   *   published, `NeverError` if it never will be
   */
  attestation(id, options) {
    return this.#retrying(options, () => this.#attested(id, 0, options));
  }
  /**
   * Waits for the attestation: long polls, with growing pauses while the server
   * is out of reach.
   *
   * Ends early when waiting is pointless: unknown event, refunded, withdrawn, or
   * an answer that fails verification. At the end of the time it throws the last
   * obstacle. May take one request's time limit longer than `timeoutMs`.
   *
   * @param {string} id
   * @param {CallOptions & {timeoutMs?: number}} [options] without `timeoutMs` it
   *   waits until aborted
   * @returns {Promise<Attested>}
   */
  async wait(id, { signal, timeoutMs = Number.POSITIVE_INFINITY } = {}) {
    let started = performance.now(), left = () => Math.max(0, timeoutMs - (performance.now() - started)), backoff = this.#backoff();
    for (; ; ) {
      let polled = performance.now(), holdMs = Math.floor(Math.min(left(), LONGEST_HOLD_MS) / 1e3) * 1e3, askedMs = null;
      try {
        return await this.#attested(id, holdMs, { signal });
      } catch (error) {
        if (!(isTransient(error) || error instanceof NotYetError) || left() === 0) throw error;
        error instanceof ProblemError && (askedMs = error.retryAfterMs);
      }
      holdMs > 0 && performance.now() - polled >= holdMs ? backoff.reset() : await sleep(Math.min(backoff.pause(askedMs), left()), signal);
    }
  }
  /**
   * The policy of an event: the rules by which facts become its outcome. Its
   * bytes are checked against `expectedHash`, from a contract, or, without one,
   * against the hash that the server states for the event.
   *
   * @param {string} id
   * @param {CallOptions & {expectedHash?: string}} [options]
   * @returns {Promise<Policy>}
   * @throws {HashError | MalformedError}
   */
  async policy(id, options = {}) {
    let stated2 = options.expectedHash ?? (await this.event(id, options)).policy_hash;
    if (stated2 === null) throw new MalformedError("policy", "the server states no policy for the event");
    let hash2 = stated2.toLowerCase(), kept = this.#policies.get(hash2);
    if (kept) return kept;
    let policy = readPolicy(await this.#json("policy", ["v1", "events", eventId(id), "policy"], options), hash2);
    return this.#policies.set(hash2, policy), policy;
  }
  /**
   * What the event's outcome rests on, as the server tells it. Unsigned.
   *
   * @param {string} id
   * @param {CallOptions} [options]
   * @returns {Promise<EvidenceInfo>}
   */
  async evidence(id, options) {
    return readEvidenceInfo(await this.#json("evidence", ["v1", "events", eventId(id), "evidence"], options));
  }
  /**
   * A provider's recorded answer by its SHA-256, where the licence lets it pass on.
   *
   * @param {string} sha256 hex, from {@link OracleClient#evidence}
   * @param {CallOptions} [options]
   * @returns {Promise<Uint8Array>}
   * @throws {HashError} for other bytes
   */
  async evidenceBody(sha2562, options) {
    let what = "evidence body", request = { what, path: ["v1", "evidence", sha2562], accept: "*/*", limit: MAX_EVIDENCE }, body = await this.#retrying(options, () => this.#http.get({ ...request, signal: options?.signal })), got = sha256Hex(body);
    if (got !== sha2562.toLowerCase()) throw new HashError(what, sha2562, got);
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
  async manifest(sha2562, options) {
    let what = "manifest", request = { what, path: ["v1", "manifests", sha2562], accept: JSON_TYPE, limit: MAX_EVIDENCE }, body = await this.#retrying(options, () => this.#http.get({ ...request, signal: options?.signal })), got = sha256Hex(body);
    if (got !== sha2562.toLowerCase()) throw new HashError(what, sha2562, got);
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
    return readProofsInfo(await this.#json("proofs", ["v1", "proofs", eventId(id)], options));
  }
  /**
   * The first entry of the oracle's log, signed by the trusted key: who signs the
   * log's checkpoints, and their origin.
   *
   * @param {CallOptions} [options]
   * @returns {Promise<Genesis>}
   * @throws {import('./errors.js').LogError}
   */
  async genesis(options) {
    let key2 = await this.publicKey(options), request = { what: "genesis", path: ["tile", "entries", "000.p", "1"], accept: TLV, signal: options?.signal };
    return verifyGenesis(firstEntry(await this.#retrying(options, () => this.#http.get(request))), key2);
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
  /**
   * @param {string} id
   * @param {CallOptions} [options]
   */
  async #announcement(id, options) {
    let what = "announcement", kept = this.#announcements.get(id);
    if (kept) return kept;
    let path = ["v1", "announcements", eventId(id)], bytes = await this.#http.get({ what, path, query: { format: "tlv" }, accept: TLV, signal: options?.signal }), announcement = decodeAnnouncement(bytes);
    requireEvent(what, id, announcement.event.eventId), requireKey(what, await this.publicKey(options), announcement.oraclePublicKey);
    let verified = verifyAnnouncement(announcement);
    return this.#announcements.set(id, verified), verified;
  }
  /**
   * @param {string} id
   * @param {number} holdMs
   * @param {CallOptions} [options]
   * @returns {Promise<Attested>}
   */
  async #attested(id, holdMs, options) {
    let kept = this.#attestations.get(id);
    if (kept) return kept;
    let announcement = await this.#announcement(id, options), attestation = await this.#attestation(announcement, holdMs, options), attested = Object.freeze({ announcement, attestation, outcome: attestation.outcome });
    return this.#attestations.set(id, attested), attested;
  }
  /**
   * @param {VerifiedAnnouncement} announcement
   * @param {number} holdMs
   * @param {CallOptions} [options]
   */
  async #attestation(announcement, holdMs, options) {
    let what = "attestation", id = announcement.event.eventId, query = { format: "tlv", wait: holdMs > 0 ? holdMs / 1e3 : void 0 }, path = ["v1", "attestations", eventId(id)], bytes = await this.#http.get({ what, path, query, accept: TLV, holdMs, signal: options?.signal }), attestation = decodeAttestation(bytes);
    return attestation.eventId !== null && requireEvent(what, id, attestation.eventId), verifyAttestation(attestation, announcement);
  }
  /**
   * @param {string} what
   * @param {readonly string[]} path
   * @param {CallOptions} [options]
   * @param {Request['query']} [query]
   */
  #json(what, path, options, query = {}) {
    let request = { what, path, query, accept: JSON_TYPE, signal: options?.signal };
    return this.#retrying(options, () => this.#http.get(request));
  }
  /**
   * @template T
   * @param {CallOptions | undefined} options
   * @param {() => Promise<T>} attempt
   * @returns {Promise<T>}
   */
  async #retrying(options, attempt) {
    let backoff = this.#backoff();
    for (let left = this.#options.retries; ; left -= 1)
      try {
        return await attempt();
      } catch (error) {
        if (left <= 0 || !isTransient(error)) throw error;
        await sleep(backoff.pause(error instanceof ProblemError ? error.retryAfterMs : null), options?.signal);
      }
  }
  #backoff() {
    return new Backoff(this.#options.firstBackoffMs, this.#options.maxBackoffMs);
  }
};
function parseKey(text) {
  let bytes = typeof text == "string" ? hexBytes(text) : null, key2 = bytes?.length === 32 ? bytesToHex(bytes) : "";
  if (!liftX(key2)) throw new TypeError("publicKey: 32 bytes of hex are needed, the x coordinate of a point");
  return key2;
}
function eventId(id) {
  let problem = id === "." || id === ".." ? "cannot be asked for" : eventIdProblem(id);
  if (problem) throw new TypeError(`event id ${problem}`);
  return id;
}
function requireEvent(what, asked, got) {
  if (asked !== got) throw new WrongEventError(what, asked, got);
}
function requireKey(what, expected, got) {
  if (expected !== got) throw new WrongKeyError(what, expected, got);
}

// checks.js
var BODIES = 24, Skipped = class extends Error {
};
async function checkEvent(url, publicKey, id, shown, report) {
  let client = new OracleClient(url, { publicKey, retries: 1, fetch: (input, init) => fetch(input, { ...init, cache: "no-cache" }) }), good = !0;
  async function step(name, run) {
    try {
      let [value, detail] = await run();
      return report({ name, state: "ok", detail }), value;
    } catch (error) {
      let skipped = error instanceof Skipped;
      return skipped || (good = !1), report({ name, state: skipped ? "skipped" : "failed", detail: error instanceof Error ? error.message : String(error) }), null;
    }
  }
  await step("Key", () => key(client, publicKey));
  let announcement = await step("Announcement", () => announced(client, id)), event = await step("Event", () => stated(client, id)), policy = await step("Policy", () => rules(client, id)), attested = await step("Attestation", () => signed2(client, id, announcement));
  await step("Page", () => said(attested, shown));
  let evidence = await step("Evidence", () => rested(client, id)), genesis = await step("Log key", () => begun(client)), proofs = await step("Proofs", () => proved(client, id)), checkpoint = await step("Checkpoint", () => headed(genesis, proofs));
  return await step("Announcement in the log", () => announcementIn(checkpoint, proofs, announcement, policy)), await step("Attestation in the log", () => attestationIn(checkpoint, proofs, attested, evidence, event)), good;
}
async function key(client, publicKey) {
  return await client.oracle(), [publicKey, `The oracle names the key ${publicKey.slice(0, 16)}\u2026.`];
}
async function announced(client, id) {
  let announcement = await client.announcement(id), { nonces } = announcement.event;
  return [announcement, `Signed by the key, for this event; ${count(nonces.length, "nonce")}, all different.`];
}
async function stated(client, id) {
  let event = await client.event(id);
  return [event, `The oracle says: ${event.state}.`];
}
async function rules(client, id) {
  let policy = await client.policy(id);
  return [policy, `SHA-256 of the rules is ${policy.hash.slice(0, 16)}\u2026, as stated.`];
}
async function signed2(client, id, announcement) {
  if (!announcement) throw new Skipped("Nothing to check it against.");
  try {
    let attested = await client.attestation(id), { signatures } = attested.attestation, made = `${count(signatures.length, "signature")} under the key and the announced ${signatures.length === 1 ? "nonce" : "nonces"}`;
    return [attested, `${made}, over ${JSON.stringify(attested.outcome.text)}.`];
  } catch (error) {
    throw error instanceof NotYetError ? new Skipped("There is none yet.") : error instanceof NeverError ? new Skipped("The oracle says that there never will be one.") : error;
  }
}
async function said(attested, shown) {
  if (!attested) throw new Skipped("No verified outcome to compare with.");
  let signedText = attested.outcome.text;
  if (shown === null) throw new Skipped("The page was made before the attestation.");
  if (shown !== signedText) throw new Error(`The page shows ${JSON.stringify(shown)}, signed is ${JSON.stringify(signedText)}.`);
  return [shown, "This page shows what was signed."];
}
async function rested(client, id) {
  let evidence = await client.evidence(id);
  if (evidence.manifest_sha256 === null) throw new Skipped("Nothing is decided.");
  await client.manifest(evidence.manifest_sha256);
  let open = /* @__PURE__ */ new Set();
  for (let { sha256: sha2562, ...rest } of evidence.observations)
    sha2562 !== null && /** @type {{public?: unknown}} */
    rest.public === !0 && open.add(sha2562);
  let bodies = [...open].slice(-BODIES);
  for (let sha2562 of bodies) await client.evidenceBody(sha2562);
  let more = open.size > bodies.length ? ` of ${open.size}` : "";
  return [evidence, `SHA-256 of the manifest, and of ${count(bodies.length, "recorded answer")}${more}, is as stated.`];
}
async function begun(client) {
  let genesis = await client.genesis();
  return [genesis, `The oracle key signed that ${genesis.logPublicKey.slice(0, 16)}\u2026 signs the log ${genesis.logOrigin}.`];
}
async function proved(client, id) {
  let proofs = await client.proofs(id);
  return [proofs, `Of ${proofs.attestation ? "announcement and attestation" : "the announcement"}.`];
}
async function headed(genesis, proofs) {
  if (!genesis || !proofs) throw new Skipped("No log key to check it with.");
  let checkpoint = verifyCheckpoint(proofs.checkpoint, genesis);
  return [checkpoint, `Signed by the log key, over ${checkpoint.size} entries.`];
}
async function announcementIn(checkpoint, proofs, announcement, policy) {
  if (!checkpoint || !proofs || !announcement || !policy) throw new Skipped("A step before it is missing.");
  let { leaf_index, hashes } = proofs.announcement;
  return verifyInclusion(announcementEntry(announcement, policy.hash), leaf_index, hashes, checkpoint), [null, `At position ${leaf_index}, with these rules.`];
}
async function attestationIn(checkpoint, proofs, attested, evidence, event) {
  if (event && event.attested_at === null) throw new Skipped("There is none yet.");
  if (!checkpoint || !proofs?.attestation || !attested || !evidence?.manifest_sha256)
    throw new Skipped("A step before it is missing.");
  let entry = attestationEntry(attested.attestation, proofs.announcement.leaf_index, evidence.manifest_sha256), { leaf_index, hashes } = proofs.attestation;
  return verifyInclusion(entry, leaf_index, hashes, checkpoint), [null, `At position ${leaf_index}, with this evidence.`];
}
function count(number, thing) {
  return `${number} ${thing}${number === 1 ? "" : "s"}`;
}
export {
  checkEvent
};
