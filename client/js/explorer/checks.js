/**
 * What the explorer's page of an event checks in the browser, step by step. Each
 * step rests on the pinned key and on what the steps before it have proved.
 *
 * @module
 */
import {
  NeverError,
  NotYetError,
  OracleClient,
  announcementEntry,
  attestationEntry,
  verifyCheckpoint,
  verifyInclusion,
} from '../src/index.js';

/** @import { Attested, Checkpoint, EvidenceInfo, Genesis, Policy, ProofsInfo, VerifiedAnnouncement } from '../src/index.js' */

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
 * @param {string} publicKey x-only hex: the one that is trusted
 * @param {string} id
 * @param {string | null} shown the outcome that the page shows, null for none
 * @param {(check: Check) => void} report told of each step as it ends
 * @returns {Promise<boolean>} whether nothing failed
 */
export async function checkEvent(url, publicKey, id, shown, report) {
  // What a page had before is what is in doubt: everything is fetched anew.
  const client = new OracleClient(url, { publicKey, retries: 1, fetch: (input, init) => fetch(input, { ...init, cache: 'no-cache' }) });
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

  await step('Key', () => key(client, publicKey));
  const announcement = await step('Announcement', () => announced(client, id));
  const policy = await step('Policy', () => rules(client, id));
  const attested = await step('Attestation', () => signed(client, id, announcement));
  await step('Page', () => said(attested, shown));
  const evidence = await step('Evidence', () => rested(client, id));
  const genesis = await step('Log key', () => begun(client));
  const proofs = await step('Proofs', () => proved(client, id));
  const checkpoint = await step('Checkpoint', () => headed(genesis, proofs));
  await step('Announcement in the log', () => announcementIn(checkpoint, proofs, announcement, policy));
  await step('Attestation in the log', () => attestationIn(checkpoint, proofs, attested, evidence));
  return good;
}

/**
 * @param {OracleClient} client
 * @param {string} publicKey
 * @returns {Promise<[string, string]>}
 */
async function key(client, publicKey) {
  await client.oracle();
  return [publicKey, `The oracle names the key ${publicKey.slice(0, 16)}….`];
}

/**
 * @param {OracleClient} client
 * @param {string} id
 * @returns {Promise<[VerifiedAnnouncement, string]>}
 */
async function announced(client, id) {
  const announcement = await client.announcement(id);
  const { nonces } = announcement.event;
  return [announcement, `Signed by the key, for this event; ${count(nonces.length, 'nonce')}${nonces.length > 1 ? ', all different' : ''}.`];
}

/**
 * @param {OracleClient} client
 * @param {string} id
 * @returns {Promise<[Policy, string]>}
 */
async function rules(client, id) {
  const policy = await client.policy(id);
  return [policy, `SHA-256 of the rules is ${policy.hash.slice(0, 16)}…, as stated.`];
}

/**
 * @param {OracleClient} client
 * @param {string} id
 * @param {VerifiedAnnouncement | null} announcement
 * @returns {Promise<[Attested, string]>}
 */
async function signed(client, id, announcement) {
  if (!announcement) throw new Skipped('Nothing to check it against.');
  try {
    const attested = await client.attestation(id);
    const { signatures } = attested.attestation;
    const made = `${count(signatures.length, 'signature')} under the key and the announced ${signatures.length === 1 ? 'nonce' : 'nonces'}`;
    return [attested, `${made}, over ${JSON.stringify(attested.outcome.text)}.`];
  } catch (error) {
    if (error instanceof NotYetError) throw new Skipped('There is none yet.');
    if (error instanceof NeverError) throw new Skipped('The oracle says that there never will be one.');
    throw error;
  }
}

/**
 * @param {Attested | null} attested
 * @param {string | null} shown
 * @returns {Promise<[string, string]>}
 */
async function said(attested, shown) {
  if (!attested) throw new Skipped('No verified outcome to compare with.');
  const signedText = attested.outcome.text;
  if (shown === null) throw new Skipped('The page was made before the attestation.');
  if (shown !== signedText) throw new Error(`The page shows ${JSON.stringify(shown)}, signed is ${JSON.stringify(signedText)}.`);
  return [shown, 'This page shows what was signed.'];
}

/**
 * @param {OracleClient} client
 * @param {string} id
 * @returns {Promise<[EvidenceInfo, string]>}
 */
async function rested(client, id) {
  const evidence = await client.evidence(id);
  if (evidence.manifest_sha256 === null) throw new Skipped('Nothing is decided.');
  await client.manifest(evidence.manifest_sha256);
  /** @type {Set<string>} */
  const open = new Set();
  for (const { sha256, ...rest } of evidence.observations) {
    if (sha256 !== null && /** @type {{public?: unknown}} */ (rest).public === true) open.add(sha256);
  }
  const bodies = [...open].slice(-BODIES);
  for (const sha256 of bodies) await client.evidenceBody(sha256);
  const more = open.size > bodies.length ? ` of ${open.size}` : '';
  return [evidence, `SHA-256 of the manifest, and of ${count(bodies.length, 'recorded answer')}${more}, is as stated.`];
}

/**
 * @param {OracleClient} client
 * @returns {Promise<[Genesis, string]>}
 */
async function begun(client) {
  const genesis = await client.genesis();
  return [genesis, `The oracle key signed that ${genesis.logPublicKey.slice(0, 16)}… signs the log ${genesis.logOrigin}.`];
}

/**
 * @param {OracleClient} client
 * @param {string} id
 * @returns {Promise<[ProofsInfo, string]>}
 */
async function proved(client, id) {
  const proofs = await client.proofs(id);
  return [proofs, `Of ${proofs.attestation ? 'announcement and attestation' : 'the announcement'}.`];
}

/**
 * @param {Genesis | null} genesis
 * @param {ProofsInfo | null} proofs
 * @returns {Promise<[Checkpoint, string]>}
 */
async function headed(genesis, proofs) {
  if (!genesis || !proofs) throw new Skipped('No log key to check it with.');
  const checkpoint = verifyCheckpoint(proofs.checkpoint, genesis);
  return [checkpoint, `Signed by the log key, over ${checkpoint.size} entries.`];
}

/**
 * @param {Checkpoint | null} checkpoint
 * @param {ProofsInfo | null} proofs
 * @param {VerifiedAnnouncement | null} announcement
 * @param {Policy | null} policy
 * @returns {Promise<[null, string]>}
 */
async function announcementIn(checkpoint, proofs, announcement, policy) {
  if (!checkpoint || !proofs || !announcement || !policy) throw new Skipped('A step before it is missing.');
  const { leaf_index, hashes } = proofs.announcement;
  verifyInclusion(announcementEntry(announcement, policy.hash), leaf_index, hashes, checkpoint);
  return [null, `At position ${leaf_index}, with these rules.`];
}

/**
 * @param {Checkpoint | null} checkpoint
 * @param {ProofsInfo | null} proofs
 * @param {Attested | null} attested
 * @param {EvidenceInfo | null} evidence
 * @returns {Promise<[null, string]>}
 */
async function attestationIn(checkpoint, proofs, attested, evidence) {
  if (!checkpoint || !proofs || !attested || !evidence?.manifest_sha256) {
    throw new Skipped('A step before it is missing.');
  }
  if (!proofs.attestation) throw new Error('The oracle gives no proof of what it has signed.');
  const entry = attestationEntry(attested.attestation, proofs.announcement.leaf_index, evidence.manifest_sha256);
  const { leaf_index, hashes } = proofs.attestation;
  verifyInclusion(entry, leaf_index, hashes, checkpoint);
  return [null, `At position ${leaf_index}, with this evidence.`];
}

/**
 * @param {number} number
 * @param {string} thing
 */
function count(number, thing) {
  return `${number} ${thing}${number === 1 ? '' : 's'}`;
}
