#!/usr/bin/env node
// Reads what relays got: verifies every event with nostr-tools, and the messages
// in them with the independent reader (wire.mjs).
//
//   node nostr.mjs FILE
//
// One client message, ["EVENT",{...}], a line. Exit 0 when all are valid and
// every attestation points at its announcement; 1 otherwise.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { verifyEvent } from 'nostr-tools/pure';
import { readAnnouncement, readAttestation, verifyAnnouncement, verifyAttestation } from './wire.mjs';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function messageIn(event) {
  assert.match(event.content, BASE64, 'standard base64');
  return Buffer.from(event.content, 'base64');
}

function valuesOf(event, name) {
  return event.tags.filter((tag) => tag[0] === name).map((tag) => tag[1]);
}

/** Checks the lines of a file; answers how many of each kind there were. */
export function check(text, [announced, attested] = [88, 89]) {
  const announcements = new Map();
  const result = { announcements: 0, attestations: 0 };
  for (const line of text.split('\n').filter(Boolean)) {
    const [label, event, ...rest] = JSON.parse(line);
    assert.equal(label, 'EVENT');
    assert.equal(rest.length, 0);
    assert.ok(verifyEvent(event), `nostr-tools refuses ${line}`);
    if (event.kind === announced) {
      const announcement = readAnnouncement(messageIn(event));
      verifyAnnouncement(announcement);
      assert.equal(announcement.json.oraclePublicKey, event.pubkey);
      assert.deepEqual(valuesOf(event, 'd'), [announcement.json.oracleEvent.eventId]);
      assert.deepEqual(valuesOf(event, 'e'), []);
      announcements.set(event.id, announcement);
      result.announcements += 1;
    } else {
      assert.equal(event.kind, attested);
      const attestation = readAttestation(messageIn(event));
      assert.equal(attestation.layout, 'counted');
      const [[name, id, ...others]] = event.tags;
      assert.deepEqual(valuesOf(event, 'e'), [id]);
      assert.deepEqual([name, others], ['e', []]);
      assert.ok(announcements.has(id), 'an attestation before its announcement');
      verifyAttestation(attestation, announcements.get(id));
      result.attestations += 1;
    }
  }
  return result;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const result = check(readFileSync(process.argv[2], 'utf8'));
  console.log(`${result.announcements} announcements, ${result.attestations} attestations`);
  process.exit(result.announcements > 0 && result.attestations > 0 ? 0 : 1);
}
