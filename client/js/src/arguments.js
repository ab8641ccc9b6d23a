/**
 * What the functions of the package take, looked at before anything is done with it:
 * an error that names the argument, instead of one of the engine from deep inside.
 *
 * @module
 */
import { ArgumentError } from './errors.js';

/** What is wrong with a value, or null. @typedef {(value: any, name: string) => string | null} Check */

/**
 * The same function, for arguments that are what it takes.
 *
 * @template {(...args: any[]) => any} F
 * @param {F} run
 * @param {Readonly<Record<string, Check>>} checks by name, in the order of its parameters
 * @returns {F}
 */
export function guarded(run, checks) {
  const named = Object.entries(checks);
  /** @param {any[]} given */
  const guard = (...given) => {
    named.forEach(([name, check], i) => demand(name, given[i], check));
    return run(...given);
  };
  return /** @type {F} */ (guard);
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {Check} check
 */
export function demand(name, value, check) {
  const problem = check(value, name);
  if (problem) throw new ArgumentError(name, problem);
}

/** @type {Check} */
export const text = (value) => (typeof value === 'string' ? null : 'is no string');
/** @type {Check} */
export const bytes = (value) => (value instanceof Uint8Array ? null : 'is no Uint8Array');
/** @type {Check} */
export const object = (value) => (value !== null && typeof value === 'object' ? null : 'is no object');
/** @type {Check} */
export const list = (value) => (Array.isArray(value) ? null : 'is no array');
/** @type {Check} */
export const big = (value) => (typeof value === 'bigint' ? null : 'is no bigint');
/** @type {Check} */
export const integer = (value) => (Number.isSafeInteger(value) ? null : 'is no whole number');
/** @type {Check} */
export const number = (value) => (typeof value === 'number' ? null : 'is no number');
/** @type {Check} */
export const hash = (value) => (typeof value === 'string' && /^[0-9a-f]{64}$/i.test(value) ? null : 'is not 32 bytes of hex');
/** @type {Check} */
export const position = (value) =>
  (typeof value === 'bigint' ? value >= 0n && value >> 63n === 0n : integer(value, '') === null && value >= 0) ? null : 'is no position: a bigint or a whole number, 0 or more';
/** @type {Check} */
export const seconds = (value) => (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff ? null : 'is no time in whole Unix seconds');
/** @type {Check} */
export const json = (value) => {
  if (value === null || typeof value === 'boolean' || typeof value === 'string' || Number.isFinite(value)) return null;
  const isPlain = typeof value === 'object' && (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype);
  if (!isPlain) return 'holds what no JSON has';
  return Object.values(value).map((member) => json(member, '')).find((problem) => problem !== null) ?? null;
};
/** @type {Check} */
export const anything = () => null;

/** @param {Check} check @returns {Check} */
export const optional = (check) => (value, name) => (value === undefined ? null : check(value, name));
/** @param {Check} check @returns {Check} */
export const orNull = (check) => (value, name) => (value === undefined || value === null ? null : check(value, name));
/** @param {Check} check @returns {Check} */
export const listOf = (check) => (value, name) => {
  if (!Array.isArray(value)) return 'is no array';
  const index = value.findIndex((item) => check(item, name) !== null);
  return index < 0 ? null : `[${index}] ${check(value[index], name)}`;
};
/** @param {Function} kind @returns {Check} */
export const a = (kind) => (value) => (value instanceof kind ? null : `is no ${kind.name}`);
/** @param {Readonly<Record<string, Check>>} members @returns {Check} */
export const shaped = (members) => (value, name) => {
  if (value === null || typeof value !== 'object') return 'is no object';
  for (const [key, check] of Object.entries(members)) {
    const problem = check(value[key], name);
    if (problem) return `${key} ${problem}`;
  }
  return null;
};

/** @type {Check} */
export const digits = shaped({ base: number, isSigned: (v) => (typeof v === 'boolean' ? null : 'is no boolean'), unit: text, precision: number, nbDigits: number });
/** @type {Check} */
export const descriptor = (value, name) => {
  if (value?.kind === 'digits') return digits(value, name);
  return value?.kind === 'enum' ? shaped({ outcomes: listOf(text) })(value, name) : "has no kind 'enum' or 'digits'";
};
/** @type {Check} */
export const digitDescriptor = (value, name) => (value?.kind === 'digits' ? digits(value, name) : "has no kind 'digits'");
/** One that numbers can be cut by. @type {Check} */
export const cutDescriptor = (value, name) => {
  const problem = digitDescriptor(value, name);
  if (problem) return problem;
  const isCut = [value.base, value.nbDigits].every((count) => Number.isInteger(count) && count >= 1 && count <= 0xffff);
  return isCut ? null : 'has no base or no number of digits';
};
const event = shaped({ nonces: listOf(text), maturity: number, descriptor, eventId: text });
/** @type {Check} */
export const announcement = shaped({ signature: text, oraclePublicKey: text, event });
/** @type {Check} */
export const attestation = shaped({ eventId: orNull(text), oraclePublicKey: text, signatures: listOf(text), outcomes: listOf(text) });
export { event };
