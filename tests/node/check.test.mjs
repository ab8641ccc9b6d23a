// The checker itself: it accepts what a small independent oracle makes and
// refuses it after one lie.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { schnorr, secp256k1 } from '@noble/curves/secp256k1';
import { sha256 } from '@noble/hashes/sha2';
import messaging from '@node-dlc/messaging';
import { check } from './check.mjs';
import { bigsize, readAnnouncement, readAttestation, taggedHash, tlv } from './wire.mjs';

const N = secp256k1.CURVE.n;
const KEY = sha256(Buffer.from('test oracle'));
const P = schnorr.getPublicKey(KEY);
const text = (s) => Buffer.concat([bigsize(Buffer.byteLength(s)), Buffer.from(s)]);
const u16 = (n) => Buffer.from([n >> 8, n & 255]);
const u32 = (n) => Buffer.from([n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255]);
const scalar = (bytes) => BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
const bytes32 = (n) => Buffer.from(n.toString(16).padStart(64, '0'), 'hex');

/** BIP340 with a given nonce, as an oracle must sign. */
function signWith(nonce, message) {
  const even = (secret) => (secp256k1.getPublicKey(secret)[0] === 2 ? scalar(secret) : N - scalar(secret));
  const R = schnorr.getPublicKey(nonce);
  const e = scalar(taggedHash('BIP0340/challenge', Buffer.concat([R, P, message]))) % N;
  return Buffer.concat([R, bytes32((even(nonce) + e * even(KEY)) % N)]);
}

function oracle({ id = 'event', descriptor, outcomes, counted = false }) {
  const nonces = outcomes.map((_, i) => sha256(Buffer.from(`${id} nonce ${i}`)));
  const R = nonces.map((k) => Buffer.from(schnorr.getPublicKey(k)));
  const event = tlv(55330, Buffer.concat([u16(R.length), ...R, u32(1_800_000_000), descriptor, text(id)]));
  const signature = schnorr.sign(taggedHash('DLC/oracle/announcement/v0', event), KEY, new Uint8Array(32));
  const announcement = tlv(55332, Buffer.concat([signature, P, event]));
  const signatures = nonces.map((k, i) => signWith(k, taggedHash('DLC/oracle/attestation/v0', Buffer.from(outcomes[i]))));
  const attestation = tlv(
    55400,
    Buffer.concat([text(id), P, u16(signatures.length), ...signatures, counted ? u16(outcomes.length) : Buffer.alloc(0), ...outcomes.map(text)]),
  );
  return { announcement, attestation };
}

const enumOf = (...outcomes) => tlv(55302, Buffer.concat([u16(outcomes.length), ...outcomes.map(text)]));
const digitsOf = (base, signed, n) => tlv(55306, Buffer.concat([u16(base), Buffer.from([signed]), text('uUSD/PPC'), u32(0), u16(n)]));
const BITS = [...'10110011100011110000'];

function checked(...cases) {
  const dir = mkdtempSync(join(tmpdir(), 'node-check-'));
  try {
    writeFileSync(join(dir, 'vectors.json'), JSON.stringify({ cases }));
    return check([dir]);
  } finally {
    rmSync(dir, { recursive: true });
  }
}
const asCase = ({ announcement, attestation }) => ({
  announcement: announcement.toString('hex'),
  announcement_json: readAnnouncement(announcement).json,
  attestation: attestation.toString('hex'),
  attestation_json: readAttestation(attestation).json,
});

for (const counted of [false, true]) {
  test(`enum and digit events in the ${counted ? 'counted' : 'specification'} layout pass`, () => {
    const result = checked(
      asCase(oracle({ id: 'e', descriptor: enumOf('above', 'not_above'), outcomes: ['above'], counted })),
      asCase(oracle({ id: 'd', descriptor: digitsOf(2, 0, 20), outcomes: BITS, counted })),
      asCase(oracle({ id: 's', descriptor: digitsOf(10, 1, 3), outcomes: ['-', '0', '4', '2'], counted })),
    );
    assert.deepEqual(result.failures, []);
    assert.deepEqual([result.announcements, result.attestations], [3, 3]);
    assert.equal(result.skips.length, 1, 'signed digits are a stated limit');
  });
}

test('any changed byte of an announcement or attestation is noticed', () => {
  const good = oracle({ descriptor: enumOf('yes', 'no'), outcomes: ['yes'] });
  for (const which of ['announcement', 'attestation']) {
    for (let at = 0; at < good[which].length; at += 1) {
      const bad = { ...good, [which]: Buffer.from(good[which]) };
      bad[which][at] ^= 1;
      const result = checked({ a: bad.announcement.toString('hex'), b: bad.attestation.toString('hex') });
      assert.notEqual(result.failures.length, 0, `${which} byte ${at}`);
    }
  }
});

test('an outcome that was never announced is refused though its signature is valid', () => {
  const result = checked(asCase(oracle({ descriptor: enumOf('yes', 'no'), outcomes: ['maybe'] })));
  assert.match(result.failures.join(), /was not announced/);
});

test('two swapped digits are refused', () => {
  const good = oracle({ descriptor: digitsOf(2, 0, 2), outcomes: ['0', '1'] });
  const { json } = readAttestation(good.attestation);
  const swapped = messaging.OracleAttestation.fromJSON({ ...json, signatures: [...json.signatures].reverse(), outcomes: [...json.outcomes].reverse() });
  const result = checked({ a: good.announcement.toString('hex'), b: swapped.serialize().toString('hex') });
  assert.match(result.failures.join(), /not under nonce 0/);
});

test('a JSON form that says something else is refused', () => {
  const one = asCase(oracle({ descriptor: enumOf('yes', 'no'), outcomes: ['yes'] }));
  one.announcement_json.oracleEvent.eventMaturityEpoch += 1;
  assert.match(checked(one).failures.join(), /JSON form/);
});

test('messages in files of their own pass as hex, as bytes and as the JSON that is served', () => {
  const dir = mkdtempSync(join(tmpdir(), 'node-check-'));
  try {
    const { announcement, attestation } = oracle({ descriptor: enumOf('yes', 'no'), outcomes: ['no'] });
    writeFileSync(join(dir, 'a.hex'), `${announcement.toString('hex')}\n`);
    writeFileSync(join(dir, 'a.tlv'), announcement);
    writeFileSync(join(dir, 'a.json'), JSON.stringify(readAnnouncement(announcement).json));
    writeFileSync(join(dir, 'b.hex'), attestation.toString('hex'));
    writeFileSync(join(dir, 'b.tlv'), attestation);
    writeFileSync(join(dir, 'b.json'), JSON.stringify(readAttestation(attestation).json));
    const result = check([dir]);
    assert.deepEqual(result.failures, []);
    assert.deepEqual([result.announcements, result.attestations], [3, 3]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('nothing to check is a failure', () => {
  assert.equal(checked().failures.length, 2);
});
