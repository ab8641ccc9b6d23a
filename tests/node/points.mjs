#!/usr/bin/env node
// The participants' mathematics a second time, with @noble/curves and from the
// specifications (Oracle.md, NumericOutcomeCompression.md, BIP340) alone: every
// case of points.json, joint.json, ranges.json, coinlib.json and adaptor.json is
// computed anew and compared.
//
//   node points.mjs DIR
//
// Exit 0 when all cases of all five files agree; 1 otherwise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1';
import { readAnnouncement, readAttestation, taggedHash, verifyAnnouncement, verifyAttestation } from './wire.mjs';

const Point = secp256k1.ProjectivePoint;
const N = secp256k1.CURVE.n;
const TIME_THRESHOLD = 500_000_000;

const mod = (value) => ((value % N) + N) % N;
const unhex = (text) => Buffer.from(text, 'hex');
const scalar = (text) => BigInt(`0x${text}`);
const hex32 = (value) => value.toString(16).padStart(64, '0');
const lift = (x) => Point.fromHex(`02${x}`);
const xOf = (point) => hex32(point.toAffine().x);
const isOdd = (point) => (point.toAffine().y & 1n) === 1n;
const isZero = (point) => point.equals(Point.ZERO);
const challenge = (r, p, m) => mod(scalar(Buffer.from(taggedHash('BIP0340/challenge', Buffer.concat([r, p, m].map(unhex)))).toString('hex')));
const times = (point, k) => (k === 0n ? Point.ZERO : point.multiply(k));

/** S = lift_x(R) + e·lift_x(P) */
function signaturePoint(nonce, key, text) {
  const message = Buffer.from(taggedHash('DLC/oracle/attestation/v0', Buffer.from(text))).toString('hex');
  return lift(nonce).add(times(lift(key), challenge(nonce, key, message)));
}

function prefixPoint(announcement, prefix) {
  const { oraclePublicKey, oracleEvent } = announcement.json;
  assert.ok(prefix.length >= 1 && prefix.length <= oracleEvent.oracleNonces.length, 'length of the prefix');
  return prefix.map((text, i) => signaturePoint(oracleEvent.oracleNonces[i], oraclePublicKey, text)).reduce((a, b) => a.add(b));
}

const prefixSecret = (attestation, prefix) =>
  mod(attestation.json.signatures.slice(0, prefix.length).reduce((sum, s) => sum + scalar(s.slice(64)), 0n));

function verified(announcementHex, attestationHex) {
  const announcement = readAnnouncement(unhex(announcementHex));
  verifyAnnouncement(announcement);
  const attestation = readAttestation(unhex(attestationHex));
  verifyAttestation(attestation, announcement);
  return { announcement, attestation };
}

/** The fields that points.json and joint.json record of a point. */
function described(point, secret) {
  assert.ok(Point.BASE.multiply(secret).equals(point), 'the secret does not open the point');
  const odd = isOdd(point);
  return {
    compressed: point.toHex(true),
    xonly: xOf(point),
    odd_y: odd,
    secret: hex32(secret),
    secret_normalised: hex32(odd ? N - secret : secret),
  };
}

const pick = (object, keys) => Object.fromEntries(keys.map((key) => [key, object[key]]));

function sumOver(parts) {
  const point = parts.map(({ announcement, prefix }) => prefixPoint(announcement, prefix)).reduce((a, b) => a.add(b));
  return { point, secret: mod(parts.reduce((sum, p) => sum + prefixSecret(p.attestation, p.prefix), 0n)) };
}

function checkPoints(test) {
  if (test.error !== undefined) {
    const [announcement] = test.announcements.map((hex) => readAnnouncement(unhex(hex)));
    verifyAnnouncement(announcement);
    const { isSigned, nbDigits } = announcement.json.oracleEvent.eventDescriptor.digitDecompositionEvent;
    assert.ok(isSigned, 'the event is signed');
    assert.equal(test.error, 'negative-zero');
    assert.deepEqual(test.prefix, ['-', ...Array(nbDigits).fill('0')]);
    return test.error;
  }
  const parts = test.announcements.map((a, i) => ({ ...verified(a, test.attestations[i]), prefix: test.prefix }));
  const { point, secret } = sumOver(parts);
  const own = described(point, secret);
  assert.deepEqual(pick(test, Object.keys(own)), own);
  const kind = parts.length > 1 ? 'sum' : 'enumEvent' in parts[0].announcement.json.oracleEvent.eventDescriptor ? 'enum' : test.prefix.length === 1 ? 'digit' : 'prefix';
  return `${kind} ${own.odd_y ? 'odd' : 'even'}`;
}

function checkJoint(test) {
  const parts = test.oracles.map((o) => ({ ...verified(o.announcement, o.attestation), prefix: o.prefix }));
  const { point, secret } = sumOver(parts);
  const own = described(point, secret);
  assert.deepEqual(pick(test, Object.keys(own)), own);
  const odd = test.oracles.map((oracle, i) => {
    const alone = sumOver([parts[i]]);
    assert.equal(oracle.compressed, alone.point.toHex(true));
    assert.equal(oracle.secret, hex32(alone.secret));
    return isOdd(alone.point) ? 'odd' : 'even';
  });
  return parts.length === 2 ? `${odd.join('+')} ${own.odd_y ? 'odd' : 'even'}` : undefined;
}

/** From the top of the tree of digits down: a node inside the range is a prefix. */
function cover(base, nbDigits, start, end) {
  const prefixes = [];
  const descend = (prefix, low, width) => {
    const high = low + width - 1n;
    if (high < start || low > end) return;
    if (prefix.length > 0 && low >= start && high <= end) {
      prefixes.push(prefix);
      return;
    }
    const part = width / base;
    for (let digit = 0n; digit < base; digit += 1n) descend([...prefix, Number(digit)], low + digit * part, part);
  };
  descend([], 0n, base ** nbDigits);
  return prefixes;
}

function checkRange(test) {
  const [base, nbDigits, start, end] = ['base', 'nb_digits', 'start', 'end'].map((key) => BigInt(test[key]));
  assert.deepEqual(test.prefixes, cover(base, nbDigits, start, end));
  return `base ${base}`;
}

function locktimeError({ cet, reveal, refund }) {
  if ([cet, reveal, refund].some((time) => time < TIME_THRESHOLD || time > 0xffff_ffff)) return 'not-a-timestamp';
  if (cet > reveal) return 'after-reveal';
  return cet < refund ? null : 'after-refund';
}

function checkCoinlib(test) {
  if (test.name === 'locktimes') {
    assert.equal(test.error, locktimeError(test));
    return `locktimes ${test.error}`;
  }
  const oracles = test.oracles.map((o) => verified(o.announcement, o.attestation));
  assert.equal(test.reveal_locktime, Math.max(...oracles.map((o) => o.announcement.json.oracleEvent.eventMaturityEpoch)));
  assert.equal(test.refund_locktime, test.attest_by + test.margin);
  assert.equal(locktimeError({ cet: test.reveal_locktime, reveal: test.reveal_locktime, refund: test.refund_locktime }), null);
  const outcomes = test.outcomes.map(({ prefixes }) => {
    const parts = oracles.map((oracle, i) => ({ ...oracle, prefix: prefixes[i] }));
    const { point, secret } = sumOver(parts);
    const cameTrue = parts.every(({ attestation, prefix }) => prefix.every((text, i) => attestation.json.outcomes[i] === text));
    return { prefixes, xonly: xOf(point), adaptor_scalar: cameTrue ? hex32(isOdd(point) ? N - secret : secret) : null };
  });
  outcomes.sort((a, b) => (a.xonly < b.xonly ? -1 : 1));
  assert.deepEqual(test.outcomes, outcomes);
  const opened = outcomes.filter((o) => o.adaptor_scalar !== null);
  assert.equal(opened.length, 1, 'one outcome comes true');
  // What coinlib does: the x coordinate of the scalar's point is its map's key.
  assert.equal(xOf(Point.BASE.multiply(scalar(opened[0].adaptor_scalar))), opened[0].xonly);
  return 'outcomes';
}

class Refused extends Error {}
const refuse = (name) => {
  throw new Refused(name);
};

function decodeAdaptor(text) {
  if (text.length !== 130) refuse('length');
  let nonce;
  try {
    nonce = Point.fromHex(text.slice(0, 66));
  } catch {
    refuse('nonce');
  }
  const s = scalar(text.slice(66));
  if (s === 0n || s >= N) refuse('scalar');
  return { nonce, s };
}

function finalNonce({ nonce }, point) {
  const sum = nonce.add(point);
  return isZero(sum) ? refuse('infinity') : sum;
}

function verifyAdaptor(adaptor, key, message, point) {
  const R = finalNonce(adaptor, point);
  const nonce = isOdd(R) ? adaptor.nonce.negate() : adaptor.nonce;
  const expected = nonce.add(times(lift(key), challenge(xOf(R), key, message)));
  if (!Point.BASE.multiply(adaptor.s).equals(expected)) refuse('invalid');
}

function adapt(adaptor, secret, key, message) {
  const R = finalNonce(adaptor, Point.BASE.multiply(secret));
  const signature = xOf(R) + hex32(mod(adaptor.s + (isOdd(R) ? -secret : secret)));
  return schnorr.verify(signature, message, key) ? signature : refuse('not-completed');
}

function extract(adaptor, signature, point) {
  const R = finalNonce(adaptor, point);
  const difference = mod(scalar(signature.slice(64)) - adaptor.s);
  const secret = isOdd(R) ? mod(-difference) : difference;
  const opens = signature.slice(0, 64) === xOf(R) && times(Point.BASE, secret).equals(point);
  return opens ? secret : refuse('not-revealed');
}

function checkAdaptor(test) {
  const { public_key: key, message } = test;
  const point = Point.fromHex(test.point);
  const steps = {
    decode: () => decodeAdaptor(test.adaptor_signature),
    verify: () => verifyAdaptor(decodeAdaptor(test.adaptor_signature), key, message, point),
    adapt: () => adapt(decodeAdaptor(test.adaptor_signature), scalar(test.secret), key, message),
    extract: () => extract(decodeAdaptor(test.adaptor_signature), test.signature, point),
  };
  if (test.error !== null) {
    assert.throws(steps[test.step], new Refused(test.error));
    return `${test.step} ${test.error}`;
  }
  steps.verify();
  assert.equal(steps.adapt(), test.signature);
  assert.equal(hex32(steps.extract()), test.secret);
  const { nonce, s } = steps.decode();
  const R = nonce.add(point);
  assert.equal(test.pre_sig, xOf(R) + hex32(s));
  assert.equal(test.parity, isOdd(R));
  return `whole ${[nonce, point, R].map((p) => (isOdd(p) ? 'odd' : 'even')).join(' ')}`;
}

// How many cases there are, and of how many kinds: a file cut short, or one that
// has lost a combination of parities, cannot pass.
const FILES = {
  'points.json': { check: checkPoints, cases: 35, kinds: 9 },
  'joint.json': { check: checkJoint, cases: 16, kinds: 8 },
  'ranges.json': { check: checkRange, cases: 12, kinds: 4 },
  'coinlib.json': { check: checkCoinlib, cases: 11, kinds: 5 },
  'adaptor.json': { check: checkAdaptor, cases: 39, kinds: 15 },
};

/** Checks one case of a file; throws where it differs. */
export const checkCase = (name, test) => FILES[name].check(test);

/** Checks one file's parsed content; returns the failures as text. */
export function checkFile(name, { cases }) {
  const { check, cases: expected, kinds } = FILES[name];
  if (cases.length !== expected) return [`${name}: ${cases.length} cases instead of ${expected}`];
  const failures = [];
  const met = new Set();
  for (const test of cases) {
    try {
      met.add(check(test));
    } catch (error) {
      failures.push(`${name} ${test.name ?? JSON.stringify(test).slice(0, 60)}: ${error.message}`);
    }
  }
  met.delete(undefined);
  if (failures.length === 0 && met.size !== kinds) failures.push(`${name}: ${met.size} kinds of cases instead of ${kinds}: ${[...met].join(', ')}`);
  return failures;
}

export const files = Object.keys(FILES);
export const load = (directory, name) => JSON.parse(readFileSync(join(directory, name), 'utf8'));

function main([directory]) {
  if (!directory) {
    console.error('usage: node points.mjs DIR');
    process.exit(2);
  }
  const failures = files.flatMap((name) => checkFile(name, load(directory, name)));
  for (const line of failures) console.error(`error: ${line}`);
  const total = files.map((name) => `${FILES[name].cases} of ${name}`).join(', ');
  console.log(`noble: ${total}; ${failures.length} failures`);
  process.exit(failures.length === 0 ? 0 : 1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2));
