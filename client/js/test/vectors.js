/**
 * `schema/vectors/*.json` as an implementer elsewhere reads them. Knows neither
 * Node nor a browser: the same laws run in both.
 *
 * @module
 */
import { anchorIn, checkConfirmation, checkTransaction } from '../src/anchor.js';
import { bytesToBase64, bytesToHex, hexBytes, numberToHex, textToUtf8 } from '../src/bytes.js';
import {
  AdaptorSecret,
  AdaptorSignature,
  Memory,
  OutcomePoint,
  adaptorPoints,
  announcementHash,
  announcementToJson,
  attestationHash,
  attestationToJson,
  canonicalJson,
  challenge,
  checkLocktimes,
  coinlibOutcomes,
  decodeAnnouncement,
  decodeAttestation,
  decodeAttestationTlv,
  digitTexts,
  encodeAnnouncement,
  encodeAttestation,
  encodeEvent,
  groupRange,
  NonceProof,
  jointPoints,
  nonceProofEntry,
  parseOutcome,
  prefixPoint,
  readPolicy,
  refundLocktime,
  revealLocktime,
  taggedHash,
  announcementEntry,
  leafHash,
  parseIdentity,
  verifyBundle,
  verifyConsistency,
  verifyGenesis,
  verifyHour,
  verifyInclusion,
  verifyAnnouncement,
  verifyAttestation,
  questionOf,
} from '../src/index.js';
import { Note } from '../src/note.js';

/** @import { DigitsDescriptor } from '../src/index.js' */

/** What a case looks like, only its law knows. @typedef {{name?: string}} Case */

/** How many cases each file must have, so that one cut short cannot pass. */
export const COUNTS = Object.freeze({
  announcements: 10,
  attestations: 10,
  invalid: 62,
  points: 35,
  ranges: 12,
  digits: 26,
  tags: 17,
  policies: 7,
  joint: 16,
  coinlib: 11,
  adaptor: 39,
  log_entries: 37,
  bundles: 45,
  hours: 43,
  nonce_proof: 23,
  forged: 3,
  anchors: 39,
  tlog: 71,
});

/** Throws for a case that it does not hold for. @type {Readonly<Record<keyof typeof COUNTS, (c: never, content: never) => void>>} */
export const LAWS = {
  announcements,
  attestations,
  invalid,
  points,
  ranges,
  digits,
  tags,
  policies,
  joint,
  coinlib,
  adaptor,
  log_entries,
  bundles,
  hours,
  nonce_proof,
  forged,
  anchors,
  tlog,
};

/**
 * Runs all cases of a file.
 *
 * @param {keyof typeof COUNTS} file
 * @param {{cases: Case[]}} content
 * @returns {number} how many there were
 */
export function runVectors(file, content) {
  const { cases } = content;
  for (const c of cases) {
    try {
      LAWS[file](/** @type {never} */ (c), /** @type {never} */ (content));
    } catch (error) {
      throw new Error(`${file}.json, case ${c.name ?? JSON.stringify(c).slice(0, 200)}: ${error}`, { cause: error });
    }
  }
  equal(cases.length, COUNTS[file], `cases in ${file}.json`);
  return cases.length;
}

/** @param {{name: string, tlv: string, event_tlv: string, announcement_hash: string, json: object}} c */
function announcements({ tlv, event_tlv, announcement_hash, json }) {
  const announcement = decodeAnnouncement(bytes(tlv));
  equal(bytesToHex(encodeAnnouncement(announcement)), tlv, 'written again');
  equal(bytesToHex(encodeEvent(announcement.event)), event_tlv, 'event TLV');
  equal(bytesToHex(announcementHash(bytes(event_tlv))), announcement_hash, 'hash');
  equal(announcementToJson(announcement), json, 'JSON');
  const forms = [tlv, ` \n${tlv.toUpperCase()}\n`, bareBody(tlv), JSON.stringify(json), textToUtf8(` ${JSON.stringify(json)}\n`)];
  for (const form of forms) equal(decodeAnnouncement(form), announcement, 'another form');
  equal(verifyAnnouncement(announcement), announcement, 'verified');
}

/**
 * What of an entry this package writes is written to the byte; of the rest only
 * the hash is known here.
 *
 * @param {{name: string, entry: string, leaf_hash?: string, genesis_digest?: string, error: string | null}} c
 */
function log_entries({ name, entry, leaf_hash, error }) {
  const whole = bytes(entry);
  if (error !== null) {
    if (error.startsWith('genesis')) refused(() => verifyGenesis(whole, entryKey(entry)), 'genesis');
    return;
  }
  equal(bytesToHex(leafHash(whole)), leaf_hash, 'leaf hash');
  if (name === 'genesis') equal(verifyGenesis(whole, entryKey(entry)).network, 'peercoin-regtest', 'network');
  if (name.startsWith('announcement')) {
    const announcement = verifyAnnouncement(whole.subarray(34));
    equal(bytesToHex(announcementEntry(announcement, entry.slice(4, 68))), entry, 'written again');
  }
  if (name === 'nonce-proof') {
    const [position, proof] = [BigInt(`0x${entry.slice(4, 20)}`), NonceProof.fromHex(entry.slice(20))];
    equal(bytesToHex(nonceProofEntry(proof, position)), entry, 'written again');
  }
}

/**
 * @param {{announcement: string, proof: string, error?: string}} c
 */
function nonce_proof({ announcement, proof, error }) {
  const verify = () => NonceProof.fromBytes(bytes(proof)).verify(decodeAnnouncement(announcement));
  if (error !== undefined) return refused(verify, error);
  verify();
  const read = NonceProof.fromHex(proof);
  equal([read.toHex(), bytesToHex(read.toBytes())], [proof, proof], 'written again');
}

/**
 * @param {{identity: string, hour: string, document: unknown, error: string | null, complete: boolean, types: number[], unknown?: number[],
 *   before?: {size: number, left: string[]}, after: {size: number, left: string[]}}} c
 */
function hours({ identity, hour, document, error, complete, types, unknown = [], before, after }) {
  const due = before && { size: BigInt(before.size), left: before.left };
  const verify = () => verifyHour(JSON.stringify(document), { identity, hour, before: due });
  if (error !== null) return refused(verify, error);
  const proven = verify();
  equal([String(proven.after.size), proven.after.left], [String(after.size), after.left], 'the tree at its end');
  equal(proven.complete, complete, 'complete');
  const names = ['genesis', 'announcement', 'attestation', 'notice', 'operator-action', 'status', 'nonce-proof'];
  const known = proven.entries.filter(({ type }) => type !== 'unknown');
  equal(known.map(({ type }) => type), types.map((type) => names[type]), 'types');
  equal(proven.entries.filter(({ type }) => type === 'unknown').map(({ position }) => Number(position)), unknown, 'unknown');
  equal(proven.next === null, !complete, 'next');
  equal(verifyHour(textToUtf8(JSON.stringify(document)), { identity: parseIdentity(identity), hour }).hour, hour, 'from bytes');
}

/**
 * @param {{bundle: object, identity: string, known?: {size: number, root: string}, outcome?: string | null, refunded?: boolean, nonces_proven?: boolean, error: string | null}} c
 */
function bundles({ bundle, identity, known, outcome = null, refunded = false, nonces_proven = false, error }) {
  const seen = known && { size: BigInt(known.size), root: known.root };
  const verify = () => verifyBundle(JSON.stringify(bundle), identity, { known: seen });
  if (error !== null) return refused(verify, error);
  const { attestation, refund, nonceProof } = verify();
  equal([attestation?.outcome.text ?? null, refund !== null], [outcome, refunded], 'outcome and refund');
  equal(nonceProof !== null, nonces_proven, 'nonces proven');
}

/**
 * @param {{bundle: object, error: string}} c
 * @param {{identity: string, announcement: string, attestation: string, past: {announcement: string, attestation: string}}} content
 */
function forged({ bundle, error }, { identity, announcement, attestation, past }) {
  refused(() => verifyBundle(JSON.stringify(bundle), identity), error);
  // Every signature of the pair holds; the nonce of the past gives it away.
  const memory = new Memory();
  verifyAttestation(attestation, verifyAnnouncement(announcement));
  const promise = verifyAnnouncement(past.announcement);
  memory.learn(promise, verifyAttestation(past.attestation, promise));
  memory.check(promise);
  refused(() => memory.check(verifyAnnouncement(announcement)), 'nonce-reused');
}

/**
 * @param {{transaction?: string, txid: string, vout: number, size: number, root: string, error?: string,
 *   header: string, block_hash: string, position: number, branch: string[]}} c
 */
function anchors({ transaction, txid, vout, size, root, error, header, block_hash, position, branch }) {
  if (transaction !== undefined) {
    if (error !== undefined) return refused(() => anchorIn(bytes(transaction)), error);
    const anchor = { transaction, txid, vout: BigInt(vout), size: BigInt(size), root };
    checkTransaction(anchor);
    refused(() => checkTransaction({ ...anchor, vout: 7n }), 'anchor');
    refused(() => checkTransaction({ ...anchor, size: 7n }), 'anchor');
    refused(() => checkTransaction({ ...anchor, txid: root }), 'anchor');
    return;
  }
  if (error !== undefined) return;
  const seconds = new DataView(bytes(header).buffer).getUint32(68, true);
  const confirmedAt = new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
  const block = { height: 1n, blockHash: block_hash, confirmedAt, header, position: BigInt(position), branch };
  checkConfirmation(txid, block);
  const spoilt = [{ position: block.position + 1n }, { confirmedAt: 'now' }, { blockHash: txid }, { branch: [...branch, txid] }, { header: header.replace(/^../, '99') }];
  for (const change of spoilt) refused(() => checkConfirmation(txid, { ...block, ...change }), 'anchor');
}

/**
 * @param {{kind: string, valid?: boolean, entry: string, index: number, size: number, root: string, proof: string[],
 *   old: number, old_root: string, new: number, new_root: string, key: string, text: string}} c
 */
function tlog(c) {
  const proof = c.kind === 'inclusion' || c.kind === 'consistency' ? c.proof.map((hash) => bytesToBase64(bytes(hash))) : [];
  /** @type {() => unknown} */
  let verify = () => {};
  if (c.kind === 'inclusion') {
    verify = () => verifyInclusion(bytes(c.entry), c.index, proof, { origin: '', size: BigInt(c.size), root: c.root });
  } else if (c.kind === 'consistency') {
    verify = () => verifyConsistency({ size: BigInt(c.old), root: c.old_root }, { size: BigInt(c.new), root: c.new_root }, proof);
  } else if (c.kind === 'note') {
    verify = () => new Note(c.text).verify(parseIdentity(c.key));
  } else {
    // Who reads tiles, or proofs as files, has more code.
    equal(['tile', 'tlog-proof'].includes(c.kind), true, `kind ${c.kind}`);
    return;
  }
  if (c.valid === false) refused(verify, c.kind === 'note' ? 'checkpoint' : c.kind);
  else verify();
}

/** The oracle key in a genesis of that network. @param {string} entry */
function entryKey(entry) {
  return entry.slice(38, 102);
}

/**
 * @param {{announcement: string, outcome: string, messages: string[], json: object, tlv: string,
 *   tlv_counted: string, tlv_without_event_id: string, tlv_counted_without_event_id: string}} c
 */
function attestations(c) {
  const announcement = verifyAnnouncement(c.announcement);
  const forms = /** @type {const} */ ([
    [c.tlv, 'spec', true],
    [c.tlv_counted, 'counted', true],
    [c.tlv_without_event_id, 'spec', false],
    [c.tlv_counted_without_event_id, 'counted', false],
  ]);
  for (const [tlv, layout, hasId] of forms) {
    const found = decodeAttestationTlv(bytes(tlv));
    equal(found.layout, layout, 'layout');
    equal(found.attestation.eventId !== null, hasId, 'event id');
    equal(bytesToHex(encodeAttestation(found.attestation, layout)), tlv, 'written again');
    equal(decodeAttestation(bareBody(tlv)), found.attestation, 'bare body');
    const verified = verifyAttestation(found.attestation, announcement);
    equal(verified.outcome.text, c.outcome, 'outcome');
    equal(verified.outcomes, c.messages, 'texts');
  }
  const attestation = decodeAttestation(c.tlv);
  equal(attestationToJson(attestation), c.json, 'JSON');
  equal(decodeAttestation(JSON.stringify(c.json)), attestation, 'from JSON');
}

/** @param {{form: string, input: string, announcement?: string, stage: string, error: string}} c */
function invalid({ form, input, announcement, stage, error }) {
  const isAnnouncement = form.startsWith('announcement');
  const promise = isAnnouncement ? null : announcement && verifyAnnouncement(announcement);
  const json = form.endsWith('_json');
  const read = isAnnouncement ? decodeAnnouncement : decodeAttestation;
  const given = json ? input : bytes(input);
  if (stage === 'decode') return refused(() => read(given), error);
  const message = read(given);
  refused(() => (promise ? verifyAttestation(given, promise) : verifyAnnouncement(given)), error);
  // A decoded message is no safer than its bytes.
  if (promise && 'outcomes' in message) refused(() => verifyAttestation(message, promise), error);
  if ('event' in message) refused(() => verifyAnnouncement(message), error);
}

/**
 * @param {{announcements: string[], attestations: string[], prefix: string[], compressed: string, xonly: string,
 *   odd_y: boolean, secret: string, secret_normalised: string, error?: string}} c
 */
function points(c) {
  const promises = c.announcements.map((hex) => verifyAnnouncement(hex));
  const { error } = c;
  if (error !== undefined) {
    for (const promise of promises) {
      refused(() => prefixPoint(promise, c.prefix), error);
      refused(() => adaptorPoints(promise, { prefix: c.prefix }), error);
    }
    return;
  }
  const signed = c.attestations.map((hex, i) => verifyAttestation(hex, must(promises[i])));
  const point = OutcomePoint.sum(promises.map((promise) => prefixPoint(promise, c.prefix)));
  const secret = AdaptorSecret.ofSignatures(signed.flatMap(({ signatures }) => signatures.slice(0, c.prefix.length)));
  pointAndSecret(point, secret, c);
  const parts = promises.map((promise, i) => must(adaptorPoints(promise, { prefix: c.prefix }, signed[i])[0]));
  const sum = AdaptorSecret.sum(parts.map((part) => must(part.secret)));
  pointAndSecret(OutcomePoint.sum(parts.map((part) => part.point)), sum, c);
}

/**
 * Both ways to the same point: from the public side and from s.
 *
 * @param {OutcomePoint} point
 * @param {AdaptorSecret} secret
 * @param {{compressed: string, xonly: string, odd_y: boolean, secret: string, secret_normalised: string}} c
 */
function pointAndSecret(point, secret, c) {
  equal([point.compressed, point.xonly, point.oddY], [c.compressed, c.xonly, c.odd_y], 'point');
  equal([secret.toHex(), secret.normalised.toHex()], [c.secret, c.secret_normalised], 'secret');
  equal(secret.point.compressed, point.compressed, 'the point of the secret');
  equal(secret.normalised.point.compressed, point.even.compressed, 'the point of the normalised secret');
  equal(point.even.xonly, point.xonly, 'x');
  equal(OutcomePoint.fromHex(c.compressed).equals(point), true, 'read back');
  equal(AdaptorSecret.fromHex(c.secret).toHex(), c.secret, 'read back');
}

/** @param {{base: number, nb_digits: number, start: string, end: string, prefixes: number[][]}} c */
function ranges({ base, nb_digits, start, end, prefixes }) {
  const grouped = groupRange(base, nb_digits, BigInt(start), BigInt(end));
  equal(grouped, prefixes.map((prefix) => prefix.map(String)), 'prefixes');
}

/** @param {{base: number, nb_digits: number, is_signed: boolean, value: string, messages: string[], attested: string}} c */
function digits({ base, nb_digits, is_signed, value, messages, attested }) {
  /** @type {DigitsDescriptor} */
  const descriptor = { kind: 'digits', base, isSigned: is_signed, unit: '', precision: 0, nbDigits: nb_digits };
  equal(digitTexts(descriptor, BigInt(value)), messages, 'texts');
  const outcome = parseOutcome(descriptor, messages);
  equal(outcome?.text, attested, 'outcome');
  equal(outcome?.kind === 'digits' && outcome.value === BigInt(attested), true, 'value');
}

/** @param {{kind: string, hash: string, tag: string, message: string, outcome: string, nonce: string, public_key: string, scalar: string}} c */
function tags(c) {
  if (c.kind === 'tagged_hash') return equal(bytesToHex(taggedHash(c.tag, bytes(c.message))), c.hash, 'hash');
  if (c.kind === 'attestation_hash') return equal(bytesToHex(attestationHash(c.outcome)), c.hash, 'hash');
  equal(c.kind, 'challenge', 'kind');
  const e = challenge(bytes(c.nonce), bytes(c.public_key), bytes(c.message));
  equal(numberToHex(e, 32), c.scalar, 'scalar');
}

/** @param {{canonical: string, policy_hash: string, maturity: number, title: string | null, description: string | null, names: Record<string, string>}} c */
function policies({ canonical, policy_hash, maturity, title, description, names }) {
  const policy = readPolicy(canonical, policy_hash);
  equal(policy.hash, policy_hash, 'hash');
  equal(canonicalJson(policy.document), canonical, 'canonical');
  equal(canonicalJson({ ...questionOf(policy, maturity) }), canonicalJson({ title, description, names }), 'question');
  refused(() => readPolicy(` ${canonical}`), 'malformed');
  refused(() => readPolicy(canonical, policy_hash.replace(/^./, (c) => (c === '0' ? '1' : '0'))), 'wrong-hash');
}

/** @typedef {{announcement: string, attestation: string, nonce_proof?: string}} OracleCase */

/**
 * @param {readonly OracleCase[]} oracles
 * @param {readonly string[][]} prefixes one per oracle
 */
function parts(oracles, prefixes) {
  return oracles.map((oracle, i) => {
    const announcement = verifyAnnouncement(oracle.announcement);
    const attestation = verifyAttestation(oracle.attestation, announcement);
    const { nonce_proof: hex } = oracle;
    const nonces = hex === undefined ? { noncesOnTrust: true } : { nonceProof: NonceProof.fromHex(hex) };
    return { announcement, attestation, ...nonces, selection: { prefix: must(prefixes[i]) } };
  });
}

/**
 * @param {{oracles: (OracleCase & {prefix: string[], compressed: string, secret: string})[], compressed: string,
 *   xonly: string, odd_y: boolean, secret: string, secret_normalised: string}} c
 */
function joint(c) {
  const all = parts(c.oracles, c.oracles.map(({ prefix }) => prefix));
  const [sum] = jointPoints(all);
  pointAndSecret(must(sum).point, must(sum?.secret), c);
  // One oracle that has not spoken keeps all of it shut.
  const waiting = all.map((part, i) => ({ ...part, attestation: i === 0 ? null : part.attestation }));
  equal(jointPoints(waiting)[0]?.secret, null, 'secret of a part');
  for (const [i, part] of all.entries()) {
    const [alone] = jointPoints([part]);
    equal(alone?.point.compressed, c.oracles[i]?.compressed, 'point of one');
    equal(alone?.secret?.toHex(), c.oracles[i]?.secret, 'secret of one');
  }
}

/**
 * @param {{name: string, oracles: OracleCase[], attest_by: number, margin: number, reveal_locktime: number,
 *   refund_locktime: number, outcomes: {prefixes: string[][], xonly: string, adaptor_scalar: string | null}[],
 *   cet: number, reveal: number, refund: number, error: string | null}} c
 */
function coinlib(c) {
  if (c.name === 'locktimes') {
    const check = () => checkLocktimes({ cet: c.cet, reveal: c.reveal, refund: c.refund });
    return c.error === null ? check() : refused(check, c.error);
  }
  const announcements = c.oracles.map(({ announcement }) => verifyAnnouncement(announcement));
  const reveal = revealLocktime(announcements);
  const refund = refundLocktime(new Date(c.attest_by * 1000), c.margin);
  equal([reveal, refund], [c.reveal_locktime, c.refund_locktime], 'locktimes');
  checkLocktimes({ cet: reveal, reveal, refund });
  const points = c.outcomes.flatMap(({ prefixes }) => jointPoints(parts(c.oracles, prefixes)));
  const entries = coinlibOutcomes([...points].reverse(), reveal);
  const made = entries.map(({ xonly, adaptorScalar }) => ({ xonly, adaptor_scalar: adaptorScalar?.toHex() ?? null }));
  equal(made, c.outcomes.map(({ xonly, adaptor_scalar }) => ({ xonly, adaptor_scalar })), 'outcomes');
  for (const { xonly, locktime, adaptorScalar } of entries) {
    equal(locktime, reveal, 'locktime');
    // What coinlib computes from the scalar is the key of its map.
    if (adaptorScalar) equal([adaptorScalar.point.xonly, adaptorScalar.point.oddY], [xonly, false], 'key');
  }
  refused(() => coinlibOutcomes([...points, ...points], reveal), 'shared-point');
}

/**
 * @param {{adaptor_signature: string, public_key: string, message: string, point: string, secret: string,
 *   signature: string, pre_sig: string, parity: boolean, step?: string, error: string}} c
 */
function adaptor(c) {
  const decode = () => AdaptorSignature.fromHex(c.adaptor_signature);
  if (c.step === 'decode') return refused(decode, c.error);
  const [pre, point, secret] = [decode(), OutcomePoint.fromHex(c.point), AdaptorSecret.fromHex(c.secret)];
  equal(pre.toHex(), c.adaptor_signature, 'written again');
  const verify = () => pre.verify(c.public_key, c.message, point);
  const adapt = () => pre.adapt(secret, c.public_key, c.message);
  const extract = () => pre.extract(c.signature, point);
  switch (c.step) {
    case 'verify':
      return refused(verify, c.error);
    case 'adapt':
      return refused(adapt, c.error);
    case 'extract':
      return refused(extract, c.error);
    default:
      equal(c.error, null, 'error');
      verify();
      equal(adapt(), c.signature, 'completed');
      equal(extract().toHex(), c.secret, 'extracted');
      equal(pre.toCoinlib(point), { preSig: c.pre_sig, parity: c.parity }, "coinlib's form");
  }
}

/** @param {string} tlv */
function bareBody(tlv) {
  // Type and length take six bytes here, four in a short message.
  return bytes(tlv).subarray(tlv.slice(6, 8) === 'fd' ? 6 : 4);
}

/** @param {string} hex */
export function bytes(hex) {
  return must(hexBytes(hex));
}

/**
 * @template T
 * @param {T | null | undefined} value
 * @returns {T}
 */
export function must(value) {
  if (value === null || value === undefined) throw new Error('is missing');
  return value;
}

/**
 * @param {unknown} got
 * @param {unknown} expected
 * @param {string} what
 */
export function equal(got, expected, what) {
  const [a, b] = [got, expected].map((value) => canonicalJson(JSON.parse(JSON.stringify(value ?? null))));
  if (a !== b) throw new Error(`${what}: ${a}\nis not ${b}`);
}

/**
 * @param {() => unknown} act
 * @param {string} code
 */
export function refused(act, code) {
  /** @type {unknown} */
  let thrown;
  try {
    act();
  } catch (error) {
    thrown = error;
  }
  if (!(thrown instanceof Error)) throw new Error(`is accepted; ${code} was due`);
  equal('code' in thrown ? thrown.code : thrown.stack, code, 'code');
}
