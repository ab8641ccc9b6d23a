// The checker of events: it accepts what nostr-tools makes of a vector and
// refuses it after one lie.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { finalizeEvent } from 'nostr-tools/pure';
import { check } from './nostr.mjs';

const SECRET = Buffer.alloc(32, 7);

test('an event with another signature, id or message is refused', () => {
  const event = finalizeEvent({ kind: 88, created_at: 1, tags: [], content: 'AAAA' }, SECRET);
  const line = (changes) => JSON.stringify(['EVENT', { ...JSON.parse(JSON.stringify(event)), ...changes }]);
  assert.throws(() => check(line({ sig: event.sig.replace(/^../, '00') })), /nostr-tools refuses/);
  assert.throws(() => check(line({ id: '00'.repeat(32) })), /nostr-tools refuses/);
  assert.throws(() => check(line({ content: 'AAAB' })), /nostr-tools refuses/);
  // Valid as an event, but no announcement.
  assert.throws(() => check(line({})), (error) => !/nostr-tools/.test(error.message));
});

test('nothing is no announcement and no attestation', () => {
  assert.deepEqual(check(''), { announcements: 0, attestations: 0 });
});
