#!/usr/bin/env node
// Reads announcements and attestations with @node-dlc/messaging and with an
// independent reader (wire.mjs), and verifies every signature.
//
//   node check.mjs FILE|DIR...
//
// A .json file may hold the messages anywhere: every hex string that begins
// with an announcement's (fdd824) or an attestation's (fdd868) header is one,
// and a DLC JSON object beside it must say the same. Cases that an object
// marks with `error` are invalid on purpose and only counted, as is the old
// form without event id, which is only ever read. A .json file that is a DLC
// JSON object, as the oracle serves it, is one message. Other files hold one
// message, hex or binary. Exit 0 when all pass and there was at least one
// announcement and one attestation; 1 otherwise.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import messaging from '@node-dlc/messaging';
import { countedForm, readAnnouncement, readAttestation, verifyAnnouncement, verifyAttestation } from './wire.mjs';

const HEADERS = { fdd824: 'announcement', fdd868: 'attestation' };
// Attestations of the oldest form are only ever read, by the client; this
// oracle sends none and node-dlc cannot tell them from others.
const OLD_FORM = /_without_event_id$/;
const CLASSES = { announcement: messaging.OracleAnnouncement, attestation: messaging.OracleAttestation };
const kindOf = (text) => HEADERS[text.slice(0, 6).toLowerCase()];
const isHex = (text) => text.length % 2 === 0 && /^[0-9a-f]+$/i.test(text);

function kindOfJson(value) {
  if (value === null || typeof value !== 'object') return undefined;
  if ('announcementSignature' in value) return 'announcement';
  if ('signatures' in value && 'outcomes' in value && 'oraclePublicKey' in value) return 'attestation';
  return undefined;
}

/** Every message in a parsed JSON document, with the JSON form beside it. */
function* messagesIn(node, where) {
  if (node === null || typeof node !== 'object') return;
  if (!Array.isArray(node) && 'error' in node && node.error !== null) {
    yield { invalid: true };
    return;
  }
  for (const [key, value] of Object.entries(node)) {
    const here = `${where}/${key}`;
    if (OLD_FORM.test(key)) {
      yield { oldForm: true };
    } else if (typeof value === 'string' && kindOf(value) && isHex(value)) {
      const kind = kindOf(value);
      const json = Array.isArray(node) ? undefined : Object.values(node).find((v) => kindOfJson(v) === kind);
      yield { where: here, kind, bytes: Buffer.from(value, 'hex'), json, vector: true };
    } else {
      yield* messagesIn(value, here);
    }
  }
}

function* messagesInFile(path) {
  const raw = readFileSync(path);
  if (path.endsWith('.json')) {
    const document = JSON.parse(raw.toString('utf8'));
    const kind = kindOfJson(document);
    if (kind) yield { where: path, kind, bytes: CLASSES[kind].fromJSON(document).serialize(), json: document };
    else yield* messagesIn(document, path);
    return;
  }
  const text = raw.toString('latin1').trim();
  const bytes = isHex(text) ? Buffer.from(text, 'hex') : raw;
  const kind = kindOf(bytes.subarray(0, 3).toString('hex'));
  if (!kind) throw new Error(`${path}: neither an announcement nor an attestation`);
  yield { where: path, kind, bytes };
}

function filesUnder(path) {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesUnder(join(path, name)))
    .filter((name) => /\.(json|hex|tlv)$/.test(name));
}

// What node-dlc 1.1.7 cannot carry, from its source; wire.mjs still checks it.
const ascii = (value) => /^[\x00-\x7f]*$/.test(JSON.stringify(value));
const signedDigits = (json) => json.oracleEvent?.eventDescriptor.digitDecompositionEvent?.isSigned === true;
const negativePrecision = (json) => json.oracleEvent?.eventDescriptor.digitDecompositionEvent?.precision < 0;

function checkAnnouncement(message, skips) {
  const own = readAnnouncement(message.bytes);
  verifyAnnouncement(own);
  if (message.json) assert.deepEqual(message.json, own.json, 'JSON form');
  if (!ascii(own.json) || negativePrecision(own.json)) {
    skips.push(`${message.where}: node-dlc reads ASCII text and precision >= 0 only`);
    return own;
  }
  const theirs = messaging.OracleAnnouncement.deserialize(message.bytes);
  assert.deepEqual(theirs.toJSON(), own.json, 'node-dlc reads other values');
  assert.deepEqual(theirs.serialize(), message.bytes, 'node-dlc writes other bytes');
  assert.deepEqual(messaging.OracleAnnouncement.fromJSON(own.json).serialize(), message.bytes, 'node-dlc writes other bytes from JSON');
  if (signedDigits(own.json)) skips.push(`${message.where}: node-dlc does not validate signed digits`);
  else theirs.validate();
  return { ...own, theirs };
}

function checkAttestation(message, announcements, skips) {
  const own = readAttestation(message.bytes);
  const announcement = announcements.get(`${own.json.oraclePublicKey} ${own.json.eventId}`);
  assert.ok(announcement, `no announcement of ${own.json.eventId} among the inputs`);
  verifyAttestation(own, announcement);
  if (message.json) assert.deepEqual(message.json, own.json, 'JSON form');
  if (!ascii(own.json) || !announcement.theirs) {
    skips.push(`${message.where}: node-dlc reads ASCII text and precision >= 0 only`);
    return;
  }
  const theirs = messaging.OracleAttestation.deserialize(message.bytes);
  const { type, ...json } = theirs.toJSON();
  assert.equal(type, 55400);
  assert.deepEqual(json, own.json, 'node-dlc reads other values');
  assert.deepEqual(theirs.serialize(), countedForm(message.bytes), 'node-dlc writes other bytes');
  theirs.validate(announcement.theirs);
}

/** Checks all messages in the given files and directories. */
export function check(paths) {
  const result = { announcements: 0, attestations: 0, invalid: 0, oldForm: 0, skips: [], failures: [] };
  const messages = [];
  const seen = new Set();
  for (const path of paths.flatMap(filesUnder)) {
    for (const message of messagesInFile(path)) {
      if (message.invalid) result.invalid += 1;
      else if (message.oldForm) result.oldForm += 1;
      else {
        // Vector files repeat messages; once is enough unless a JSON form is beside it.
        const bytes = message.bytes.toString('hex');
        if (!message.vector || message.json || !seen.has(bytes)) messages.push(message);
        seen.add(bytes);
      }
    }
  }
  const announcements = new Map();
  const attempt = (message, run) => {
    try {
      run();
      result[`${message.kind}s`] += 1;
    } catch (error) {
      result.failures.push(`${message.where}: ${error.message}`);
    }
  };
  for (const message of messages.filter((m) => m.kind === 'announcement')) {
    attempt(message, () => {
      const own = checkAnnouncement(message, result.skips);
      announcements.set(`${own.json.oraclePublicKey} ${own.json.oracleEvent.eventId}`, own);
    });
  }
  for (const message of messages.filter((m) => m.kind === 'attestation')) {
    attempt(message, () => checkAttestation(message, announcements, result.skips));
  }
  if (result.announcements === 0) result.failures.push('no announcement was checked');
  if (result.attestations === 0) result.failures.push('no attestation was checked');
  return result;
}

function main(paths) {
  if (paths.length === 0) {
    console.error('usage: node check.mjs FILE|DIR...');
    process.exit(2);
  }
  let result;
  try {
    result = check(paths);
  } catch (error) {
    // An input that cannot be read at all.
    console.error(`error: ${error.message}`);
    process.exit(1);
  }
  const { announcements, attestations, invalid, oldForm, skips, failures } = result;
  for (const line of skips) console.log(`limit: ${line}`);
  for (const line of failures) console.error(`error: ${line}`);
  console.log(
    `node-dlc: ${announcements} announcements, ${attestations} attestations checked; ` +
      `${invalid} invalid on purpose, ${oldForm} of the old form, ${skips.length} beyond node-dlc's limits, ${failures.length} failures`,
  );
  process.exit(failures.length === 0 ? 0 : 1);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) main(process.argv.slice(2));
