/**
 * `schema/vectors/contract.json`, made anew from its keys and nonces: whole contracts, every
 * byte of which the examples in Rust have computed as well.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import * as musig from '@scure/btc-signer/musig2.js';
import { taprootTweakPrivKey } from '@scure/btc-signer/utils.js';

import { Contract, Holder, joinFunding } from '../src/contract.js';
import { AdaptorSignature, ContractError, taggedHash, verifyAnnouncement, verifyAttestation } from '../src/index.js';
import { encode, sighash, signed, taprootScript } from '../src/transaction.js';

/** @import { Coin } from '../src/transaction.js' */
/** @import { Offer, Payout, Task } from '../src/contract.js' */
/** @typedef {{txid: string, index: number, amount: number, script: string}} CoinJson */
/** @typedef {{secret_key: string, wallet_secret_key: string, coin: CoinJson}} PartyJson */
/** @typedef {{secret_nonces: string[]}} SessionJson */
/** @typedef {{outcome?: string, range?: [number, number], first: number}} PayoutJson */
/**
 * @typedef {object} Case
 * @property {string} name
 * @property {string} announcement
 * @property {number} attest_by
 * @property {[number, number]} stakes
 * @property {PayoutJson[]} payouts
 * @property {[PartyJson, PartyJson]} parties
 * @property {SessionJson[]} cets
 * @property {SessionJson} refund
 * @property {{attestation: string}} settled
 */

/** @type {{cases: Case[]}} */
const VECTORS = JSON.parse(readFileSync(new URL('../../../schema/vectors/contract.json', import.meta.url), 'utf8'));

/** @param {CoinJson} coin @returns {Coin} */
function coinOf({ txid, index, amount, script }) {
  return { txid, index, amount: BigInt(amount), script: hexToBytes(script) };
}

/** @param {Coin} coin @returns {CoinJson} */
function coinJson({ txid, index, amount, script }) {
  return { txid, index, amount: Number(amount), script: bytesToHex(script) };
}

/** @param {PartyJson} party the secrets and the coin @returns {{wallet: Uint8Array, offer: Offer}} */
function partyOf({ secret_key, wallet_secret_key, coin }) {
  const wallet = taprootTweakPrivKey(hexToBytes(wallet_secret_key));
  const payout = taprootScript(bytesToHex(schnorr.getPublicKey(wallet)));
  return { wallet, offer: { key: secp256k1.getPublicKey(hexToBytes(secret_key), true), payout, coin: coinOf(coin) } };
}

/** @param {PayoutJson} payout @returns {Payout} */
function payoutOf({ outcome, range, first }) {
  const when = range ? { range: /** @type {[bigint, bigint]} */ (range.map(BigInt)) } : { outcome: String(outcome) };
  return { when, first: BigInt(first) };
}

/** @param {Uint8Array} nonces the sum @param {Task} task */
function withPoint(nonces, { point }) {
  if (!point) return nonces;
  const first = secp256k1.Point.fromBytes(nonces.subarray(0, 33)).add(point.point);
  return concatBytes(first.toBytes(true), nonces.subarray(33));
}

/**
 * One signature of both.
 *
 * @param {Contract} contract
 * @param {readonly PartyJson[]} parties
 * @param {SessionJson} given
 * @param {Task} task
 */
function sessionOf(contract, parties, { secret_nonces }, task) {
  const publicNonces = secret_nonces.map((both) => concatBytes(
    ...[both.slice(0, 64), both.slice(64)].map((k) => secp256k1.getPublicKey(hexToBytes(k), true)),
  ));
  const sum = musig.nonceAggregate(publicNonces);
  const session = contract.session(task, sum);
  const halves = parties.map(({ secret_key }, i) => {
    const key = secp256k1.getPublicKey(hexToBytes(secret_key), true);
    return session.sign(concatBytes(hexToBytes(String(secret_nonces[i])), key), hexToBytes(secret_key));
  });
  return {
    whole: session.partialSigAgg(halves),
    json: {
      lock_time: task.transaction.lockTime,
      unsigned: bytesToHex(encode(task.transaction)),
      sighash: bytesToHex(sighash(task.transaction, 0)),
      secret_nonces,
      public_nonces: publicNonces.map(bytesToHex),
      nonce_sum: bytesToHex(sum),
      session_nonce: bytesToHex(withPoint(sum, task)),
      partial_signatures: halves.map(bytesToHex),
    },
  };
}

/**
 * R' ‖ s' out of x(R) ‖ s': of the two nonces with this x, the one under which it verifies.
 *
 * @param {Contract} contract
 * @param {Contract['cets'][number]} cet
 * @param {Uint8Array} whole
 */
function adaptorOf({ outputKey }, { message, when: { point } }, whole) {
  for (const parity of [false, true]) {
    const final = secp256k1.Point.fromBytes(concatBytes(Uint8Array.of(parity ? 3 : 2), whole.subarray(0, 32)));
    const hex = final.subtract(point.point).toHex(true) + bytesToHex(whole.subarray(32));
    try {
      AdaptorSignature.fromHex(hex).verify(outputKey, bytesToHex(message), point);
      return { adaptor_signature: hex, pre_sig: bytesToHex(whole), parity };
    } catch {
      // The other one.
    }
  }
  throw new Error('neither nonce verifies');
}

/** @param {Contract} contract */
function keyOf({ keys, outputKey }) {
  const internal = musig.keyAggExport(musig.keyAggregate([...keys]));
  return {
    public_keys: keys.map(bytesToHex),
    internal_key: bytesToHex(internal),
    tweak: bytesToHex(taggedHash('TapTweak', internal)),
    output_key: outputKey,
    script: bytesToHex(taprootScript(outputKey)),
  };
}

/** Everything but the name and what was agreed on, computed. @param {Case} given */
function remade(given) {
  const announcement = verifyAnnouncement(hexToBytes(given.announcement));
  const attestation = verifyAttestation(hexToBytes(given.settled.attestation), announcement);
  const [one, other] = given.parties.map(partyOf);
  assert.ok(one && other);
  const terms = {
    announcement,
    attestBy: new Date(given.attest_by * 1000),
    stakes: /** @type {[bigint, bigint]} */ (given.stakes.map(BigInt)),
    payouts: given.payouts.map(payoutOf),
  };
  const contract = new Contract(terms, [one.offer, other.offer]);
  const session = (/** @type {SessionJson | undefined} */ nonces, /** @type {Task} */ task) => {
    assert.ok(nonces);
    return sessionOf(contract, given.parties, nonces, task);
  };

  const cets = contract.cets.map((cet, i) => {
    const { json, whole } = session(given.cets[i], cet);
    const { subject, point } = cet.when;
    assert.ok(subject.kind !== 'digit');
    const when = subject.kind === 'outcome' ? { outcome: subject.text } : { prefix: subject.values };
    return { ...json, when, point: point.point.toHex(true), first: Number(cet.first), ...adaptorOf(contract, cet, whole) };
  });
  const { json, whole } = session(given.refund, contract.refund);
  const refund = { ...json, signature: bytesToHex(whole), transaction: signed(contract.refund.transaction, [whole]) };

  const holder = Holder.restore(contract, { adaptors: cets.map((cet) => cet.adaptor_signature), refund: refund.transaction });
  const { index, signature, transaction } = holder.complete(attestation);
  const sighashes = [0, 1].map((i) => sighash(contract.funding, i));
  const signatures = [one, other].map(({ wallet }, i) => schnorr.sign(/** @type {Uint8Array} */ (sighashes[i]), wallet, new Uint8Array(32)));
  return {
    parties: given.parties.map((party, i) => {
      const { offer } = /** @type {typeof one} */ ([one, other][i]);
      const { secret_key, wallet_secret_key } = party;
      return { secret_key, wallet_secret_key, public_key: bytesToHex(offer.key), payout_script: bytesToHex(offer.payout), coin: coinJson(offer.coin) };
    }),
    key: keyOf(contract),
    funding: {
      unsigned: bytesToHex(encode(contract.funding)),
      txid: contract.output.txid,
      sighashes: sighashes.map(bytesToHex),
      signatures: signatures.map(bytesToHex),
      transaction: joinFunding(contract, signatures.map((own, input) => ({ input, signature: own }))),
      output: coinJson(contract.output),
    },
    cets,
    refund,
    settled: { attestation: given.settled.attestation, cet: index, secret: holder.extract(index, signature).toHex(), signature, transaction },
  };
}

test('contracts made in Rust are the same here, from the keys to the settled coins', () => {
  assert.deepEqual(VECTORS.cases.map(({ name }) => name), ['match', 'number']);
  for (const given of VECTORS.cases) {
    const { name, announcement, attest_by, stakes, payouts } = given;
    assert.deepEqual({ name, announcement, attest_by, stakes, payouts, ...remade(given) }, given);
  }
});

test('what is spoilt is noticed', () => {
  const [given] = VECTORS.cases;
  const nonces = given?.cets[0]?.secret_nonces;
  assert.ok(given && nonces);
  const spoilt = { ...given, cets: [{ secret_nonces: [...nonces].reverse() }, ...given.cets.slice(1)] };
  const [first] = remade(spoilt).cets;
  assert.notDeepEqual(first?.partial_signatures, /** @type {any} */ (given.cets[0]).partial_signatures);
  assert.throws(() => remade({ ...given, stakes: [1, 1] }), ContractError);
});
