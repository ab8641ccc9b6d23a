/**
 * Verifies many bundles of one kind of event and says how long it took:
 * `node bench/rounds.js KIND`, which {@link module:bench} runs.
 *
 * @module
 */
import { schnorr } from '@noble/curves/secp256k1.js';

import { FakeLog } from '../test/log.js';
import { FakeOracle } from '../test/oracle.js';
import { numberToHex } from '../src/bytes.js';
import { liftX } from '../src/curve.js';
import { verifyBundle } from '../src/index.js';

/** @import { Descriptor } from '../src/index.js' */

/** The processor time of one process, milliseconds. @typedef {{first: number, best: number, median: number, single: number, bytes: number}} Rounds */

const EVENTS = 24;
const ROUNDS = 8;
const WARM_UP = 4;
const ENTRIES = 640;
/** More points than the client keeps. */
const MANY = 2200;

/** @type {Descriptor} */
const ENUM = { kind: 'enum', outcomes: ['home', 'draw', 'away'] };
/** @type {Descriptor} */
const DIGITS = { kind: 'digits', base: 2, isSigned: false, unit: 'u', precision: 0, nbDigits: 20 };
/** @type {Record<string, {descriptor: Descriptor, texts: string[], isProven: boolean}>} */
const KINDS = {
  'enum': { descriptor: ENUM, texts: ['draw'], isProven: false },
  'enum, proven': { descriptor: ENUM, texts: ['draw'], isProven: true },
  '20 digits': { descriptor: DIGITS, texts: [...'01101001100101101001'], isProven: false },
  '20 digits, proven': { descriptor: DIGITS, texts: [...'01101001100101101001'], isProven: true },
};

/** @param {string} kind */
function bundlesOf(kind) {
  const { descriptor, texts, isProven } = KINDS[kind] ?? { descriptor: ENUM, texts: ['draw'], isProven: false };
  const policy = { rule: { kind: 'threshold' }, sources: Array.from({ length: 40 }, (_, n) => `source ${n}`) };
  const log = new FakeLog(new FakeOracle(), { policy });
  const ids = Array.from({ length: EVENTS }, (_, n) => `event ${n}`);
  for (const id of ids) {
    const announcement = log.announce(id, descriptor);
    if (isProven) log.prove(announcement);
    log.attest(id, texts);
  }
  log.grow(ENTRIES - log.entries.length);
  return { bundles: ids.map((id) => new TextEncoder().encode(JSON.stringify(log.bundle(id)))), identity: log.identity };
}

/** The client keeps the points of nonces that it has seen: other ones take their place. */
function forgetNonces() {
  for (let x = 1n; x <= MANY; x += 1n) liftX(numberToHex(x, 32));
}

/**
 * The processor time that something takes, milliseconds.
 *
 * @param {() => unknown} run
 */
function timed(run) {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const { bundles, identity } = bundlesOf(process.argv[2] ?? '');
const [secret, message] = [new Uint8Array(32).fill(1), new Uint8Array(32)];
const [signature, publicKey] = [schnorr.sign(message, secret), schnorr.getPublicKey(secret)];
/** @type {number[]} */
const took = [];
/** @type {number[]} */
const single = [];
for (let round = 0; round < ROUNDS; round += 1) {
  forgetNonces();
  for (const bundle of bundles) {
    took.push(timed(() => verifyBundle(bundle, identity)));
    single.push(timed(() => schnorr.verify(signature, message, publicKey)));
  }
}
const [first = 0] = took;
const sorted = took.slice(WARM_UP * EVENTS).sort((a, b) => a - b);
/** @type {Rounds} */
const rounds = { first, best: sorted[0] ?? 0, median: sorted[sorted.length >> 1] ?? 0, single: Math.min(...single), bytes: bundles[0]?.length ?? 0 };
console.log(JSON.stringify(rounds));
