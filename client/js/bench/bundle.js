/**
 * How much processor time the verification of a bundle takes: `npm run bench`.
 *
 * Each round verifies an event that was not seen before, of a log of some hundred
 * entries, with the keys of the oracle and of its log known from the rounds before
 * it, as they are to every client after its first events. Numbers are those of the
 * machine and of what else it does; no test depends on them.
 *
 * @module
 */
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

for (const [kind] of EVENTS) {
  const bundles = Array.from({ length: WARM_UP + ROUNDS }, (_, n) => Buffer.from(JSON.stringify(log.bundle(`${kind} ${n}`))));
  // The oracle above has read its own messages: what was kept of them is forgotten.
  for (const { publicKey } of Array.from({ length: 1100 }, () => new FakeOracle())) liftX(publicKey);
  /** @type {number[]} */
  const took = [];
  for (const bundle of bundles) {
    const before = process.cpuUsage();
    verifyBundle(bundle, log.identity);
    const { user, system } = process.cpuUsage(before);
    took.push((user + system) / 1000);
  }
  const rounds = took.slice(WARM_UP).sort((a, b) => a - b);
  const mean = rounds.reduce((sum, ms) => sum + ms, 0) / rounds.length;
  const [first, best, median] = [took[0] ?? 0, rounds[0] ?? 0, rounds[rounds.length >> 1] ?? 0];
  const times = `${best.toFixed(1)} ms at best, ${median.toFixed(1)} ms median, ${mean.toFixed(1)} ms mean, ${first.toFixed(0)} ms the first time`;
  console.log(`${kind}: ${times}; ${bundles[0]?.length} bytes`);
}
