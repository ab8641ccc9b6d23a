/**
 * Contracts of two parties, from an announcement to the transaction that settles them:
 * the five examples of `client/examples`.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import * as musig from '@scure/btc-signer/musig2.js';

import { COIN, Contract, Holder, Party, joinFunding, linearPayouts } from '../src/contract.js';
import { AdaptorError, ArgumentError, CoinlibError, ContractError, VerifyError, verifyAnnouncement, verifyAttestation } from '../src/index.js';
import { encode, sighash } from '../src/transaction.js';
import { FakeOracle } from './oracle.js';

/** @import { Descriptor, DigitsDescriptor } from '../src/index.js' */
/** @import { Coin, Output, Unsigned } from '../src/transaction.js' */
/** @import { Payout } from '../src/contract.js' */

const oracle = new FakeOracle();
const ATTEST_BY = '2026-11-22T17:00:00Z';
const MATURITY = 1_795_363_200;
const EARLY = { now: new Date((MATURITY - 3600) * 1000), margin: 600 };

/** @type {DigitsDescriptor} */
const PRICE = { kind: 'digits', base: 2, isSigned: false, unit: 'uUSD/PPC', precision: 0, nbDigits: 20 };

/** @typedef {{descriptor: Descriptor, stakes: [bigint, bigint], payouts: Payout[], texts: string[], first: bigint}} Example */

/** @param {Record<string, bigint>} shares @returns {Payout[]} */
function byOutcome(shares) {
  return Object.entries(shares).map(([outcome, coins]) => ({ when: { outcome }, first: coins * COIN }));
}

/** @param {string[]} outcomes @returns {Descriptor} */
const choice = (...outcomes) => ({ kind: 'enum', outcomes });

/** @type {Record<string, Example>} */
const EXAMPLES = {
  'prediction market': { descriptor: choice('yes', 'no', 'void'), stakes: [40n * COIN, 60n * COIN], payouts: byOutcome({ yes: 100n, no: 0n, void: 40n }), texts: ['void'], first: 40n },
  'binary option': { descriptor: choice('above', 'not_above'), stakes: [5n * COIN, 20n * COIN], payouts: byOutcome({ above: 25n, not_above: 0n }), texts: ['above'], first: 25n },
  'sports bet': { descriptor: choice('home', 'draw', 'away', 'void'), stakes: [30n * COIN, 50n * COIN], payouts: byOutcome({ home: 80n, draw: 0n, away: 0n, void: 30n }), texts: ['draw'], first: 0n },
  'election': { descriptor: choice('alder', 'birch', 'other', 'runoff', 'void'), stakes: [50n * COIN, 50n * COIN], payouts: byOutcome({ alder: 100n, birch: 0n, other: 50n, runoff: 50n, void: 50n }), texts: ['runoff'], first: 50n },
  'future': {
    ...{ descriptor: PRICE, stakes: [50n * COIN, 50n * COIN], texts: [...(254_359).toString(2).padStart(20, '0')], first: 55n },
    payouts: linearPayouts(PRICE, [[200_000n, 0n], [300_000n, 100n * COIN]], 5n * COIN).map(({ range, payout }) => ({ when: { range }, first: payout })),
  },
};

/** @param {Party} party @param {number} number @param {bigint} amount @returns {Coin} */
function coinOf(party, number, amount) {
  return { txid: number.toString(16).padStart(2, '0').repeat(32), index: 0, amount, script: party.script };
}

/** @param {string} id @param {Example} example */
function agree(id, { descriptor, stakes, payouts }) {
  const announcement = verifyAnnouncement(oracle.announce(id, descriptor));
  const parties = /** @type {const} */ ([new Party(), new Party()]);
  const coins = parties.map((party, i) => coinOf(party, 0xa1 + i, (stakes[i] ?? 0n) + COIN));
  const offers = parties.map((party, i) => party.offer(/** @type {Coin} */ (coins[i])));
  const terms = { announcement, attestBy: ATTEST_BY, stakes, payouts };
  const contracts = parties.map(() => new Contract(terms, [/** @type {any} */ (offers[0]), /** @type {any} */ (offers[1])]));
  const negotiating = parties.map((party, i) => party.negotiate(/** @type {Contract} */ (contracts[i]), /** @type {Coin} */ (coins[i])));
  return { announcement, contracts, negotiating, offers, parties, coins, terms };
}

/** @param {string} id @param {Example} example */
function hold(id, example) {
  const { negotiating, announcement } = agree(id, example);
  const [a, b] = negotiating;
  assert.ok(a && b);
  const [mine, yours] = [a.sign(b.nonces), b.sign(a.nonces)];
  return { holders: /** @type {[Holder, Holder]} */ ([mine.check(yours.halves), yours.check(mine.halves)]), announcement };
}

/** BIP341's hash of a key path, written from the BIP. @param {Unsigned} tx @param {number} index */
function bip341({ coins, outputs, lockTime }, index) {
  const le = (/** @type {bigint} */ value, /** @type {number} */ size) => Uint8Array.from({ length: size }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
  const script = (/** @type {Output} */ output) => concatBytes(Uint8Array.of(output.script.length), output.script);
  const all = (/** @type {Uint8Array[]} */ parts) => sha256(concatBytes(...parts));
  const sequence = le(lockTime === 0 ? 0xffff_ffffn : 0xffff_fffen, 4);
  return schnorr.utils.taggedHash(
    ...['TapSighash', Uint8Array.of(0, 0), le(3n, 4), le(BigInt(lockTime), 4)],
    all(coins.map(({ txid, index: at }) => concatBytes(hexToBytes(txid).reverse(), le(BigInt(at), 4)))),
    all(coins.map(({ amount }) => le(amount, 8))),
    all(coins.map(script)),
    all(coins.map(() => sequence)),
    all(outputs.map((output) => concatBytes(le(output.amount, 8), script(output)))),
    Uint8Array.of(0),
    le(BigInt(index), 4),
  );
}

for (const [name, example] of Object.entries(EXAMPLES)) {
  test(`${name}: funded, settled by the outcome, and by no other secret`, () => {
    const { holders: [alice, bob], announcement } = hold(name, example);
    const { contract } = alice;
    assert.deepEqual(contract.funding, bob.contract.funding);
    const funding = joinFunding(contract, [alice.signFunding(EARLY), bob.signFunding(EARLY)]);
    assert.equal(funding.length / 2, 355);
    assert.equal(sumOf(contract.funding.coins) - sumOf(contract.funding.outputs), 3550n);
    assert.equal(contract.output.amount, example.stakes[0] + example.stakes[1] + 2050n);

    const attestation = verifyAttestation(oracle.attest(name, example.texts), announcement);
    const completed = alice.complete(attestation);
    assert.equal(bob.complete(attestation).transaction, completed.transaction);
    const cet = contract.cets[completed.index];
    assert.ok(cet);
    assert.equal(cet.first, example.first * COIN);
    const { outputs } = cet.transaction;
    assert.equal(completed.transaction.length / 2, outputs.length === 1 ? 162 : 205);
    assert.equal(contract.output.amount - sumOf(outputs), outputs.length === 1 ? 1620n : 2050n);
    assert.equal(cet.transaction.lockTime, MATURITY);
    // Signed as BIP340 and BIP341 say, by arithmetic that is not ours.
    const message = bip341(cet.transaction, 0);
    assert.deepEqual(sighash(cet.transaction, 0), message);
    assert.ok(schnorr.verify(hexToBytes(completed.signature), message, hexToBytes(contract.outputKey)));
    assert.ok(completed.transaction.includes(completed.signature));

    const secret = bob.extract(completed.index, completed.signature);
    assert.ok(cet.point && secret.point.equals(cet.point));
    for (const [i, other] of contract.cets.entries()) {
      if (i === completed.index || other.point?.equals(/** @type {any} */ (cet.point))) continue;
      assert.throws(() => alice.adaptors[i]?.adapt(secret, contract.outputKey, bytesToHex(other.message)), AdaptorError);
      if (i > 20) break;
    }

    const refund = contract.refund.transaction;
    assert.equal(refund.lockTime, Date.parse(ATTEST_BY) / 1000 + 86_400);
    assert.deepEqual(refund.outputs.map(({ amount }) => amount), example.stakes);
    const signature = hexToBytes(alice.refund.slice(-8 - 128, -8));
    assert.ok(schnorr.verify(signature, bip341(refund, 0), hexToBytes(contract.outputKey)));
  });
}

/** @param {readonly {amount: bigint}[]} outputs */
function sumOf(outputs) {
  return outputs.reduce((sum, { amount }) => sum + amount, 0n);
}

const BET = /** @type {Example} */ (EXAMPLES['sports bet']);

test('a nonce signs once, and a wrong half is named before anything is funded', () => {
  const { negotiating: [a, b] } = agree('once', BET);
  assert.ok(a && b);
  assert.throws(() => a.sign(b.nonces.slice(1)), (error) => error instanceof ContractError && error.code === 'count');
  const mine = a.sign(b.nonces);
  assert.throws(() => a.sign(b.nonces), (error) => error instanceof ContractError && error.code === 'used');
  const yours = b.sign(a.nonces);
  for (const [i] of yours.halves.entries()) {
    const wrong = yours.halves.map((half, j) => (i === j ? half.map((byte, k) => (k === 31 ? byte ^ 1 : byte)) : half));
    assert.throws(() => mine.check(wrong), (error) => error instanceof ContractError && error.code === 'half' && error.message.includes(`half ${i} `));
  }
  // A half under the point of another outcome is none.
  assert.throws(() => mine.check([yours.halves[1], yours.halves[0], ...yours.halves.slice(2)].map((half) => half ?? new Uint8Array())), ContractError);
  assert.ok(mine.check(yours.halves) instanceof Holder);
});

test('a party negotiates once, so that a half which left is never worth anything', () => {
  const { parties: [alice], contracts: [contract], coins: [coin] } = agree('again', BET);
  assert.ok(contract && coin);
  assert.throws(() => alice.negotiate(contract, coin), (error) => error instanceof ContractError && error.code === 'used');
  // And no two have the same key.
  assert.notDeepEqual(alice.offer(coin).key, new Party().offer(coin).key);
});

test('what a holder keeps is verified when it is read again, and settles', () => {
  const { holders: [alice], announcement } = hold('kept', BET);
  const { contract } = alice;
  const kept = JSON.parse(JSON.stringify(alice));
  const restored = Holder.restore(contract, kept);
  const attestation = verifyAttestation(oracle.attest('kept', ['home']), announcement);
  assert.deepEqual(restored.complete(attestation), alice.complete(attestation));
  assert.equal(restored.refund, alice.refund);
  assert.throws(() => restored.signFunding(EARLY), (error) => error instanceof ContractError && error.code === 'coin');
  const other = hold('other', BET).holders[0].toJSON();
  for (const wrong of [{ ...kept, adaptors: other.adaptors }, { ...kept, adaptors: [] }, { ...kept, refund: other.refund }, { ...kept, refund: '' }]) {
    assert.throws(() => Holder.restore(contract, wrong));
  }
});

test('a refund that is valid before the oracle can have spoken is refused', () => {
  const { terms, offers } = agree('early', BET);
  const attestBy = new Date((MATURITY - 1) * 1000);
  assert.throws(() => new Contract({ ...terms, attestBy }, /** @type {any} */ (offers)), (error) => error instanceof ContractError && error.code === 'refund');
});

test('the funding is not signed late, nor another input than its own', () => {
  const { holders: [alice, bob] } = hold('late', BET);
  assert.throws(() => alice.signFunding({ now: new Date(MATURITY * 1000 - 1000), margin: 1 }), (error) => error instanceof ContractError && error.code === 'too-late');
  assert.deepEqual([alice.signFunding(EARLY).input, bob.signFunding(EARLY).input], [0, 1]);
  assert.throws(() => joinFunding(alice.contract, [alice.signFunding(EARLY)]), ContractError);
});

test('offers and terms that would strand coins are refused', () => {
  const { offers, terms, parties, coins } = agree('terms', BET);
  const [one, other] = offers;
  assert.ok(one && other);
  /** @param {any} changed @param {any[]} [two] */
  const make = (changed, two = [one, other]) => new Contract({ ...terms, ...changed }, /** @type {any} */ (two));
  /** @type {[() => unknown, string][]} */
  const cases = [
    [() => make({}, [one, { ...other, coin: one.coin }]), 'coin'],
    [() => make({}, [one, { ...other, coin: { ...other.coin, script: parties[0].script } }]), 'coin'],
    [() => make({}, [one, { ...other, coin: { ...other.coin, script: new Uint8Array(25) } }]), 'coin'],
    [() => make({}, [one, { ...other, key: one.key }]), 'key'],
    [() => make({}, [one, { ...other, key: new Uint8Array(33).fill(2, 0, 1) }]), 'key'],
    [() => make({}, [one, { ...other, coin: { ...coins[1], amount: 50n * COIN } }]), 'coin'],
    [() => make({ payouts: BET.payouts.slice(1) }), 'payout'],
    [() => make({ payouts: [...BET.payouts, BET.payouts[0]] }), 'payout'],
    [() => make({ payouts: BET.payouts.map((payout) => ({ ...payout, first: 81n * COIN })) }), 'payout'],
  ];
  for (const [call, code] of cases) assert.throws(call, (error) => error instanceof ContractError && error.code === code, code);
  assert.throws(() => make({ attestBy: '2026-11-20T00:00:00Z' }), /not before the refund/);
});

test('a curve pays for every number once, as in Rust', () => {
  const pieces = linearPayouts(PRICE, [[200_000n, 0n], [300_000n, 10n * COIN]], 100_000n);
  assert.equal(pieces.length, 101);
  assert.deepEqual(pieces[0], { range: [0n, 200_499n], payout: 0n });
  assert.deepEqual(pieces.at(-1)?.payout, 10n * COIN);
  assert.ok(pieces.every(({ range }, i) => i === 0 || range[0] === (pieces[i - 1]?.range[1] ?? 0n) + 1n));
  assert.equal(pieces.at(-1)?.range[1], 2n ** 20n - 1n);
});

/** Everything below a value that is no bytes, which nobody can freeze. @param {unknown} value @returns {unknown[]} */
function partsOf(value) {
  if (value === null || typeof value !== 'object' || ArrayBuffer.isView(value)) return [];
  return [value, ...Object.values(value).flatMap(partsOf)];
}

test('what becomes of lists, dates and bytes that were handed over changes nothing', () => {
  const announcement = verifyAnnouncement(oracle.announce('changed', BET.descriptor));
  const parties = [new Party(), new Party()];
  const coins = parties.map((party, i) => coinOf(party, 0xb1 + i, BET.stakes[i] === undefined ? 0n : BET.stakes[i] + COIN));
  const offers = /** @type {any} */ (parties.map((party, i) => ({ ...party.offer(/** @type {any} */ (coins[i])) })));
  const attestBy = new Date(ATTEST_BY);
  const payouts = BET.payouts.map(({ when, first }) => ({ when: { .../** @type {any} */ (when) }, first }));
  const terms = { announcement, attestBy, stakes: /** @type {[bigint, bigint]} */ ([...BET.stakes]), payouts };
  const contract = new Contract(terms, offers);
  const same = new Contract({ ...terms, attestBy: ATTEST_BY, stakes: BET.stakes, payouts: BET.payouts }, offers);
  const [a, b] = parties.map((party, i) => party.negotiate(contract, /** @type {any} */ (coins[i])));
  assert.ok(a && b);
  const [mine, yours] = [a.nonces.map((nonce) => Uint8Array.from(nonce)), b.nonces.map((nonce) => Uint8Array.from(nonce))];
  const signing = a.sign(yours);
  const halves = b.sign(mine).halves;

  payouts.reverse();
  payouts.forEach((payout) => Object.assign(payout.when, { outcome: 'home' }));
  payouts.length = 1;
  terms.stakes[0] = 1n;
  attestBy.setTime(0);
  for (const offer of offers) for (const bytes of [offer.key, offer.payout, offer.coin.script]) bytes.fill(0);
  for (const bytes of [...yours, ...mine, ...a.nonces, ...signing.halves]) bytes.fill(0);
  for (const coin of coins) Object.assign(coin, { amount: 1n, txid: '' });

  assert.deepEqual(contract, same);
  const holder = signing.check(halves);
  const attestation = verifyAttestation(oracle.attest('changed', ['draw']), announcement);
  assert.equal(contract.cets[holder.complete(attestation).index]?.first, 0n);
  assert.equal(holder.signFunding(EARLY).input, 0);
  for (const part of [contract, a, signing, holder].flatMap(partsOf)) assert.ok(Object.isFrozen(part), String(Object.keys(/** @type {object} */ (part))));
});

test('a coin has one spelling, and arguments that are none are named', () => {
  const { offers, terms } = agree('spelled', BET);
  const [one, other] = offers;
  assert.ok(one && other);
  const shouted = { ...other, coin: { ...other.coin, txid: one.coin.txid.toUpperCase() } };
  assert.throws(() => new Contract(terms, [one, shouted]), /both offer the same coin/);
  /** @type {[any, any][]} */
  const cases = [
    [null, offers], [{ ...terms, stakes: [30, 50] }, offers], [{ ...terms, payouts: null }, offers], [{ ...terms, payouts: [{ when: 'all', first: 1 }] }, offers],
    [{ ...terms, attestBy: 7 }, offers], [terms, null], [terms, [one, null]], [terms, [one, { ...other, coin: { ...other.coin, amount: 7 } }]],
    [terms, [one, { ...other, coin: { ...other.coin, txid: 'ab' } }]], [terms, [one, { ...other, coin: { ...other.coin, index: -1 } }]],
  ];
  for (const [given, two] of cases) assert.throws(() => new Contract(given, two), ArgumentError);
  assert.throws(() => new Contract({ ...terms, announcement: { ...terms.announcement } }, /** @type {any} */ (offers)), VerifyError);
  assert.throws(() => new Contract({ ...terms, attestBy: new Date(Number.NaN) }, /** @type {any} */ (offers)), CoinlibError);
});

test('more transactions than two parties can sign are refused before the first is made', () => {
  const wide = { ...PRICE, nbDigits: 60 };
  const { offers } = agree('wide', BET);
  const announcement = verifyAnnouncement(oracle.announce('wide one', wide));
  const make = (/** @type {Payout[]} */ payouts) => new Contract({ announcement, attestBy: ATTEST_BY, stakes: BET.stakes, payouts }, /** @type {any} */ (offers));
  /** @param {unknown} error */
  const isTooMany = (error) => error instanceof ContractError && error.code === 'payout' && /^payouts: .* 65536 /.test(error.message);
  const top = 2n ** 60n - 1n;
  assert.throws(() => make(Array.from({ length: 1000 }, () => ({ when: { range: [1n, top - 1n] }, first: 0n }))), isTooMany);
  assert.throws(() => make(Array.from({ length: 65_537 }, () => ({ when: { outcome: 1n }, first: 0n }))), isTooMany);
});

test('a curve of more pieces than a contract can have is refused, by the name of what is too much', () => {
  /** @param {string} argument */
  const names = (argument) => (/** @type {unknown} */ error) => error instanceof ArgumentError && error.argument === argument;
  const max = 2n ** 20n - 1n;
  // A hundred years of CPU otherwise: 2^20 numbers of as many payouts, 2^100 of them, and a curve that is all corners.
  assert.throws(() => linearPayouts(PRICE, [[0n, 0n], [max, max]], 1n), names('step'));
  assert.throws(() => linearPayouts({ ...PRICE, nbDigits: 100 }, [[0n, 0n], [2n ** 100n - 1n, 10n ** 40n]], 1n), names('step'));
  assert.throws(() => linearPayouts(PRICE, Array.from({ length: 65_537 }, (_, i) => [BigInt(i), 0n]), 1n), names('corners'));
  assert.throws(() => linearPayouts({ ...PRICE, nbDigits: 65_535, base: 65_535 }, [[0n, 0n]], 1n), names('descriptor'));
  assert.throws(() => linearPayouts({ ...PRICE, nbDigits: 128 }, [[0n, 0n]], 1n), names('descriptor'));
  assert.throws(() => linearPayouts(/** @type {any} */ (null), [[0n, 0n]], 1n), names('descriptor'));
  for (const corners of [[], [[0, 0]], [[0n]], [null], null]) assert.throws(() => linearPayouts(PRICE, /** @type {any} */ (corners), 1n), names('corners'));
  assert.equal(linearPayouts(PRICE, [[0n, 0n], [65_535n, 65_535n]], 1n).length, 65_536);
  assert.equal(linearPayouts({ ...PRICE, nbDigits: 127 }, [[0n, 5n]], 5n).length, 1);
});

test('halves without a point are those of BIP327, and the bytes those of the chain', () => {
  const { contracts: [contract], negotiating: [a, b] } = agree('plain', BET);
  assert.ok(contract && a && b);
  const at = contract.tasks.length - 1;
  const sum = musig.nonceAggregate([a.nonces[at] ?? new Uint8Array(), b.nonces[at] ?? new Uint8Array()]);
  const [mine, yours] = [a.sign(b.nonces), b.sign(a.nonces)];
  const session = contract.session(/** @type {any} */ (contract.tasks[at]), sum);
  const signature = session.partialSigAgg([mine.halves[at] ?? new Uint8Array(), yours.halves[at] ?? new Uint8Array()]);
  assert.ok(schnorr.verify(signature, contract.refund.message, hexToBytes(contract.outputKey)));
  assert.equal(bytesToHex(encode(contract.funding)).slice(0, 8), '03000000');
  assert.ok(secp256k1.Point.fromHex(`02${contract.outputKey}`));
});
