/**
 * How much processor time the verification of a bundle takes: `npm run bench`.
 *
 * Each round verifies an event that was not seen before, of a log of some hundred
 * entries, with the keys of the oracle and of its log known from the rounds before
 * it, as they are to every client after its first events; the first one is that of a
 * program that has just begun. Numbers are those of the machine and of what else it
 * does, so each is also said in verifications of one signature by `@noble/curves`,
 * done in between; no test depends on them.
 *
 * @module
 */
import { schnorr } from '@noble/curves/secp256k1.js';

import { FakeLog } from '../test/log.js';
import { FakeOracle } from '../test/oracle.js';
import { liftX } from '../src/curve.js';
import { verifyBundle } from '../src/index.js';

/** @import { Descriptor } from '../src/index.js' */

const ROUNDS = 50;
const WARM_UP = 100;
const ENTRIES = 640;

/** @type {readonly [string, Descriptor, string[]][]} */
const EVENTS = [
  ['enum', { kind: 'enum', outcomes: ['home', 'draw', 'away'] }, ['draw']],
  ['20 digits', { kind: 'digits', base: 2, isSigned: false, unit: 'u', precision: 0, nbDigits: 20 }, [...'01101001100101101001']],
];

const log = new FakeLog(new FakeOracle(), { policy: { rule: { kind: 'threshold' }, sources: Array.from({ length: 40 }, (_, n) => `source ${n}`) } });
for (const [kind, descriptor, texts] of EVENTS) {
  for (let n = 0; n < WARM_UP + ROUNDS; n += 1) {
    log.announce(`${kind} ${n}`, descriptor);
    log.attest(`${kind} ${n}`, texts);
  }
}
log.grow(ENTRIES - log.entries.length);

const [secret, message] = [new Uint8Array(32).fill(1), new Uint8Array(32)];
const signature = schnorr.sign(message, secret);
const publicKey = schnorr.getPublicKey(secret);

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

/** @param {number[]} times */
function sorted(times) {
  const [best = 0] = times.sort((a, b) => a - b);
  return { best, median: times[times.length >> 1] ?? 0 };
}

for (const [kind] of EVENTS) {
  const bundles = Array.from({ length: WARM_UP + ROUNDS }, (_, n) => Buffer.from(JSON.stringify(log.bundle(`${kind} ${n}`))));
  // The oracle above has read its own messages: what was kept of them is forgotten.
  for (const key of Array.from({ length: 1100 }, () => new FakeOracle().publicKey)) liftX(key);
  /** @type {number[]} */
  const took = [];
  /** @type {number[]} */
  const single = [];
  for (const bundle of bundles) {
    took.push(timed(() => verifyBundle(bundle, log.identity)));
    single.push(timed(() => schnorr.verify(signature, message, publicKey)));
  }
  const first = took[0] ?? 0;
  const [bundle, one] = [sorted(took.slice(WARM_UP)), sorted(single.slice(WARM_UP))];
  const times = `${bundle.best.toFixed(1)} ms at best, ${bundle.median.toFixed(1)} ms median, ${first.toFixed(0)} ms the first time`;
  const ratio = `${(bundle.best / one.best).toFixed(1)} (median ${(bundle.median / one.median).toFixed(1)}) verifications of one signature`;
  console.log(`${kind}: ${times}; ${ratio}; ${bundles[0]?.length} bytes`);
}
