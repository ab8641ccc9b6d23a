/**
 * Transactions by Peercoin's rules.
 *
 * A version 3 Peercoin transaction has no time field of its own: its bytes are those of a
 * Bitcoin transaction, and taproot signs it by BIP341. What differs is the fee, which is a
 * rule of the chain: 10 units for each byte of the full size, witness included, and 1000
 * at least.
 *
 * @module
 */
import { schnorr } from '@noble/curves/secp256k1.js';
import { Transaction } from '@scure/btc-signer';
import { RawTx } from '@scure/btc-signer/script.js';

import { bytesToHex, concatBytes, hexBytes } from './bytes.js';
import { verifySchnorr } from './curve.js';
import { ContractError } from './errors.js';
import { sha256Of } from './tags.js';

/** Units of one peercoin. */
export const COIN = 1_000_000n;
/** The smallest output that wallets make: 0.01 PPC. */
export const MIN_OUTPUT = 10_000n;
/** A lock time counts only if an input says that it is not final. */
const NOT_FINAL = 0xffff_fffe;
const FINAL = 0xffff_ffff;
const SIGNATURE = new Uint8Array(64);

/** An output. @typedef {{readonly amount: bigint, readonly script: Uint8Array}} Output */
/** An output with the place where it stands. @typedef {Output & {readonly txid: string, readonly index: number}} Coin */
/** An unsigned transaction. @typedef {{readonly coins: readonly Coin[], readonly outputs: readonly Output[], readonly lockTime: number}} Unsigned */

/** Pays to a taproot output key. @param {string} xonly hex @returns {Uint8Array} */
export function taprootScript(xonly) {
  return concatBytes(Uint8Array.of(0x51, 0x20), must(hexBytes(xonly)));
}

/** Whether a script is that of a taproot output. @param {Uint8Array} script */
export function isTaproot(script) {
  return script instanceof Uint8Array && script.length === 34 && script[0] === 0x51 && script[1] === 0x20;
}

/**
 * The bytes of a transaction; without signatures those that its id is of.
 *
 * @param {Unsigned} transaction
 * @param {readonly Uint8Array[]} [signatures] one for each input
 */
export function encode({ coins, outputs, lockTime }, signatures) {
  const inputs = coins.map(({ txid, index }) => ({
    ...{ txid: must(hexBytes(txid)), index, finalScriptSig: new Uint8Array() },
    sequence: lockTime === 0 ? FINAL : NOT_FINAL,
  }));
  const parts = { version: 3, segwitFlag: signatures !== undefined, inputs, outputs: outputs.map(({ amount, script }) => ({ amount, script })), lockTime };
  return RawTx.encode(signatures ? { ...parts, witnesses: signatures.map((signature) => [signature]) } : parts);
}

/** @param {Unsigned} transaction @returns {string} */
export function txidOf(transaction) {
  return bytesToHex(sha256Of(sha256Of(encode(transaction))).reverse());
}

/** What an input's key signs: BIP341, key path, `SIGHASH_DEFAULT`. @param {Unsigned} transaction @param {number} input @returns {Uint8Array} */
export function sighash(transaction, input) {
  const { coins } = transaction;
  const parsed = Transaction.fromRaw(encode(transaction), { allowUnknownVersion: true, allowUnknownOutputs: true });
  return parsed.preimageWitnessV1(input, coins.map(({ script }) => script), 0, coins.map(({ amount }) => amount));
}

/** The fee that the chain demands, once each input carries its signature. @param {Unsigned} transaction */
export function feeOf(transaction) {
  const size = BigInt(encode(transaction, transaction.coins.map(() => SIGNATURE)).length);
  return size * 10n > 1000n ? size * 10n : 1000n;
}

/**
 * Refuses what is not paid for exactly: a unit less is refused by nodes, a unit more is
 * given away.
 *
 * @param {Unsigned} transaction
 */
export function requireFee(transaction) {
  const paid = sum(transaction.coins) - sum(transaction.outputs);
  if (paid !== feeOf(transaction)) throw new ContractError('fee', `the transaction pays ${paid} units and owes ${feeOf(transaction)}`);
  if (transaction.outputs.some(({ amount }) => amount < MIN_OUTPUT)) throw new ContractError('output', `an output is below ${MIN_OUTPUT} units`);
}

/**
 * The signed bytes, each signature of which holds for the key of the output that its
 * input spends.
 *
 * @param {Unsigned} transaction
 * @param {readonly Uint8Array[]} signatures
 * @returns {string} hex
 */
export function signed(transaction, signatures) {
  requireFee(transaction);
  for (const [i, { script }] of transaction.coins.entries()) {
    const signature = signatures[i];
    if (!isTaproot(script) || !signature || !verifySchnorr(signature, sighash(transaction, i), script.subarray(2))) {
      throw new ContractError('signature', `input ${i} is not signed by the key of its coin`);
    }
  }
  return bytesToHex(encode(transaction, signatures));
}

/** @param {Uint8Array} message @param {Uint8Array} secret */
export function signSchnorr(message, secret) {
  return schnorr.sign(message, secret);
}

/** @param {readonly {readonly amount: bigint}[]} outputs */
export function sum(outputs) {
  return outputs.reduce((total, { amount }) => total + amount, 0n);
}

/** @param {Uint8Array | null} bytes @returns {Uint8Array} */
function must(bytes) {
  if (bytes?.length !== 32) throw new ContractError('coin', 'a txid or a key is not 32 bytes of hex');
  return bytes;
}
