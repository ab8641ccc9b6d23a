import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  AdaptorSecret,
  CoinlibError,
  NonceProof,
  OutcomePoint,
  PointsError,
  VerifyError,
  adaptorPoints,
  digitTexts,
  groupRange,
  jointPoints,
  maxValue,
  parseOutcome,
  rangePrefixes,
  refundLocktime,
  revealLocktime,
  signaturePoint,
  verifyAnnouncement,
  verifyAttestation,
} from '../src/index.js';
import { ORDER } from '../src/curve.js';
import { FakeOracle } from './oracle.js';
import { must } from './vectors.js';

/** @import { DigitsDescriptor, Selection, Subject } from '../src/index.js' */

/** @param {number} below */
const random = (below) => Math.floor(Math.random() * below);

/** @param {bigint} below */
function randomBig(below) {
  let value = 0n;
  for (let i = 0; i < 40; i += 1) value = value * 256n + BigInt(random(256));
  return value % below;
}

/**
 * @param {number} base
 * @param {boolean} isSigned
 * @param {number} nbDigits
 * @returns {DigitsDescriptor}
 */
const cut = (base, isSigned, nbDigits) => ({ kind: 'digits', base, isSigned, unit: 'u', precision: 0, nbDigits });

/** @param {FakeOracle} oracle @param {string} id @param {DigitsDescriptor} descriptor @param {bigint} value */
function attested(oracle, id, descriptor, value) {
  const announcement = verifyAnnouncement(oracle.announce(id, descriptor));
  return { announcement, attestation: verifyAttestation(oracle.attest(id, digitTexts(descriptor, value)), announcement) };
}

/** @param {() => unknown} act @param {string} code */
function pointsError(act, code) {
  assert.throws(act, (error) => error instanceof PointsError && error.code === code);
}

/** @param {readonly string[]} texts */
const shown = (texts) => texts.join(' ');

test("the specification's examples are grouped as it says", () => {
  assert.equal(
    groupRange(10, 4, 5677n, 8621n).map((p) => p.join('')).join(' '),
    '5677 5678 5679 568 569 57 58 59 6 7 80 81 82 83 84 85 860 861 8620 8621',
  );
  assert.equal(groupRange(10, 4, 2200n, 4999n).map((p) => p.join('')).join(' '), '22 23 24 25 26 27 28 29 3 4');
  assert.deepEqual(groupRange(3, 4, 0n, 80n), [['0'], ['1'], ['2']]);
  assert.equal(groupRange(2, 127, 1n, 2n ** 127n - 1n).length, 127);
});

test('prefixes partition their range exactly, in any base and sign', () => {
  for (let round = 0; round < 500; round += 1) {
    const descriptor = cut(2 + random(20), round % 2 === 0, 1 + random(6));
    const max = maxValue(descriptor);
    const least = descriptor.isSigned ? -max : 0n;
    const [a, b] = [least + randomBig(max - least + 1n), least + randomBig(max - least + 1n)];
    const [start, end] = a < b ? [a, b] : [b, a];
    let next = start;
    for (const values of rangePrefixes(descriptor, start, end)) {
      const free = descriptor.nbDigits + (descriptor.isSigned ? 1 : 0) - values.length;
      const bounds = [0, descriptor.base - 1].map((digit) => {
        const texts = [...values, .../** @type {string[]} */ (Array(free).fill(String(digit)))];
        const outcome = parseOutcome(descriptor, texts);
        return outcome?.kind === 'digits' ? outcome.value : -1n;
      });
      const [first, last] = must(bounds[0]) < must(bounds[1]) ? bounds : bounds.reverse();
      assert.equal(first, next, `${shown(values)} of ${start}..${end}`);
      next = must(last) + 1n;
    }
    assert.equal(next, end + 1n);
  }
});

test('digits and their number are one thing, and what does not fit is clamped', () => {
  for (let round = 0; round < 500; round += 1) {
    const descriptor = cut(2 + random(65534), round % 2 === 0, 1 + random(30));
    const max = maxValue(descriptor);
    const value = randomBig(max * 3n + 1n) - (descriptor.isSigned ? max : 0n);
    const outcome = parseOutcome(descriptor, digitTexts(descriptor, value));
    const clamped = value > max ? max : value;
    assert.deepEqual(outcome, { kind: 'digits', value: clamped, text: String(clamped) });
  }
  assert.deepEqual(digitTexts(cut(10, false, 2), -1n), ['0', '0']);
  assert.deepEqual(digitTexts(cut(10, true, 2), -100n), ['-', '9', '9']);
  assert.deepEqual(digitTexts(cut(10, true, 2), 0n), ['+', '0', '0']);
  assert.equal(digitTexts(cut(2, false, 64), 2n ** 53n + 1n).at(-1), '1');
});

test('only canonical texts are digits, and zero is never negative', () => {
  for (const text of ['', '00', '07', '+7', ' 7', '10', '-1', 'a', '\u0667', '1e0']) {
    assert.equal(parseOutcome(cut(10, false, 1), [text]), null, text);
  }
  assert.equal(parseOutcome(cut(10, true, 2), ['-', '0', '0']), null);
  assert.equal(parseOutcome(cut(10, true, 2), ['0', '0', '0']), null);
});

test('of a partition exactly the point that came true has a secret, which opens it', () => {
  const oracle = new FakeOracle();
  for (const [base, isSigned, nbDigits] of /** @type {const} */ ([[2, false, 8], [10, true, 3], [16, false, 2]])) {
    const descriptor = cut(base, isSigned, nbDigits);
    const max = maxValue(descriptor);
    const least = isSigned ? -max : 0n;
    const value = least + randomBig(max - least + 1n);
    const { announcement, attestation } = attested(oracle, `${base}`, descriptor, value);
    const split = least + randomBig(max - least);
    const ranges = /** @type {const} */ ([[least, split], [split + 1n, max]]);
    const points = ranges.flatMap((range) => adaptorPoints(announcement, { range }, attestation));
    const won = points.filter(({ secret }) => secret);
    assert.equal(won.length, 1);
    const { subject, point, secret } = must(won[0]);
    assert.ok(subject.kind === 'prefix' && subject.first <= value && value <= subject.last);
    assert.ok(must(secret).point.equals(point));
    assert.ok(must(secret).normalised.point.equals(point.even));
    const whole = must(adaptorPoints(announcement, { outcome: value }, attestation)[0]);
    assert.ok(must(whole.secret).point.equals(whole.point));
    assert.equal(must(adaptorPoints(announcement, { outcome: value === max ? least : max }, attestation)[0]).secret, null);
  }
});

test('a prefix is the sum of its digits, and enum points keep the announced order', () => {
  const oracle = new FakeOracle();
  const digits = verifyAnnouncement(oracle.announce('d', cut(3, true, 2)));
  const summands = adaptorPoints(digits, 'all');
  assert.deepEqual(
    summands.map(({ subject }) => subject.kind === 'digit' && `${subject.index}${subject.value}`).join(' '),
    '0+ 0- 10 11 12 20 21 22',
  );
  const picked = ['0-', '12', '20'].map((name) =>
    must(summands.find(({ subject }) => subject.kind === 'digit' && `${subject.index}${subject.value}` === name)),
  );
  const prefix = must(adaptorPoints(digits, { prefix: ['-', '2', '0'] })[0]);
  assert.ok(OutcomePoint.sum(picked.map(({ point }) => point)).equals(prefix.point));
  assert.deepEqual(prefix.subject, { kind: 'prefix', values: ['-', '2', '0'], first: -6n, last: -6n });
  assert.deepEqual(must(adaptorPoints(digits, { prefix: ['-'] })[0]).subject, { kind: 'prefix', values: ['-'], first: -8n, last: -1n });

  const choice = verifyAnnouncement(oracle.announce('c', { kind: 'enum', outcomes: ['b', 'a'] }));
  const points = adaptorPoints(choice, 'all');
  assert.deepEqual(points.map(({ subject }) => subject), [{ kind: 'outcome', text: 'b' }, { kind: 'outcome', text: 'a' }]);
  const { oraclePublicKey, event } = choice;
  assert.ok(signaturePoint(must(event.nonces[0]), oraclePublicKey, 'a').equals(must(points[1]).point));
});

test('what an event cannot state has no point', () => {
  const oracle = new FakeOracle();
  const digits = verifyAnnouncement(oracle.announce('d', cut(10, true, 2)));
  const choice = verifyAnnouncement(oracle.announce('c', { kind: 'enum', outcomes: ['a'] }));
  const wide = verifyAnnouncement(oracle.announce('w', cut(60000, false, 2)));
  /** @type {[typeof digits, Selection, string][]} */
  const refused = [
    [digits, { prefix: [] }, 'empty'],
    [digits, { prefix: ['0'] }, 'value'],
    [digits, { prefix: ['+', '-'] }, 'value'],
    [digits, { prefix: ['+', '00'] }, 'value'],
    [digits, { prefix: ['-', '0', '0'] }, 'negative-zero'],
    [digits, { prefix: ['+', '1', '2', '3'] }, 'too-long'],
    [digits, { outcome: 100n }, 'outside'],
    [digits, { outcome: 'a' }, 'outcome'],
    [digits, { outcome: '1.0' }, 'outcome'],
    [digits, { range: [-100n, 0n] }, 'outside'],
    [digits, { range: [1n, 0n] }, 'backwards'],
    [choice, { outcome: 'b' }, 'outcome'],
    [choice, { prefix: ['b'] }, 'value'],
    [choice, { range: [0n, 1n] }, 'kind'],
    [wide, 'all', 'too-many'],
  ];
  for (const [announcement, selection, code] of refused) pointsError(() => adaptorPoints(announcement, selection), code);
  for (const [base, nbDigits] of /** @type {const} */ ([[1, 1], [2, 0], [2, 128], [10, 1.5], [1.5, 1]])) {
    assert.throws(() => groupRange(base, nbDigits, 0n, 0n), PointsError);
  }
  pointsError(() => groupRange(2, 4, 0n, 16n), 'above');
});

test('scalars and points that are none are refused, and so are those that cancel out', () => {
  const [one, minusOne] = [new AdaptorSecret(1n), new AdaptorSecret(-1n)];
  assert.equal(minusOne.toHex(), (ORDER - 1n).toString(16));
  pointsError(() => AdaptorSecret.sum([one, minusOne]), 'infinity');
  pointsError(() => OutcomePoint.sum([one.point, minusOne.point]), 'infinity');
  pointsError(() => AdaptorSecret.sum([]), 'empty');
  pointsError(() => OutcomePoint.sum([]), 'empty');
  pointsError(() => AdaptorSecret.ofSignatures([]), 'empty');
  pointsError(() => AdaptorSecret.ofSignatures([`${'11'.repeat(32)}${ORDER.toString(16)}`]), 'scalar');
  for (const hex of ['', '00'.repeat(32), ORDER.toString(16)]) pointsError(() => AdaptorSecret.fromHex(hex), 'scalar');
  for (const hex of ['', `02${'ff'.repeat(32)}`, `05${'11'.repeat(32)}`]) pointsError(() => OutcomePoint.fromHex(hex), 'point');
});

test('a secret does not slip into logs', async () => {
  const { inspect } = await import('node:util');
  const secret = AdaptorSecret.fromHex('5a'.repeat(32));
  for (const text of [inspect(secret), JSON.stringify({ secret }), String(secret)]) assert.ok(!text.includes('5a5a'), text);
});

test('points come from verified messages only, and secrets from those of the same announcement', () => {
  const oracle = new FakeOracle();
  const a = attested(oracle, 'a', cut(2, false, 2), 1n);
  const b = attested(oracle, 'b', cut(2, false, 2), 1n);
  /** @param {() => unknown} act */
  const unverified = (act) => assert.throws(act, (error) => error instanceof VerifyError && error.code === 'unverified');
  unverified(() => adaptorPoints({ ...a.announcement }, 'all'));
  unverified(() => adaptorPoints(a.announcement, 'all', { ...a.attestation }));
  unverified(() => adaptorPoints(a.announcement, 'all', b.attestation));
  unverified(() => revealLocktime([a.announcement, { ...b.announcement }]));
  assert.equal(revealLocktime([a.announcement, b.announcement]), a.announcement.event.maturity);
  // Read twice, it is still the same announcement.
  const again = verifyAnnouncement(structuredClone(/** @type {import('../src/index.js').Announcement} */ (a.announcement)));
  assert.equal(adaptorPoints(again, { outcome: 1n }, a.attestation).length, 1);
});

test('a refund is reckoned from a whole time and the same everywhere', (t) => {
  const zone = process.env['TZ'];
  t.after(() => {
    if (zone === undefined) delete process.env['TZ'];
    else process.env['TZ'] = zone;
  });
  for (const place of ['UTC', 'Pacific/Kiritimati', 'America/Los_Angeles']) {
    process.env['TZ'] = place;
    for (const time of ['2026-11-25T16:00:00Z', '2026-11-25T17:30:00.999+01:30', '2026-11-25t16:00:00z', new Date(1_795_622_400_000)]) {
      assert.equal(refundLocktime(time), 1_795_708_800, `${time}`);
    }
    for (const time of [
      ...['2026', '2026-11', '2026-11-25', '2026-11-25T16:00Z', '2026-11-25T16:00:00', '2026-11-25 16:00:00Z', ''],
      ...['25 Nov 2026 16:00:00 GMT', '2026-02-30T16:00:00Z', '2026-13-01T16:00:00Z', '2026-11-25T24:00:00Z', ' 2026-11-25T16:00:00Z'],
      ...['2026-11-25T16:00:00+25:00', '2026-11-25T16:00:00+0100', '2026-11-25T16:60:00Z'],
    ]) {
      assert.throws(() => refundLocktime(time), (error) => error instanceof CoinlibError && error.code === 'not-a-timestamp', time);
    }
  }
});

test('of three oracles one chooses its nonces last: it would know the joint secret alone, and is refused', () => {
  const outcomes = ['home', 'draw', 'away'];
  const oracles = [new FakeOracle(), new FakeOracle()];
  const honest = oracles.map((oracle, i) => {
    const announcement = verifyAnnouncement(oracle.announce(`match ${i}`, { kind: 'enum', outcomes }));
    return { announcement, nonceProof: NonceProof.fromBytes(oracle.prove(announcement)) };
  });
  const seen = OutcomePoint.sum(honest.map(({ announcement }) => must(adaptorPoints(announcement, { outcome: 'draw' })[0]).point));
  const oracle = new FakeOracle();
  const { announcement, secret } = oracle.announceAgainst(seen.compressed, 'spiel', outcomes, 'draw');
  // Nothing to be seen in the announcement: every check passes, and nobody has attested.
  const late = verifyAnnouncement(announcement);
  /** @param {{nonceProof?: NonceProof, noncesOnTrust?: boolean}} nonces @param {string} [outcome] */
  const joint = (nonces, outcome = 'draw') =>
    must(jointPoints([...honest, { announcement: late, ...nonces }].map((part) => ({ ...part, selection: { outcome } })))[0]);
  assert.throws(
    () => joint({}),
    (error) =>
      error instanceof PointsError && error.code === 'nonces-not-proven' &&
      error.message.includes(late.oraclePublicKey) && error.message.includes('announced last'),
  );
  // What it can make up, or take from another, is no proof of its nonce.
  pointsError(() => joint({ nonceProof: NonceProof.fromBytes(oracle.prove(late)) }), 'nonce-proof');
  for (const { nonceProof } of honest) pointsError(() => joint({ nonceProof }), 'nonce-proof');
  pointsError(() => joint({ nonceProof: NonceProof.fromBytes(oracle.prove(late)), noncesOnTrust: true }), 'nonce-proof');
  pointsError(() => joint({ nonceProof: /** @type {never} */ ({ verify: () => undefined }) }), 'nonce-proof');
  pointsError(() => joint({ noncesOnTrust: /** @type {never} */ ('no') }), 'nonces-not-proven');

  // Who trusts it has this: a secret of the sum before anyone has attested.
  const trusted = joint({ noncesOnTrust: true });
  assert.equal(trusted.secret, null);
  const known = AdaptorSecret.fromHex(secret).point;
  assert.ok(known.equals(trusted.point));
  // It is for one outcome: the others still need all.
  assert.ok(!known.equals(joint({ noncesOnTrust: true }, 'home').point));
  // The honest ones alone, and any one of them by itself.
  assert.ok(must(jointPoints(honest.map((part) => ({ ...part, selection: { outcome: 'draw' } })))[0]).point.equals(seen));
  assert.equal(jointPoints([{ announcement: late, selection: 'all' }]).length, 3);
});

test('several oracles together open what all of them attested, each in its own words', () => {
  const [x, y] = [new FakeOracle(), new FakeOracle()];
  const ax = verifyAnnouncement(x.announce('m', { kind: 'enum', outcomes: ['home', 'draw'] }));
  const ay = verifyAnnouncement(y.announce('spiel', { kind: 'enum', outcomes: ['X', '1'] }));
  const tx = verifyAttestation(x.attest('m', ['draw']), ax);
  const ty = verifyAttestation(y.attest('spiel', ['X']), ay);
  const part = (/** @type {string} */ a, /** @type {string} */ b) => [
    { announcement: ax, attestation: tx, nonceProof: NonceProof.fromBytes(x.prove(ax)), selection: { outcome: a } },
    { announcement: ay, attestation: ty, noncesOnTrust: true, selection: { outcome: b } },
  ];
  const joint = must(jointPoints(part('draw', 'X'))[0]);
  assert.deepEqual(joint.subjects, /** @type {Subject[]} */ ([{ kind: 'outcome', text: 'draw' }, { kind: 'outcome', text: 'X' }]));
  assert.ok(must(joint.secret).point.equals(joint.point));
  assert.equal(must(jointPoints(part('draw', '1'))[0]).secret, null);
  const same = { announcement: ax, selection: /** @type {const} */ ('all') };
  pointsError(() => jointPoints([same, same]), 'mismatch');
  pointsError(() => jointPoints([]), 'empty');
  pointsError(() => jointPoints([{ ...same, noncesOnTrust: true }, { announcement: ay, noncesOnTrust: true, selection: { outcome: 'X' } }]), 'mismatch');

  const [dx, dy, other] = [
    attested(x, 'n', cut(10, false, 3), 123n),
    attested(y, 'n', cut(10, false, 3), 123n),
    attested(y, 'o', cut(10, false, 4), 123n),
  ];
  const range = /** @type {const} */ ({ range: [95n, 123n] });
  const won = jointPoints([{ ...dx, noncesOnTrust: true, selection: range }, { ...dy, noncesOnTrust: true, selection: range }]);
  assert.equal(won.length, 11);
  assert.equal(won.filter(({ secret }) => secret).length, 1);
  pointsError(() => jointPoints([{ ...dx, noncesOnTrust: true, selection: range }, { ...other, noncesOnTrust: true, selection: range }]), 'mismatch');
  pointsError(() => jointPoints([{ ...dx, noncesOnTrust: true, selection: range }, { ...dy, noncesOnTrust: true, selection: { range: [95n, 124n] } }]), 'mismatch');
  pointsError(() => jointPoints([{ ...dx, selection: 'all' }]), 'kind');
});
