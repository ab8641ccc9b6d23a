import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  CodecError,
  VerifyError,
  announcementToJson,
  attestationToJson,
  decodeAnnouncement,
  decodeAttestation,
  encodeAnnouncement,
  encodeAttestation,
  toHex,
  verifyAnnouncement,
  verifyAttestation,
} from '../src/index.js';
import { JsonNumber, parseJson } from '../src/json.js';
import { FakeOracle } from './oracle.js';

/** @import { Announcement, Attestation, Descriptor } from '../src/index.js' */

const oracle = new FakeOracle();
/** @type {Descriptor} */
const ENUM = { kind: 'enum', outcomes: ['yes', 'no'] };
/** @type {Descriptor} */
const DIGITS = { kind: 'digits', base: 16, isSigned: true, unit: 'µ', precision: -2, nbDigits: 3 };
const announcement = oracle.announce('e', ENUM);
const attestation = oracle.attest('e', ['yes']);

/** @param {() => unknown} act @param {string} code */
function codecError(act, code) {
  assert.throws(act, (error) => error instanceof CodecError && error.code === code);
}

test('every prefix of a message and every byte after it is refused', () => {
  for (const [bytes, decode] of /** @type {const} */ ([
    [encodeAnnouncement(oracle.announce('d', DIGITS)), decodeAnnouncement],
    [encodeAttestation(attestation), decodeAttestation],
  ])) {
    for (let length = 0; length < bytes.length; length += 1) {
      assert.throws(() => decode(bytes.subarray(0, length)), CodecError, `${length} bytes`);
    }
    assert.throws(() => decode(Uint8Array.from([...bytes, 0])), CodecError);
  }
});

test('a message survives every form and comes back the same', () => {
  const digits = oracle.announce('d\u00fc', DIGITS);
  for (const message of [announcement, digits]) {
    for (const form of [encodeAnnouncement(message), toHex(encodeAnnouncement(message)), JSON.stringify(announcementToJson(message))]) {
      assert.deepEqual(decodeAnnouncement(form), message);
    }
  }
  for (const form of [encodeAttestation(attestation), encodeAttestation(attestation, 'counted'), JSON.stringify(attestationToJson(attestation))]) {
    assert.deepEqual(decodeAttestation(form), attestation);
  }
});

test('nothing is written that would not be read again', () => {
  /** @type {[Partial<Announcement['event']>, string][]} */
  const events = [
    [{ eventId: '' }, 'event-id'],
    [{ eventId: 'e\u0301' }, 'event-id'],
    [{ maturity: 2 ** 32 }, 'too-long'],
    [{ maturity: 1.5 }, 'too-long'],
    [{ nonces: [] }, 'empty'],
    [{ nonces: ['ff'.repeat(32)] }, 'point'],
    [{ nonces: ['f'] }, 'truncated'],
    [{ descriptor: { kind: 'enum', outcomes: ['a', 'a'] } }, 'descriptor'],
    [{ descriptor: { kind: 'enum', outcomes: ['x'.repeat(4097)] } }, 'too-long'],
    [{ descriptor: { ...DIGITS, base: 1 } }, 'descriptor'],
    [{ descriptor: { ...DIGITS, base: 65536 } }, 'too-long'],
    [{ descriptor: { ...DIGITS, nbDigits: 0 } }, 'descriptor'],
    [{ descriptor: { ...DIGITS, precision: 2 ** 31 } }, 'too-long'],
  ];
  for (const [change, code] of events) {
    codecError(() => encodeAnnouncement({ ...announcement, event: { ...announcement.event, ...change } }), code);
  }
  for (const change of [{ outcomes: [] }, { outcomes: [''] }, { signatures: [] }, { oraclePublicKey: '' }]) {
    assert.throws(() => encodeAttestation({ ...attestation, ...change }), CodecError);
    assert.throws(() => attestationToJson({ ...attestation, ...change }), CodecError);
  }
  codecError(() => announcementToJson({ ...announcement, event: { ...announcement.event, eventId: '\ud800' } }), 'json');
});

test('what is neither hex nor JSON nor bytes of a message is refused as such', () => {
  for (const input of ['', 'zz', 'fdd', '[]', 'null', '"fdd824"']) {
    assert.throws(() => decodeAnnouncement(input), CodecError, input);
    assert.throws(() => decodeAttestation(input), CodecError, input);
  }
});

test('a byte order mark is a character of the text, not packaging', () => {
  const marked = oracle.announce('\ufeffe', ENUM);
  assert.equal(decodeAnnouncement(encodeAnnouncement(marked)).event.eventId, '\ufeffe');
  const json = new TextEncoder().encode(`\ufeff${JSON.stringify(announcementToJson(announcement))}`);
  assert.throws(() => decodeAnnouncement(json), CodecError);
});

test('numbers in JSON are integers as written, not what they round to', () => {
  const json = JSON.stringify(announcementToJson(announcement));
  for (const number of ['1795363200.0', '1.7953632e9', '-0', '01795363200', '4294967296', '"1795363200"', 'null', '1e999']) {
    assert.throws(() => decodeAnnouncement(json.replace('1795363200', number)), CodecError, number);
  }
  decodeAnnouncement(json.replace('1795363200', '4294967295'));
});

test('JSON is read by its grammar', () => {
  for (const text of [
    ...['', ' ', '{', '}', '[1,]', '[,1]', '{"a":1,}', '{"a"}', '{a:1}', "{'a':1}", '[1 2]', '1 2', '+1', '.5', '1.', '0x1'],
    ...['NaN', 'tru', 'nul', '"a', '"\\x"', '"\\u12g4"', '"\\ud800"', '"\n"', '"\t"', '{"a":1,"a":2}', '{"a":1,"\\u0061":2}'],
    ...['\u00a01', '1e400', '['.repeat(200) + ']'.repeat(200)],
  ]) {
    assert.throws(() => parseJson(text), CodecError, text);
  }
  const value = parseJson(' {"a" : [ true,false,null , "\\u00fc\\ud83d\\ude00\\/\\n", -1.50e+2 ], "__proto__": {} } ');
  assert.ok(value instanceof Map);
  assert.deepEqual(value.get('a'), [true, false, null, 'ü😀/\n', new JsonNumber('-1.50e+2')]);
  assert.deepEqual(value.get('__proto__'), new Map());
});

test('a verified message is a frozen copy, so that nothing can change under it', () => {
  const mine = structuredClone(announcement);
  const verified = verifyAnnouncement(mine);
  mine.event.eventId = 'changed';
  assert.equal(verified.event.eventId, 'e');
  const attested = verifyAttestation(structuredClone(attestation), verified);
  for (const part of [verified, verified.event, verified.event.nonces, verified.event.descriptor, attested, attested.signatures, attested.outcomes, attested.outcome]) {
    assert.ok(Object.isFrozen(part));
  }
});

test('an announcement that looks verified and is not is refused at run time too', () => {
  const looksLike = /** @type {import('../src/index.js').VerifiedAnnouncement} */ (decodeAnnouncement(encodeAnnouncement(announcement)));
  assert.throws(() => verifyAttestation(attestation, looksLike), (error) => error instanceof VerifyError && error.code === 'unverified');
});

test('fewer or more texts than signatures are refused', () => {
  const verified = verifyAnnouncement(announcement);
  for (const outcomes of [[], ['yes', 'yes']]) {
    assert.throws(
      () => verifyAttestation(/** @type {Attestation} */ ({ ...attestation, outcomes }), verified),
      (error) => error instanceof VerifyError && error.code === 'outcome-count',
    );
  }
});
