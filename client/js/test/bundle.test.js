import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';

import { BundleError, IdentityError, Memory, NonceReusedError, OracleError, WitnessesError, Witnesses, adaptorPoints, encodeAnnouncement, nonceProofEntry, parseIdentity, verifyAnnouncement, verifyAttestation, verifyBundle, verifyConsistency } from '../src/index.js';
import { bytesToHex, hexBytes } from '../src/bytes.js';
import { FakeLog, NoteSigner, base64, proof, root } from './log.js';
import { FakeOracle } from './oracle.js';
import { must } from './vectors.js';

/** @import { Descriptor } from '../src/index.js' */
/** @import { BundleJson } from './log.js' */

/** @type {Descriptor} */
const ENUM = { kind: 'enum', outcomes: ['home', 'draw', 'away'] };
/** @type {Descriptor} */
const DIGITS = { kind: 'digits', base: 10, isSigned: true, unit: 'u', precision: 0, nbDigits: 4 };
const log = new FakeLog(new FakeOracle());
log.announce('match', ENUM);
log.announce('price', DIGITS);
log.announce('off', ENUM);
log.attest('match', ['draw']);
log.grow(3);
log.attest('price', ['-', '0', '0', '4', '2']);
log.refund('off', 'no game');

/** @param {BundleJson} bundle @param {Parameters<typeof verifyBundle>[2]} [options] */
const verify = (bundle, options) => verifyBundle(JSON.stringify(bundle), log.identity, options);

/** @param {() => unknown} act @param {string} code @param {string} [why] */
function refused(act, code, why) {
  assert.throws(act, (error) => {
    assert.ok(error instanceof BundleError, `${why}: ${error}`);
    assert.equal(error.code, code, `${why}: ${error.message}`);
    return true;
  });
}

describe('a proof of nonces', () => {
  const oracle = new FakeOracle();
  const proving = new FakeLog(oracle);
  const announced = new Map([['match', ENUM], ['price', DIGITS], ['old', ENUM]].map(([id, descriptor]) =>
    /** @type {const} */ ([String(id), proving.announce(String(id), /** @type {Descriptor} */ (descriptor))])));
  const [match, price] = [announced.get('match'), announced.get('price')];
  assert.ok(match && price);
  proving.prove(match);
  proving.prove(price);
  proving.attest('price', ['-', '0', '0', '4', '2']);
  const read = (/** @type {BundleJson} */ bundle) => verifyBundle(JSON.stringify(bundle), proving.identity);

  test('in the bundle says that the nonces are proven; without one they are not', () => {
    for (const [id, at] of /** @type {const} */ ([['match', 4n], ['price', 5n]])) {
      const { nonceProof, positions, announcement } = read(proving.bundle(id));
      assert.equal(positions.nonceProof, at);
      assert.ok(nonceProof);
      nonceProof.verify(announcement);
      assert.deepEqual(Buffer.from(nonceProofEntry(nonceProof, positions.announcement)), Buffer.from(proving.entries[Number(at)] ?? []));
    }
    const { nonceProof, positions } = read(proving.bundle('old'));
    assert.deepEqual([nonceProof, positions.nonceProof], [null, null]);
  });

  test('must be in the log, a proof, behind the announcement that it names, and of its nonces', () => {
    const bundle = proving.bundle('match');
    refused(() => read({ ...bundle, nonce_proof: { ...bundle['nonce_proof'], leaf_index: 5 } }), 'inclusion');
    refused(() => read({ ...bundle, nonce_proof: proving.included(6) }), 'other-entry');
    refused(() => read({ ...bundle, nonce_proof: proving.included(5) }), 'other-announcement');
    refused(() => read({ ...bundle, nonce_proof: { ...bundle['nonce_proof'], entry: '?' } }), 'base64');
    refused(() => read({ ...bundle, nonce_proof: 1 }), 'json');

    const early = new FakeLog(oracle);
    early.positions.set('later', { announcement: 0 });
    const later = oracle.announce('later', ENUM);
    early.prove(later, { of: 2 });
    early.announceUnder('later', ENUM, [...later.event.nonces]);
    const swapped = { ...early.bundle('later'), nonce_proof: early.included(1) };
    refused(() => verifyBundle(JSON.stringify(swapped), early.identity), 'other-announcement');

    const good = oracle.prove(match);
    for (const [why, bytes, code] of /** @type {[string, Uint8Array, string][]} */ ([
      ['of another event', oracle.prove(price), 'nonce-proof'],
      ['another response', good.map((byte, i) => (i === 63 ? byte ^ 1 : byte)), 'nonce-proof'],
      ['off the curve', good.map((byte, i) => (i < 31 ? 0 : i === 31 ? 5 : byte)), 'nonce-proof'],
      ['cut short', good.subarray(1), 'entry'],
      ['too long', Uint8Array.of(...good, 0), 'entry'],
    ])) {
      const lying = new FakeLog(oracle);
      lying.positions.set('match', { announcement: 1 });
      lying.entries.push(...proving.entries.slice(1, 2));
      lying.prove(match, { bytes });
      refused(() => verifyBundle(JSON.stringify(lying.bundle('match')), lying.identity), code, why);
    }
  });

  test('of a nonce that its oracle does not know does not exist', () => {
    const victim = must(adaptorPoints(verifyAnnouncement(match), { outcome: 'draw' })[0]).point.compressed;
    const late = new FakeOracle();
    const { announcement } = late.announceAgainst(victim, 'late', ['home', 'draw', 'away'], 'draw');
    const of = new FakeLog(late);
    of.positions.set('late', { announcement: 1 });
    of.entries.push(Uint8Array.of(1, 1, ...(hexBytes(of.policyHash) ?? []), ...encodeAnnouncement(announcement)));
    assert.equal(verifyBundle(JSON.stringify(of.bundle('late')), of.identity).nonceProof, null);
    of.prove(announcement);
    refused(() => verifyBundle(JSON.stringify(of.bundle('late')), of.identity), 'nonce-proof');
  });
});

describe('a bundle', () => {
  test('proves its event with nothing but the identity', () => {
    const { genesis, checkpoint, announcement, attestation, refund, policy, policyHash, positions, anchor } = verify(log.bundle('match'));
    assert.equal(genesis.oraclePublicKey, log.oracle.publicKey);
    assert.equal(checkpoint.size, BigInt(log.entries.length));
    assert.equal(announcement.event.eventId, 'match');
    assert.equal(attestation?.outcome.text, 'draw');
    assert.deepEqual([refund, anchor, policy, policyHash], [null, null, log.policy, log.policyHash]);
    assert.deepEqual(positions, { announcement: 1n, nonceProof: null, attestation: 4n, notice: null });
    const off = verify(log.bundle('off'));
    assert.deepEqual([off.attestation, off.refund?.reason], [null, 'no game']);
    const price = verify(log.bundle('price')).attestation?.outcome;
    assert.ok(price?.kind === 'digits' && price.value === -42n);
    // The same bytes, in the other form that they may have.
    assert.equal(verifyBundle(Buffer.from(JSON.stringify(log.bundle('match'))), parseIdentity(log.identity)).positions.announcement, 1n);
  });

  test('proves nothing to another identity: another log, key or oracle', () => {
    const other = new FakeLog(log.oracle, { seed: 8 });
    const renamed = new FakeLog(log.oracle, { origin: 'oracle.test/other' });
    for (const stranger of [other, renamed]) {
      refused(() => verifyBundle(JSON.stringify(log.bundle('match')), stranger.identity), 'checkpoint');
    }
    // The genesis of another log under this one's checkpoint, and the other way round.
    refused(() => verify({ ...log.bundle('match'), genesis: other.included(0) }), 'inclusion');
    const impostor = new FakeLog(new FakeOracle());
    impostor.announce('match', ENUM);
    impostor.entries[0] = other.entries[0] ?? new Uint8Array();
    refused(() => verify(impostor.bundle('match')), 'other-log');
    const stolen = new FakeLog(log.oracle);
    stolen.entries[0] = new FakeLog(new FakeOracle()).entries[0] ?? new Uint8Array();
    stolen.announce('match', ENUM);
    refused(() => verify(stolen.bundle('match')), 'other-key');
  });

  test('has each part in its place: the proof of another entry is refused', () => {
    const bundle = log.bundle('match');
    refused(() => verify({ ...bundle, announcement: log.included(2) }), 'other-event');
    refused(() => verify({ ...bundle, announcement: log.included(4) }), 'other-entry');
    refused(() => verify({ ...bundle, announcement: log.included(0) }), 'other-entry');
    refused(() => verify({ ...bundle, announcement: log.included(5) }), 'other-entry');
    refused(() => verify({ ...bundle, attestation: log.included(8) }), 'other-announcement');
    refused(() => verify({ ...bundle, attestation: log.included(1) }), 'other-entry');
    refused(() => verify({ ...bundle, genesis: log.included(1) }), 'other-entry');
    refused(() => verify({ ...bundle, notice: log.included(9) }), 'two-ends');
    refused(() => verify({ ...log.bundle('off'), notice: log.included(4) }), 'other-entry');
    refused(() => verify({ ...bundle, attestation: null, notice: log.included(9) }), 'other-event');
    refused(() => verify({ ...bundle, policy: `${bundle['policy']} ` }), 'policy');
    refused(() => verify({ ...bundle, event_id: 'price' }), 'other-event');
  });

  test('says what is read: other formats and shapes are refused, unknown members are not', () => {
    const bundle = log.bundle('match');
    verify({ ...bundle, more: { anything: [1] }, announcement: { ...bundle['announcement'], more: null } });
    refused(() => verify({ ...bundle, format: 'peercoin-dlc-oracle/bundle/v2' }), 'format');
    for (const text of ['', 'null', '[]', '{}', '{"format":1}', JSON.stringify(bundle).slice(0, -1), `${JSON.stringify(bundle)}x`]) {
      refused(() => verifyBundle(text, log.identity), 'json', text.slice(0, 20));
    }
    // Two values of one name: which of them was checked, nobody could say.
    refused(() => verifyBundle(JSON.stringify(bundle).replace('{', '{"event_id":"price",'), log.identity), 'json');
    refused(() => verifyBundle(Uint8Array.of(0x7b, 0xff, 0x7d), log.identity), 'json');
    for (const leaf_index of [1.5, -1, '1', null, 2 ** 64]) {
      refused(() => verify({ ...bundle, announcement: { ...bundle['announcement'], leaf_index } }), 'json', String(leaf_index));
    }
    refused(() => verify({ ...bundle, policy: 'x'.repeat(33 * 1024 * 1024) }), 'too-long');
  });

  test('with any byte changed is refused, or proves what it did or less of it', () => {
    for (const [id, outcome] of /** @type {const} */ ([['match', 'draw'], ['off', null]])) {
      const whole = Buffer.from(JSON.stringify(log.bundle(id)));
      const genuine = verifyBundle(whole, log.identity);
      let passed = 0;
      for (let at = 0; at < whole.length; at += 1) {
        const spoilt = Uint8Array.from(whole);
        spoilt[at] = (spoilt[at] ?? 0) ^ (1 << (at % 7));
        let proven;
        try {
          proven = verifyBundle(spoilt, log.identity);
        } catch (error) {
          assert.ok(error instanceof OracleError, `byte ${at}: ${error}`);
          continue;
        }
        passed += 1;
        assert.deepEqual(proven.announcement, genuine.announcement, `byte ${at}`);
        if (proven.attestation) assert.equal(proven.attestation.outcome.text, outcome, `byte ${at}`);
        assert.deepEqual([proven.checkpoint, proven.policy, proven.genesis], [genuine.checkpoint, genuine.policy, genuine.genesis]);
      }
      // The name of an optional member, which then is one that nobody knows.
      assert.ok(passed <= 'attestation'.length + 2, `${passed} of ${whole.length} pass`);
    }
  });

  test('with any member missing or taken from another event is refused, unless it may be missing', () => {
    const [bundle, other] = [log.bundle('match', { from: 3 }), log.bundle('price', { from: 3 })];
    for (const name of Object.keys(bundle)) {
      const optional = name === 'attestation' || name === 'consistency';
      const { [name]: _, ...without } = bundle;
      if (optional) verify(without);
      else refused(() => verify(without), 'json', name);
      const same = JSON.stringify(bundle[name]) === JSON.stringify(other[name]);
      const mixed = { ...bundle, [name]: other[name] };
      if (!same) assert.throws(() => verify(mixed), BundleError, name);
    }
  });
});

describe('a later checkpoint', () => {
  test('continues every earlier one of the same log, and no other', () => {
    for (let from = 0; from <= log.entries.length; from += 1) {
      const known = { size: BigInt(from), root: bytesToHex(root(log.entries.slice(0, from))) };
      verify(log.bundle('match', { from }), { known });
      refused(() => verify(log.bundle('match', { from }), { known: { ...known, root: '66'.repeat(32) } }), 'forked', `from ${from}`);
      if (from < log.entries.length) refused(() => verify(log.bundle('match'), { known }), 'no-consistency');
    }
    const larger = { size: BigInt(log.entries.length + 1), root: '66'.repeat(32) };
    refused(() => verify(log.bundle('match'), { known: larger }), 'older');
  });

  test('is consistent by exactly one proof, in every pair of trees up to 40', () => {
    const entries = Array.from({ length: 40 }, (_, n) => Uint8Array.of(n));
    for (let size = 1; size <= entries.length; size += 1) {
      const tree = entries.slice(0, size);
      const newer = { size: BigInt(size), root: bytesToHex(root(tree)) };
      for (let old = 0; old <= size; old += 1) {
        const older = { size: BigInt(old), root: bytesToHex(root(tree.slice(0, old))) };
        const hashes = proof(old, tree).map(base64);
        verifyConsistency(older, newer, hashes);
        assert.throws(() => verifyConsistency(older, newer, [...hashes, base64(root(tree))]));
        if (hashes.length > 0) assert.throws(() => verifyConsistency(older, newer, hashes.slice(1)));
        assert.throws(() => verifyConsistency({ ...older, root: '00'.repeat(32) }, newer, hashes));
        // Every log continues the empty one.
        if (old > 0) assert.throws(() => verifyConsistency(older, { ...newer, root: '00'.repeat(32) }, hashes), OracleError, `${old} of ${size}`);
      }
    }
  });
});

describe('an identity', () => {
  const { vkey } = new NoteSigner('oracle.test/log', 7);
  test('is a verifier key of one spelling', () => {
    const { name, publicKey, id } = parseIdentity(vkey);
    assert.equal(name, 'oracle.test/log');
    assert.equal(vkey.split('+')[1], id);
    assert.equal(publicKey.length, 64);
  });
  test('is refused with a space, a wrong id, a weak key, or as that of a witness', () => {
    /** @param {Uint8Array} key */
    const weak = (key) => `x+00000000+${base64(Uint8Array.of(1, ...key))}`;
    const cases = /** @type {const} */ ([
      ['', 'form'],
      ['oracle.test/log', 'form'],
      [vkey.replace('+', ''), 'form'],
      [`${vkey} `, 'form'],
      [vkey.replace('oracle', 'or acle'), 'name'],
      [vkey.replace('oracle', 'or\u0085acle'), 'name'],
      [vkey.replace('oracle.test/log', ''), 'name'],
      [vkey.replace('oracle', 'oracIe'), 'id'],
      [vkey.replace(/\+[0-9a-f]/, '+g'), 'id'],
      [weak(new Uint8Array(32)), 'key'],
      [weak(Uint8Array.of(1, ...new Uint8Array(31))), 'key'],
      [weak(new Uint8Array(32).fill(2)), 'key'],
      [weak(new Uint8Array(31)), 'key'],
      [new NoteSigner('w', 9, 4).vkey, 'algorithm'],
    ]);
    for (const [text, code] of cases) {
      assert.throws(() => parseIdentity(text), (error) => error instanceof IdentityError && error.code === code, JSON.stringify(text));
    }
  });
});

describe('witnesses', () => {
  const [a, b, c] = [1, 2, 3].map((n) => new NoteSigner(`w${n}.test`, 20 + n, 4));
  const policy = `witness a ${a?.vkey}\nwitness b ${b?.vkey} https://b.test\nwitness c ${c?.vkey}\ngroup g 2 a b c\nquorum g\n`;

  test('have to be as many as the policy says', () => {
    const watched = new FakeLog(log.oracle);
    watched.announce('match', ENUM);
    const read = () => verifyBundle(JSON.stringify(watched.bundle('match')), watched.identity, { witnesses: policy });
    refused(read, 'quorum');
    watched.witnesses = [a, c].filter((w) => w !== undefined);
    assert.deepEqual(read().cosignedBy, ['a', 'c']);
    watched.witnesses = [a].filter((w) => w !== undefined);
    refused(read, 'quorum');
    // A line of a known witness that does not hold refuses the note.
    watched.witnesses = [a, b, c].filter((w) => w !== undefined);
    const spoilt = watched.bundle('match')['checkpoint'].replace(/(w3.test [^\n]{30})(.)/, (/** @type {string} */ _, /** @type {string} */ start, /** @type {string} */ x) => start + (x === 'A' ? 'B' : 'A'));
    refused(() => verifyBundle(JSON.stringify({ ...watched.bundle('match'), checkpoint: spoilt }), watched.identity, { witnesses: policy }), 'quorum');
  });

  test('every case of witness_policies.json holds', async () => {
    const { Note } = await import('../src/note.js');
    const { cases } = JSON.parse(readFileSync(new URL('../../../schema/vectors/witness_policies.json', import.meta.url), 'utf8'));
    let ran = 0;
    for (const { name, policy: text, notes, line, error } of cases) {
      ran += 1;
      if (error) {
        assert.throws(() => new Witnesses(text), (thrown) => thrown instanceof WitnessesError && (line === undefined || thrown.line === line), name);
        continue;
      }
      for (const { note, valid } of notes) {
        const check = () => new Witnesses(text).check(new Note(note));
        if (valid) check();
        else assert.throws(check, OracleError, name);
      }
    }
    assert.equal(ran, 38);
  });
});

describe('a memory', () => {
  const forged = JSON.parse(readFileSync(new URL('../../../schema/vectors/forged.json', import.meta.url), 'utf8'));

  test('refuses a forged announcement under the nonce of a past attestation, and what it kept does too', () => {
    const past = verifyAnnouncement(forged.past.announcement);
    const attested = verifyAttestation(forged.past.attestation, past);
    // Every signature of the forged pair holds: nothing else gives it away.
    const announcement = verifyAnnouncement(forged.announcement);
    verifyAttestation(forged.attestation, announcement);
    let kept = '';
    const memory = new Memory({ append: (lines) => void (kept += lines) });
    memory.check(announcement);
    memory.learn(past, attested);
    memory.learn(past, attested);
    return memory.save().then(() => {
      for (const reader of [memory, new Memory({ text: kept })]) {
        reader.check(past);
        assert.throws(() => reader.check(announcement), (error) => error instanceof NonceReusedError && error.event === past.event.eventId && error.index === 0);
      }
      assert.equal(kept.split('\n').length, 2, kept);
    });
  });

  test('every case of forged.json is refused', () => {
    for (const { name, bundle, error } of forged.cases) {
      refused(() => verifyBundle(JSON.stringify(bundle), forged.identity), error, name);
    }
    assert.equal(forged.cases.length, 3);
  });

  test('keeps the largest checkpoint, and none that was shown to continue another', async () => {
    let kept = '';
    const memory = new Memory({ append: async (lines) => void (kept += lines) });
    const head = (/** @type {number} */ size) => ({ size: BigInt(size), root: `0${size}`.repeat(32) });
    assert.ok(memory.saw(log.identity, null, head(3)));
    const first = memory.head(log.identity);
    assert.ok(memory.saw(log.identity, first, head(9)));
    assert.ok(!memory.saw(log.identity, first, head(5)));
    assert.ok(memory.saw(log.identity, first, head(9)), 'the same again is no news');
    await memory.save();
    assert.deepEqual(new Memory({ text: kept }).head(log.identity), head(9));
    // A process that was killed while it wrote left part of a line.
    assert.deepEqual(new Memory({ text: `${kept}log 10 ` }).head(log.identity), head(9));
    for (const line of ['log 4\n', 'other 1 2 3\n', `log x ${'00'.repeat(32)} ${log.identity}\n`, `log 1 ${'00'.repeat(32)} nobody\n`, '\n']) {
      assert.throws(() => new Memory({ text: kept + line }), (error) => error instanceof OracleError && error.code === 'memory' && /line 3/.test(error.message), line);
    }
  });

  test('that cannot keep something says so, and keeps it later', async () => {
    let kept = '';
    let full = true;
    const memory = new Memory({
      append(lines) {
        if (full) throw new Error('disk full');
        kept += lines;
      },
    });
    memory.saw(log.identity, null, { size: 1n, root: '01'.repeat(32) });
    await assert.rejects(memory.save(), /disk full/);
    full = false;
    memory.saw(log.identity, memory.head(log.identity), { size: 2n, root: '02'.repeat(32) });
    await memory.save();
    assert.equal(kept.split('\n').length, 3);
  });
});
