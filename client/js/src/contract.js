/**
 * A contract between two parties: made, signed, settled.
 *
 * Both compute the same transactions from the oracle's announcement, the terms and each
 * other's offer: the funding, whose output is under the key of both; a CET for each
 * outcome, encrypted to the point of the outcome; the refund. Each step gives what only
 * the next one takes, so that nobody signs the funding, the first thing that puts coins
 * at risk, before it holds everything that gets them out again.
 *
 * The key is MuSig2 (BIP327) of both, with BIP341's tweak without a script tree; sessions,
 * nonces and key aggregation are those of `@scure/btc-signer`. An adaptor point is added
 * to the first half of the sum of nonces before the session begins, so that it is part of
 * all that follows, as in libsecp256k1-zkp, coinlib and the examples in Rust. (The Rust
 * crate `musig2` by itself adds it later, and such halves do not fit.)
 *
 * **Limits.** JavaScript has no constant-time arithmetic: `@noble/curves` multiplies
 * secrets algorithmically in constant time, but engines, their garbage collectors and
 * their big integers promise nothing, and memory is not erased. Keys of large amounts
 * belong into a signer outside of a page.
 *
 * @module contract
 */
import * as musig from '@scure/btc-signer/musig2.js';
import { taprootTweakPrivKey } from '@scure/btc-signer/utils.js';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1.js';

import { AdaptorSignature } from './adaptor.js';
import { bytesToHex, bytesToNumber, concatBytes, hexBytes, sameBytes } from './bytes.js';
import { checkLocktimes, millisecondsOf, refundLocktime, revealLocktime } from './coinlib.js';
import { liftX, pointFromCompressed } from './curve.js';
import { AdaptorError, ContractError } from './errors.js';
import { OutcomePoint } from './outcome-point.js';
import { adaptorPoints } from './points.js';
import { taggedHash } from './tags.js';
import { freeze, ownBytes, ownCoin, ownOffers, ownTerms, requireFew } from './terms.js';
import { MIN_OUTPUT, feeOf, isTaproot, requireFee, sighash, signSchnorr, signed, sum, taprootScript, txidOf } from './transaction.js';
import { requireVerifiedAttestation } from './verify.js';

/** @import { AdaptorPoint, Selection, Subject } from './points.js' */
/** @import { Coin, Output, Unsigned } from './transaction.js' */
/** @import { VerifiedAnnouncement, VerifiedAttestation } from './verify.js' */

export { linearPayouts } from './payout.js';
export { COIN, MIN_OUTPUT } from './transaction.js';

/**
 * What each party tells the other first.
 *
 * @typedef {object} Offer
 * @property {Uint8Array} key its half of the contract's key, compressed
 * @property {Uint8Array} payout script that its share and its change go to: taproot
 * @property {Coin} coin what it pays its stake from: a taproot output
 */

/** What one outcome, or a range of numbers, pays to the first party; the rest is the other's. @typedef {{readonly when: Selection, readonly first: bigint}} Payout */

/**
 * What the parties agree on.
 *
 * @typedef {object} Terms
 * @property {VerifiedAnnouncement} announcement proven, of a bundle that both have
 * @property {string | Date} attestBy no attestation comes after this
 * @property {readonly [bigint, bigint]} stakes units
 * @property {readonly Payout[]} payouts one for everything that can come out; of all of them
 *   together at most 65,536 points, of each of which there is a transaction
 */

/** @typedef {{readonly transaction: Unsigned, readonly message: Uint8Array, readonly point: OutcomePoint | null}} Task */
/** A contract execution transaction. @typedef {Task & {readonly when: AdaptorPoint, readonly first: bigint}} Cet */

/**
 * All that is signed, unsigned: from the same offers both parties get the same bytes. It
 * has its own copies of terms and offers, and does not change.
 */
export class Contract {
  /** @type {Terms} @readonly */
  terms;
  /** Compressed, in the order of the session. @type {readonly Uint8Array[]} @readonly */
  keys;
  /** The key that the chain sees, x-only hex. @type {string} @readonly */
  outputKey;
  /** Spends a coin of each. @type {Unsigned} @readonly */
  funding;
  /** The output under the key of both. @type {Coin} @readonly */
  output;
  /** @type {readonly Cet[]} @readonly */
  cets;
  /** @type {Task} @readonly */
  refund;
  /** @type {Uint8Array} */
  #tweak;

  /**
   * @param {Terms} agreed
   * @param {readonly [Offer, Offer]} offered
   * @throws {ContractError | import('./errors.js').ArgumentError}
   */
  constructor(agreed, offered) {
    const [terms, offers] = [ownTerms(agreed), ownOffers(offered)];
    requireOffers(offers);
    this.terms = terms;
    this.keys = musig.sortKeys(offers.map(({ key }) => key));
    this.#tweak = taggedHash('TapTweak', musig.keyAggExport(musig.keyAggregate([...this.keys])));
    this.outputKey = bytesToHex(musig.keyAggExport(musig.keyAggregate([...this.keys], [this.#tweak], [true])));
    const script = taprootScript(this.outputKey);
    this.funding = fundingOf(script, terms.stakes, offers);
    const [output] = this.funding.outputs;
    this.output = Object.freeze({ .../** @type {Output} */ (output), txid: txidOf(this.funding), index: 0 });
    const reveal = revealLocktime([terms.announcement]);
    const after = refundLocktime(terms.attestBy);
    checkLocktimes({ cet: reveal, reveal, refund: after });
    const attestBy = millisecondsOf(terms.attestBy) / 1000;
    if (attestBy < terms.announcement.event.maturity) throw new ContractError('refund', 'attestBy is before the maturity');
    if (after <= Math.floor(attestBy)) throw new ContractError('refund', 'the refund would be valid before the oracle has spoken');
    const total = terms.stakes[0] + terms.stakes[1];
    /** @param {bigint} first @param {number} lockTime */
    const settlement = (first, lockTime) => {
      if (first < 0n || first > total) throw new ContractError('payout', `a payout of ${first} of ${total} units`);
      return settlementOf(this.output, [[offers[0].payout, first], [offers[1].payout, total - first]], lockTime);
    };
    requireFew(terms);
    this.cets = terms.payouts.flatMap(({ when, first }) => {
      const transaction = settlement(first, reveal);
      const message = sighash(transaction, 0);
      return adaptorPoints(terms.announcement, when).map((point) => ({ transaction, message, point: point.point, when: point, first }));
    });
    requireWhole(terms.announcement, this.cets.map(({ when }) => when.subject));
    const refund = settlement(terms.stakes[0], after);
    this.refund = { transaction: refund, message: sighash(refund, 0), point: null };
    for (const part of [this.keys, this.funding, this.output, this.cets, this.refund]) freeze(part);
    Object.freeze(this);
  }

  /** All that both sign together: CETs first, the refund last. @returns {readonly Task[]} */
  get tasks() {
    return [...this.cets, this.refund];
  }

  /** One signature of both. @internal @param {Task} task @param {Uint8Array} nonces the sum @returns {musig.Session} */
  session({ message, point }, nonces) {
    return new musig.Session(point ? withPoint(nonces, point) : nonces, [...this.keys], message, [this.#tweak], [true]);
  }
}

/**
 * A party with its secrets: a new key for this one contract and this one negotiation, and
 * the key of its coin.
 */
export class Party {
  // Never given, never kept: once halves have left, the other may hold a whole signature
  // under it (a nonce less the point of a CET cancels the point), and only that the key is
  // used for no second funding makes it worthless.
  #secret = schnorr.utils.randomSecretKey();
  #wallet;
  #hasNegotiated = false;

  /** @param {{wallet?: Uint8Array}} [keys] 32 bytes; a new one by default */
  constructor({ wallet = schnorr.utils.randomSecretKey() } = {}) {
    this.#wallet = taprootTweakPrivKey(Uint8Array.from(wallet));
  }

  /** Its wallet's address: a taproot output of one key (BIP86). */
  get script() {
    return taprootScript(bytesToHex(schnorr.getPublicKey(this.#wallet)));
  }

  /** @param {Coin} coin a coin of its wallet @returns {Offer} */
  offer(coin) {
    return Object.freeze({ key: secp256k1.getPublicKey(this.#secret, true), payout: this.script, coin: ownCoin(coin) });
  }

  /**
   * Makes a nonce for each signature of the contract. The public halves go to the other.
   * Once: whoever has to negotiate again does so as a new `Party`, with a new offer.
   *
   * @param {Contract} contract
   * @param {Coin} coin its own, which it offered
   * @throws {ContractError} `used`
   */
  negotiate(contract, coin) {
    if (this.#hasNegotiated) throw new ContractError('used', 'this party has negotiated before; make a new Party, with a new offer');
    this.#hasNegotiated = true;
    return Negotiating.of(contract, ownCoin(coin), { secret: this.#secret, wallet: this.#wallet });
  }
}

/** @typedef {{secret: Uint8Array, wallet: Uint8Array}} Secrets */

/** A party that has made its nonces. */
export class Negotiating {
  #contract;
  #coin;
  #secrets;
  /** Of each signature; gone once used. @type {musig.Nonces[] | null} */
  #nonces;
  /** To be sent. @type {readonly Uint8Array[]} @readonly */
  nonces;

  /** @internal @param {Contract} contract @param {Coin} coin @param {Secrets} secrets */
  static of(contract, coin, secrets) {
    return new Negotiating(contract, coin, secrets);
  }

  /** @private @param {Contract} contract @param {Coin} coin @param {Secrets} secrets */
  constructor(contract, coin, secrets) {
    this.#contract = contract;
    this.#coin = coin;
    this.#secrets = secrets;
    const key = secp256k1.getPublicKey(secrets.secret, true);
    const output = /** @type {Uint8Array} */ (hexBytes(contract.outputKey));
    this.#nonces = contract.tasks.map(({ message }) => musig.nonceGen(key, secrets.secret, output, message));
    this.nonces = ownBytes(this.#nonces.map((nonce) => nonce.public));
    Object.freeze(this);
  }

  /**
   * Signs its half of everything, once: a nonce that signed twice would give its key
   * away. The halves go to the other, who may be able to complete a CET with them although
   * the oracle has said nothing. It spends a funding that is not signed yet, and is never to
   * be signed unless `check` accepts what the other sends: then its nonces are its own, and
   * each CET needs the oracle.
   *
   * @param {readonly Uint8Array[]} theirs the other's nonces
   * @returns {Signing}
   * @throws {ContractError}
   */
  sign(theirs) {
    const [contract, nonces] = [this.#contract, this.#nonces];
    const { tasks } = contract;
    if (!nonces) throw new ContractError('used', 'these nonces have signed already; make a new Party');
    if (!Array.isArray(theirs) || theirs.length !== tasks.length) throw new ContractError('count', `${theirs?.length} nonces for ${tasks.length} signatures`);
    this.#nonces = null;
    const given = ownBytes(theirs);
    const halves = tasks.map((task, i) => {
      const own = /** @type {musig.Nonces} */ (nonces[i]);
      const session = named('nonce', i, () => contract.session(task, musig.nonceAggregate([own.public, given[i] ?? new Uint8Array()])));
      return session.sign(own.secret, this.#secrets.secret);
    });
    return Signing.of(contract, this.#coin, this.#secrets, { ours: nonces.map((nonce) => nonce.public), theirs: given, halves });
  }
}

/** @typedef {{ours: readonly Uint8Array[], theirs: readonly Uint8Array[], halves: readonly Uint8Array[]}} Made */

/** A party that has signed its halves. */
export class Signing {
  #contract;
  #coin;
  #secrets;
  #nonces;
  #halves;
  /** To be sent. @type {readonly Uint8Array[]} @readonly */
  halves;

  /**
   * @internal
   * @param {Contract} contract
   * @param {Coin} coin
   * @param {Secrets} secrets
   * @param {Made} made
   */
  static of(contract, coin, secrets, made) {
    return new Signing(contract, coin, secrets, made);
  }

  /**
   * @private
   * @param {Contract} contract
   * @param {Coin} coin
   * @param {Secrets} secrets
   * @param {Made} made
   */
  constructor(contract, coin, secrets, { ours, theirs, halves }) {
    this.#contract = contract;
    this.#coin = coin;
    this.#secrets = secrets;
    this.#nonces = { ours, theirs };
    this.#halves = halves;
    this.halves = ownBytes(halves);
    Object.freeze(this);
  }

  /**
   * Checks every half that the other sent, and what the two make: each CET must become
   * valid by the secret of its point, the refund be valid.
   *
   * @param {readonly Uint8Array[]} theirs the other's halves
   * @returns {Holder}
   * @throws {ContractError} `half`
   */
  check(theirs) {
    const contract = this.#contract;
    const { tasks } = contract;
    if (!Array.isArray(theirs) || theirs.length !== tasks.length) throw new ContractError('count', `${theirs?.length} halves for ${tasks.length} signatures`);
    const own = secp256k1.getPublicKey(this.#secrets.secret, true);
    const at = contract.keys.findIndex((key) => !sameBytes(key, own));
    const joined = tasks.map((task, i) => named('half', i, () => {
      const [ours, their] = [this.#nonces.ours[i], this.#nonces.theirs[i]].map((nonce) => nonce ?? new Uint8Array());
      const session = contract.session(task, musig.nonceAggregate([/** @type {Uint8Array} */ (ours), /** @type {Uint8Array} */ (their)]));
      // The point belongs to the sum, whoever's nonce it is counted with: not to the one that is checked.
      const mine = task.point ? withPoint(/** @type {Uint8Array} */ (ours), task.point) : ours;
      const nonces = at === 0 ? [their, mine] : [mine, their];
      if (!session.partialSigVerify(theirs[i] ?? new Uint8Array(), /** @type {Uint8Array[]} */ (nonces), at)) throw new Error('it does not verify');
      return session.partialSigAgg([this.#halves[i] ?? new Uint8Array(), theirs[i] ?? new Uint8Array()]);
    }));
    const adaptors = contract.cets.map((cet, i) => adaptorOf(joined[i] ?? new Uint8Array(), contract.outputKey, cet));
    const refund = signed(contract.refund.transaction, joined.slice(-1));
    return Holder.of(contract, this.#coin, this.#secrets.wallet, { adaptors, refund });
  }
}

/** A CET that the oracle's attestation completed. @typedef {{index: number, subject: Subject, transaction: string, signature: string}} Completed */

/** A party that holds all it may ever need. */
export class Holder {
  #coin;
  #wallet;
  /** @type {Contract} @readonly */
  contract;
  /** One for each CET, verified. @type {readonly AdaptorSignature[]} @readonly */
  adaptors;
  /** Signed, hex; valid from its lock time on. @type {string} @readonly */
  refund;

  /** @internal @param {Contract} contract @param {Coin} coin @param {Uint8Array} wallet @param {{adaptors: readonly AdaptorSignature[], refund: string}} held */
  static of(contract, coin, wallet, held) {
    return new Holder(contract, coin, wallet, held);
  }

  /** @private @param {Contract} contract @param {Coin | null} coin @param {Uint8Array | null} wallet @param {{adaptors: readonly AdaptorSignature[], refund: string}} held */
  constructor(contract, coin, wallet, { adaptors, refund }) {
    this.contract = contract;
    this.#coin = coin;
    this.#wallet = wallet;
    this.adaptors = Object.freeze([...adaptors]);
    this.refund = refund;
    Object.freeze(this);
  }

  /**
   * What to keep, before the funding is signed: without it nobody but the other could
   * settle. It is no secret that opens anything.
   */
  toJSON() {
    return { adaptors: this.adaptors.map((adaptor) => adaptor.toHex()), refund: this.refund };
  }

  /**
   * From what was kept and a contract made again of the same terms and offers, all of it
   * verified. It completes, extracts and refunds; it does not sign the funding.
   *
   * @param {Contract} contract
   * @param {{adaptors: readonly string[], refund: string}} kept
   * @returns {Holder}
   * @throws {ContractError | AdaptorError}
   */
  static restore(contract, { adaptors, refund }) {
    const { cets, outputKey } = contract;
    if (!Array.isArray(adaptors) || adaptors.length !== cets.length) throw new ContractError('count', `${adaptors?.length} adaptor signatures for ${cets.length} transactions`);
    const read = cets.map(({ message, when: { point } }, i) => {
      const adaptor = AdaptorSignature.fromHex(String(adaptors[i]));
      adaptor.verify(outputKey, bytesToHex(message), point);
      return adaptor;
    });
    const signature = hexBytes(String(refund).slice(-136, -8));
    if (!signature || signed(contract.refund.transaction, [signature]) !== refund) throw new ContractError('refund', 'it is not the signed refund of this contract');
    return new Holder(contract, null, null, { adaptors: read, refund });
  }

  /**
   * Signs its own input of the funding, and no other. Not from `margin` seconds before
   * the maturity on: the other could keep the signature until it knows the outcome, and
   * publish the funding only if it has won.
   *
   * @param {{now: Date, margin: number}} time
   * @returns {{input: number, signature: Uint8Array}}
   * @throws {ContractError} `too-late`, `coin`
   */
  signFunding({ now, margin }) {
    const { maturity } = this.contract.terms.announcement.event;
    if (!(now.getTime() / 1000 + margin < maturity)) throw new ContractError('too-late', `the event matures at ${maturity}; ${margin} s are needed before`);
    const { coins } = this.contract.funding;
    const [own, wallet] = [this.#coin, this.#wallet];
    if (!own || !wallet) throw new ContractError('coin', 'it was restored, and has no key of a coin');
    const found = coins.flatMap(({ txid, index }, i) => (txid === own.txid && index === own.index ? [i] : []));
    const [input] = found;
    const coin = coins[input ?? -1];
    if (found.length !== 1 || input === undefined || !coin || coin.amount !== own.amount || !sameBytes(coin.script, own.script)) {
      throw new ContractError('coin', 'the funding does not spend its own coin once');
    }
    return { input, signature: signSchnorr(sighash(this.contract.funding, input), wallet) };
  }

  /**
   * The CET of what came true, completed and verified.
   *
   * @param {VerifiedAttestation} attestation
   * @returns {Completed}
   * @throws {ContractError | AdaptorError | import('./errors.js').VerifyError}
   */
  complete(attestation) {
    const { terms, cets, outputKey } = this.contract;
    requireVerifiedAttestation(attestation, terms.announcement);
    const opened = terms.payouts.flatMap(({ when }) => adaptorPoints(terms.announcement, when, attestation));
    const index = opened.findIndex(({ secret }) => secret !== null);
    const [cet, point, adaptor] = [cets[index], opened[index], this.adaptors[index]];
    if (!cet || !point?.secret || !adaptor) throw new ContractError('outcome', 'no CET is for what was attested');
    const signature = adaptor.adapt(point.secret, outputKey, bytesToHex(cet.message));
    const transaction = signed(cet.transaction, [/** @type {Uint8Array} */ (hexBytes(signature))]);
    return { index, subject: point.subject, transaction, signature };
  }

  /**
   * The secret that a CET on the chain gives away: who did not hear the oracle learns it
   * from the other's settlement.
   *
   * @param {number} index
   * @param {string} signature 64 bytes, hex
   */
  extract(index, signature) {
    const [cet, adaptor] = [this.contract.cets[index], this.adaptors[index]];
    if (!cet?.point || !adaptor) throw new ContractError('outcome', 'there is no such CET');
    return adaptor.extract(signature, cet.point);
  }
}

/**
 * The funding with the signatures of both, verified.
 *
 * @param {Contract} contract
 * @param {readonly {input: number, signature: Uint8Array}[]} signatures
 * @returns {string} hex
 */
export function joinFunding({ funding }, signatures) {
  const inOrder = funding.coins.map((_, i) => signatures.find(({ input }) => input === i)?.signature ?? new Uint8Array());
  return signed(funding, inOrder);
}

/** The sum of nonces, or one of them, with a point added to its first half. @param {Uint8Array} nonce @param {OutcomePoint} point */
function withPoint(nonce, { point }) {
  const first = secp256k1.Point.fromBytes(nonce.subarray(0, 33)).add(point);
  return concatBytes(first.toBytes(true), nonce.subarray(33));
}

/**
 * What two halves make under a point: x(R) names the nonce that includes the point, of
 * either parity, and one of the two verifies.
 *
 * @param {Uint8Array} joined
 * @param {string} key
 * @param {Cet} cet
 */
function adaptorOf(joined, key, { message, when: { point } }) {
  const R = liftX(bytesToHex(joined.subarray(0, 32)));
  if (!R) throw new ContractError('half', 'the nonce is no point');
  for (const final of [R, R.negate()]) {
    const adaptor = new AdaptorSignature(final.subtract(point.point), bytesToNumber(joined.subarray(32)));
    try {
      adaptor.verify(key, bytesToHex(message), point);
      return adaptor;
    } catch (error) {
      if (!(error instanceof AdaptorError)) throw error;
    }
  }
  throw new ContractError('half', 'the halves make no adaptor signature of the point');
}

/** @template T @param {'nonce' | 'half'} code @param {number} i @param {() => T} run @returns {T} */
function named(code, i, run) {
  try {
    return run();
  } catch (cause) {
    throw new ContractError(code, `the other party's ${code} ${i} is not right`, { cause });
  }
}

/**
 * What can be said of offers without a chain. That the coins exist, and are unspent, each
 * party's node has to say before it signs the funding.
 *
 * @param {readonly [Offer, Offer]} offers
 */
function requireOffers([one, other]) {
  // A coin spent without a witness would let its owner change the funding's id, and with it
  // make CETs and refund worthless.
  if (![one, other].every((offer) => isTaproot(offer.payout) && isTaproot(offer.coin.script))) throw new ContractError('coin', 'coins and payouts have to be taproot outputs');
  // An offer is only words: the coin that it names may be the other's.
  if (one.coin.txid === other.coin.txid && one.coin.index === other.coin.index) throw new ContractError('coin', 'both offer the same coin');
  if (sameBytes(one.coin.script, other.coin.script)) throw new ContractError('coin', "both offer coins of the same address: one party's");
  for (const { key } of [one, other]) {
    if (!(key instanceof Uint8Array) || !pointFromCompressed(bytesToHex(key))) throw new ContractError('key', 'a key is no compressed point');
  }
  if (sameBytes(one.key, other.key)) throw new ContractError('key', 'both offer the same key');
}

/**
 * Both stakes and the fee of a settlement with two outputs, in an output under the key of
 * both; each bears half of that fee and half of the funding's own.
 *
 * @param {Uint8Array} script
 * @param {readonly [bigint, bigint]} stakes
 * @param {readonly [Offer, Offer]} offers
 * @returns {Unsigned}
 */
function fundingOf(script, stakes, offers) {
  const reserve = settlementFee(script, 2);
  const output = { amount: stakes[0] + stakes[1] + reserve, script };
  const coins = offers.map(({ coin }) => coin);
  /** @param {bigint} first @param {bigint} second @returns {Unsigned} */
  const paying = (first, second) => ({ coins, outputs: [output, { amount: first, script: offers[0].payout }, { amount: second, script: offers[1].payout }], lockTime: 0 });
  const fees = reserve + feeOf(paying(0n, 0n));
  const change = [offers[0].coin.amount - stakes[0] - (fees + 1n) / 2n, offers[1].coin.amount - stakes[1] - fees / 2n];
  if (stakes.some((stake) => stake <= 0n) || change.some((units) => units < MIN_OUTPUT)) throw new ContractError('coin', 'a coin leaves no output for its change');
  const funding = paying(change[0] ?? 0n, change[1] ?? 0n);
  requireFee(funding);
  return Object.freeze(funding);
}

/** @param {Uint8Array} script any that is as long @param {number} count of outputs */
function settlementFee(script, count) {
  const outputs = Array.from({ length: count }, () => ({ amount: 0n, script }));
  return feeOf({ coins: [{ amount: 0n, script, txid: '00'.repeat(32), index: 0 }], outputs, lockTime: 0 });
}

/**
 * The transaction that ends a contract. A share that no wallet would pay out is dropped: it
 * goes to the other party, and with it the fee of the output that is not there.
 *
 * @param {Coin} coin
 * @param {readonly (readonly [script: Uint8Array, units: bigint])[]} shares
 * @param {number} lockTime
 * @returns {Unsigned}
 */
function settlementOf(coin, shares, lockTime) {
  const kept = shares.filter(([, units]) => units >= MIN_OUTPUT);
  const outputs = kept.map(([script, amount]) => ({ script, amount }));
  const [only] = outputs;
  if (!only) throw new ContractError('output', 'both shares are below the smallest output');
  if (outputs.length === 1) only.amount = coin.amount - settlementFee(coin.script, 1);
  const transaction = Object.freeze({ coins: [coin], outputs, lockTime });
  requireFee(transaction);
  if (sum(outputs) > coin.amount) throw new ContractError('payout', 'pays more than there is');
  return transaction;
}

/**
 * Refuses payouts that leave something that can come out without a CET, or give it two:
 * the coins would be stuck until the refund.
 *
 * @param {VerifiedAnnouncement} announcement
 * @param {readonly Subject[]} subjects
 */
function requireWhole({ event: { descriptor } }, subjects) {
  if (descriptor.kind === 'enum') {
    const texts = subjects.map((subject) => (subject.kind === 'outcome' ? subject.text : ''));
    const isWhole = texts.length === descriptor.outcomes.length && descriptor.outcomes.every((outcome) => texts.includes(outcome));
    if (!isWhole) throw new ContractError('payout', 'not every outcome of the event is paid for once');
    return;
  }
  const max = BigInt(descriptor.base) ** BigInt(descriptor.nbDigits) - 1n;
  const ranges = subjects.map((subject) => {
    if (subject.kind === 'prefix') return [subject.first, subject.last];
    return subject.kind === 'outcome' ? [BigInt(subject.text), BigInt(subject.text)] : [max + 1n, max + 1n];
  }).sort(([a = 0n], [b = 0n]) => (a < b ? -1 : 1));
  let next = descriptor.isSigned ? -max : 0n;
  for (const [first, last] of ranges) {
    if (first !== next || last === undefined) throw new ContractError('payout', `the number ${next} is not paid for once`);
    next = last + 1n;
  }
  if (next !== max + 1n) throw new ContractError('payout', `nothing is paid for ${next}`);
}
