/**
 * What the explorer's page of an event checks in the browser, step by step. Each
 * step rests on the identity and on what the steps before it have proved.
 *
 * @module
 */
import {
  checkAnchor,
  checkAnnouncement,
  checkEnd,
  checkGenesis,
  checkHead,
  checkNonceProof,
  checkPolicy,
  identityOf,
} from '../src/bundle.js';
import { readBundle } from '../src/bundle-json.js';
import { hexBytes, sameBytes } from '../src/bytes.js';
import { encodeAnnouncement, encodeAttestation } from '../src/codec.js';
import { readEvidenceInfo, readOracleInfo } from '../src/model.js';
import { ED25519, noteKey } from '../src/note.js';
import { sha256Hex } from '../src/tags.js';

/** @import { Anchor, Checkpoint, EvidenceInfo, Genesis, NoteKey } from '../src/index.js' */
/** @import { Bundle } from '../src/bundle-json.js' */
/** @typedef {ReturnType<typeof checkEnd>} End */
/** @typedef {ReturnType<typeof checkAnnouncement>} Announced */

/** Provider's answers that are fetched and hashed. */
const BODIES = 24;

/**
 * The result of one step.
 *
 * @typedef {object} Check
 * @property {string} name
 * @property {'ok' | 'failed' | 'skipped'} state
 * @property {string} detail
 */

/** A step that has nothing to say yet. */
class Skipped extends Error {}

/**
 * Checks an event of an oracle.
 *
 * @param {string} url
 * @param {string} identity the verifier key of its log: the one that is trusted
 * @param {string} id
 * @param {string | null} shown the outcome that the page shows, null for none
 * @param {(check: Check) => void} report told of each step as it ends
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function checkEvent(url, identity, id, shown, report) {
  let good = true;
  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<[value: T, detail: string]>} run
   * @returns {Promise<T | null>} null where it failed, or has nothing to say
   */
  async function step(name, run) {
    try {
      const [value, detail] = await run();
      report({ name, state: 'ok', detail });
      return value;
    } catch (error) {
      const skipped = error instanceof Skipped;
      if (!skipped) good = false;
      report({ name, state: skipped ? 'skipped' : 'failed', detail: error instanceof Error ? error.message : String(error) });
      return null;
    }
  }

  const ask = server(url);
  const key = await step('Identity', () => pinned(ask, identity));
  const bundle = await step('Bundle', () => fetched(ask, id));
  const checkpoint = await step('Checkpoint', () => headed(bundle, key));
  const genesis = await step('Oracle key', () => begun(bundle, checkpoint, key));
  const announced = await step('Announcement', () => promised(bundle, checkpoint, genesis));
  // A log from before there were such proofs has nothing to show here.
  if (bundle?.nonceProof) await step('Nonces', () => owned(bundle, checkpoint, announced));
  await step('Policy', () => ruled(bundle, announced));
  const end = await step('Attestation', () => ended(bundle, checkpoint, announced));
  await step('Anchor', () => anchored(bundle, checkpoint, key));
  await step('Page', () => said(end, shown));
  await step('Downloads', () => handedOut(ask, id, announced, end));
  await step('Evidence', () => rested(ask, id, end));
  return good;
}

/**
 * What the server says, of which nothing is believed.
 *
 * @typedef {(path: string) => Promise<Uint8Array>} Ask
 */

/**
 * @param {string} url
 * @returns {Ask}
 */
function server(url) {
  return async (path) => {
    // What a page had before is what is in doubt: everything is fetched anew.
    const response = await fetch(`${url}${path}`, { cache: 'no-cache', credentials: 'omit' });
    if (!response.ok) throw new Error(`The server answers ${response.status} for ${path}.`);
    return new Uint8Array(await response.arrayBuffer());
  };
}

/**
 * A document that is known by its hash.
 *
 * @param {Ask} ask
 * @param {string} what
 * @param {string} sha256
 */
async function known(ask, what, sha256) {
  if (sha256Hex(await ask(`/v1/${what}/${sha256}`)) !== sha256) throw new Error(`SHA-256 of a document is not ${sha256}.`);
}

/**
 * @param {Ask} ask
 * @param {string} identity
 * @returns {Promise<[NoteKey, string]>}
 */
async function pinned(ask, identity) {
  const key = identityOf(identity);
  const { log_origin, log_public_key } = readOracleInfo(await ask('/v1/oracle'));
  const named = noteKey(log_origin, ED25519, hexBytes(log_public_key) ?? new Uint8Array());
  if (named.vkey !== key.vkey) throw new Error(`This server names another one: ${named.vkey}`);
  return [key, `The log ${key.name}, and its key ${key.publicKey.slice(0, 16)}….`];
}

/**
 * @param {Ask} ask
 * @param {string} id
 * @returns {Promise<[Bundle, string]>}
 */
async function fetched(ask, id) {
  const bundle = readBundle(await ask(`/v1/events/${encodeURIComponent(id)}/bundle`));
  if (bundle.eventId !== id) throw new Error(`It is about another event: ${JSON.stringify(bundle.eventId)}`);
  return [bundle, 'Everything that proves this event, in one document.'];
}

/**
 * @param {Bundle | null} bundle
 * @param {NoteKey | null} key
 * @returns {Promise<[Checkpoint, string]>}
 */
async function headed(bundle, key) {
  if (!bundle || !key) throw new Skipped('A step before it is missing.');
  const { checkpoint } = checkHead(bundle, key, null);
  return [checkpoint, `Signed by the identity, over ${checkpoint.size} entries.`];
}

/**
 * @param {Bundle | null} bundle
 * @param {Checkpoint | null} checkpoint
 * @param {NoteKey | null} key
 * @returns {Promise<[Genesis, string]>}
 */
async function begun(bundle, checkpoint, key) {
  if (!bundle || !checkpoint || !key) throw new Skipped('A step before it is missing.');
  const genesis = checkGenesis(bundle, checkpoint, key);
  return [genesis, `The first entry of the log names ${genesis.oraclePublicKey.slice(0, 16)}…, which signed it.`];
}

/**
 * @param {Bundle | null} bundle
 * @param {Checkpoint | null} checkpoint
 * @param {Genesis | null} genesis
 * @returns {Promise<[Announced, string]>}
 */
async function promised(bundle, checkpoint, genesis) {
  if (!bundle || !checkpoint || !genesis) throw new Skipped('A step before it is missing.');
  const announced = checkAnnouncement(bundle, checkpoint, genesis);
  const { nonces } = announced.announcement.event;
  const made = `${count(nonces.length, 'nonce')}${nonces.length > 1 ? ', all different' : ''}`;
  return [announced, `In the log at position ${bundle.announcement.position}, signed by the oracle key; ${made}.`];
}

/**
 * @param {Bundle} bundle
 * @param {Checkpoint | null} checkpoint
 * @param {Announced | null} announced
 * @returns {Promise<[null, string]>}
 */
async function owned(bundle, checkpoint, announced) {
  if (!checkpoint || !announced) throw new Skipped('Nothing to check it against.');
  checkNonceProof(bundle, checkpoint, announced.announcement);
  const { length } = announced.announcement.event.nonces;
  return [null, `The proof in the log at position ${bundle.nonceProof?.position} holds: who announced this knows ${length === 1 ? 'its nonce' : `all ${length} nonces`}.`];
}

/**
 * @param {Bundle | null} bundle
 * @param {Announced | null} announced
 * @returns {Promise<[null, string]>}
 */
async function ruled(bundle, announced) {
  if (!bundle || !announced) throw new Skipped('A step before it is missing.');
  checkPolicy(bundle, announced.policyHash);
  return [null, `SHA-256 of the rules is ${announced.policyHash.slice(0, 16)}…, as in the announcement's entry.`];
}

/**
 * @param {Bundle | null} bundle
 * @param {Checkpoint | null} checkpoint
 * @param {Announced | null} announced
 * @returns {Promise<[End, string]>}
 */
async function ended(bundle, checkpoint, announced) {
  if (!bundle || !checkpoint || !announced) throw new Skipped('Nothing to check it against.');
  const end = checkEnd(bundle, checkpoint, announced.announcement);
  if (end.refund) return [end, `In the log at position ${bundle.notice?.position}: there will never be one.`];
  if (!end.attestation) throw new Skipped('There is none in the log yet.');
  const { signatures, outcome } = end.attestation;
  const made = `${count(signatures.length, 'signature')} under the announced ${signatures.length === 1 ? 'nonce' : 'nonces'}`;
  return [end, `In the log at position ${bundle.attestation?.position}; ${made}, over ${JSON.stringify(outcome.text)}.`];
}

/**
 * @param {Bundle | null} bundle
 * @param {Checkpoint | null} checkpoint
 * @param {NoteKey | null} key
 * @returns {Promise<[Anchor, string]>}
 */
async function anchored(bundle, checkpoint, key) {
  if (!bundle || !checkpoint || !key) throw new Skipped('A step before it is missing.');
  const anchor = checkAnchor(bundle, checkpoint, key);
  if (!anchor) throw new Skipped('No confirmed one covers this event.');
  const block = anchor.block ? `, in block ${anchor.block.height} of ${anchor.block.time} if a node says so` : '';
  return [anchor, `${anchor.size} entries stand in transaction ${anchor.txid.slice(0, 16)}…${block}.`];
}

/**
 * @param {End | null} end
 * @param {string | null} shown
 * @returns {Promise<[string, string]>}
 */
async function said(end, shown) {
  if (!end?.attestation) throw new Skipped('No proven outcome to compare with.');
  const signedText = end.attestation.outcome.text;
  if (shown === null) throw new Skipped('The page was made before the attestation.');
  if (shown !== signedText) throw new Error(`The page shows ${JSON.stringify(shown)}, signed is ${JSON.stringify(signedText)}.`);
  return [shown, 'This page shows what was signed.'];
}

/**
 * @param {Ask} ask
 * @param {string} id
 * @param {Announced | null} announced
 * @param {End | null} end
 * @returns {Promise<[null, string]>}
 */
async function handedOut(ask, id, announced, end) {
  if (!announced) throw new Skipped('Nothing proven to compare with.');
  const segment = encodeURIComponent(id);
  /** @type {[string, Uint8Array][]} */
  const proven = [['announcement', encodeAnnouncement(announced.announcement)]];
  if (end?.attestation) proven.push(['attestation', encodeAttestation(end.attestation)]);
  for (const [what, bytes] of proven) {
    const got = await ask(`/v1/${what}s/${segment}?format=tlv`);
    if (!sameBytes(got, bytes)) throw new Error(`The ${what} that this server hands out is not the one in its log.`);
  }
  return [null, `What stands below is what the log has: ${proven.map(([what]) => what).join(' and ')}.`];
}

/**
 * @param {Ask} ask
 * @param {string} id
 * @param {End | null} end
 * @returns {Promise<[EvidenceInfo, string]>}
 */
async function rested(ask, id, end) {
  const manifest = end?.manifestSha256 ?? null;
  if (manifest === null) throw new Skipped('Nothing is attested.');
  await known(ask, 'manifests', manifest);
  const evidence = readEvidenceInfo(await ask(`/v1/events/${encodeURIComponent(id)}/evidence`));
  if (evidence.manifest_sha256 !== manifest) throw new Error('The evidence shown is not that of the manifest in the log.');
  /** @type {Set<string>} */
  const open = new Set();
  for (const { sha256, ...rest } of evidence.observations) {
    if (sha256 !== null && /** @type {{public?: unknown}} */ (rest).public === true) open.add(sha256);
  }
  const bodies = [...open].slice(-BODIES);
  for (const sha256 of bodies) await known(ask, 'evidence', sha256);
  const more = open.size > bodies.length ? ` of ${open.size}` : '';
  return [evidence, `The manifest is the one in the log; SHA-256 of ${count(bodies.length, 'recorded answer')}${more} is as stated.`];
}

/**
 * @param {number} number
 * @param {string} thing
 */
function count(number, thing) {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
