import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { ed25519 } from '@noble/curves/ed25519.js';
import { sha256 } from '@noble/hashes/sha2.js';

import { bytesToHex, concatBytes, hexBytes, textToUtf8 } from '../src/bytes.js';
import { LogError, attestationEntry, leafHash, verifyAnnouncement, verifyAttestation, verifyCheckpoint, verifyInclusion } from '../src/index.js';

/** @param {Uint8Array} bytes */
const base64 = (bytes) => Buffer.from(bytes).toString('base64');
/** @param {number} n */
const entry = (n) => textToUtf8(`entry ${n}`);

/** `MTH` as RFC 6962 writes it. @param {number} from @param {number} to @returns {Uint8Array} */
function root(from, to) {
  if (to - from === 1) return leafHash(entry(from));
  const k = split(to - from);
  return sha256(concatBytes(Uint8Array.of(1), root(from, from + k), root(from + k, to)));
}

/** `PATH` as RFC 6962 writes it. @param {number} m @param {number} from @param {number} to @returns {Uint8Array[]} */
function path(m, from, to) {
  if (to - from === 1) return [];
  const k = split(to - from);
  return m < from + k
    ? [...path(m, from, from + k), root(from + k, to)]
    : [...path(m, from + k, to), root(from, from + k)];
}

/** The largest power of two below n. @param {number} n */
const split = (n) => 2 ** (Math.ceil(Math.log2(n)) - 1);

describe('inclusion', () => {
  test('every entry of every tree up to 40 has a proof that leads to the root, and no other position takes it', () => {
    for (let size = 1; size <= 40; size += 1) {
      const checkpoint = { origin: 'x', size: BigInt(size), root: bytesToHex(root(0, size)) };
      for (let m = 0; m < size; m += 1) {
        const proof = path(m, 0, size).map(base64);
        verifyInclusion(entry(m), m, proof, checkpoint);
        assert.throws(() => verifyInclusion(entry(m + 1), m, proof, checkpoint), LogError);
        assert.throws(() => verifyInclusion(entry(m), m, [...proof, base64(root(0, 1))], checkpoint), LogError);
        for (let other = -1; other <= size; other += 1) {
          if (other !== m) assert.throws(() => verifyInclusion(entry(m), other, proof, checkpoint), LogError, `${m} as ${other} of ${size}`);
        }
        if (proof.length > 0) assert.throws(() => verifyInclusion(entry(m), m, proof.slice(1), checkpoint), LogError);
      }
    }
  });

  test('a hash that is not 32 bytes of base64 is refused', () => {
    const checkpoint = { origin: 'x', size: 2n, root: bytesToHex(root(0, 2)) };
    for (const bad of ['', '!', 'AAAA', base64(root(1, 2)).replace('=', ''), ` ${base64(root(1, 2))}`]) {
      assert.throws(() => verifyInclusion(entry(0), 0, [bad], checkpoint), LogError, bad);
    }
  });
});

describe('checkpoints', () => {
  const secret = new Uint8Array(32).fill(7);
  const key = ed25519.getPublicKey(secret);
  const log = { logOrigin: 'oracle.example/log', logPublicKey: bytesToHex(key) };
  /** @param {string} name */
  const keyId = (name) => sha256(concatBytes(textToUtf8(`${name}\n`), Uint8Array.of(1), key)).subarray(0, 4);
  /** @param {string} text @param {string} [name] */
  function signed(text, name = log.logOrigin) {
    return `${text}\n— ${name} ${base64(concatBytes(keyId(name), ed25519.sign(textToUtf8(text), secret)))}\n`;
  }
  const text = `${log.logOrigin}\n3\n${base64(root(0, 3))}\n`;

  test('what the log signed is read; signatures of others beside it are passed over', () => {
    const expected = { origin: log.logOrigin, size: 3n, root: bytesToHex(root(0, 3)) };
    assert.deepEqual({ ...verifyCheckpoint(signed(text), log) }, expected);
    const cosigned = `${signed(text)}— witness.example AAAAAAAAAAA=\n`;
    assert.deepEqual({ ...verifyCheckpoint(cosigned, log) }, expected);
  });

  test('another size, root, origin, key or name is refused', () => {
    const note = signed(text);
    for (const bad of [
      note.replace('\n3\n', '\n4\n'),
      note.replace('\n3\n', '\n03\n'),
      signed(text.replace('\n3\n', '\n-3\n')),
      signed(text.replace('\n3\n', '\n3\nmore\n')),
      signed(`${log.logOrigin}\n3\nAAAA\n`),
      signed(text.replace('oracle.example', 'other.example')),
      signed(text, 'other.example/log'),
      text,
      `${text}\n`,
      '',
      `${note.slice(0, -8)}AAAA=\n`,
    ]) {
      assert.throws(() => verifyCheckpoint(bad, log), LogError, bad);
    }
    assert.throws(() => verifyCheckpoint(note, { ...log, logPublicKey: bytesToHex(ed25519.getPublicKey(secret.map((b) => b + 1))) }), LogError);
  });
});

test('the entry of an attestation is that of the vectors, to the byte', () => {
  const { cases } = JSON.parse(readFileSync(new URL('../../../schema/vectors/log_entries.json', import.meta.url), 'utf8'));
  /** @param {string} name @returns {Uint8Array} */
  const entryOf = (name) => hexBytes(cases.find((/** @type {{name: string}} */ c) => c.name === name).entry) ?? new Uint8Array();
  for (const [position, kind] of [[1, ''], [2, '-digits']]) {
    const whole = entryOf(`attestation${kind}`);
    const announcement = verifyAnnouncement(entryOf(`announcement${kind}`).subarray(34));
    const attestation = verifyAttestation(whole.subarray(42), announcement);
    const manifest = bytesToHex(whole.subarray(10, 42));
    assert.equal(bytesToHex(attestationEntry(attestation, Number(position), manifest)), bytesToHex(whole));
  }
});
