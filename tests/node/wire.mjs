// The oracle's messages read from bytes, written from the specification alone
// (dlcspecs Messaging.md and Oracle.md): a second opinion beside node-dlc.
import { schnorr } from '@noble/curves/secp256k1';
import { sha256 } from '@noble/hashes/sha2';

const ANNOUNCEMENT = 55332;
const EVENT = 55330;
const ENUM = 55302;
const DIGITS = 55306;
const ATTESTATION = 55400;

const utf8 = new TextDecoder('utf-8', { fatal: true });
const hex = (bytes) => Buffer.from(bytes).toString('hex');

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  take(n) {
    if (this.at + n > this.bytes.length) throw new Error(`ends early at byte ${this.at}`);
    const part = this.bytes.subarray(this.at, this.at + n);
    this.at += n;
    return part;
  }
  uint(n) {
    return this.take(n).reduce((value, byte) => value * 256 + byte, 0);
  }
  bigsize() {
    const first = this.uint(1);
    if (first < 0xfd) return first;
    const [width, minimum] = { 0xfd: [2, 0xfd], 0xfe: [4, 0x1_0000] }[first] ?? [];
    if (!width) throw new Error(`bigsize too large at byte ${this.at}`);
    const value = this.uint(width);
    if (value < minimum) throw new Error(`bigsize not minimal at byte ${this.at}`);
    return value;
  }
  string() {
    const text = utf8.decode(this.take(this.bigsize()));
    if (text === '') throw new Error(`empty string before byte ${this.at}`);
    return text;
  }
  list(n, read) {
    return Array.from({ length: n }, () => read.call(this));
  }
  tlv(expected) {
    const type = this.bigsize();
    if (type !== expected) throw new Error(`type ${type} where ${expected} belongs`);
    return new Reader(this.take(this.bigsize()));
  }
  end() {
    if (this.at !== this.bytes.length) throw new Error(`${this.bytes.length - this.at} bytes too many`);
  }
}

export function taggedHash(tag, message) {
  const name = sha256(Buffer.from(tag));
  return sha256(Buffer.concat([name, name, message]));
}

const announcementHash = (eventTlv) => taggedHash('DLC/oracle/announcement/v0', eventTlv);
const attestationHash = (outcome) => taggedHash('DLC/oracle/attestation/v0', Buffer.from(outcome));

function descriptor(reader) {
  const type = new Reader(reader.bytes.subarray(reader.at)).bigsize();
  if (type === ENUM) {
    const body = reader.tlv(ENUM);
    const outcomes = body.list(body.uint(2), body.string);
    body.end();
    return { enumEvent: { outcomes } };
  }
  const body = reader.tlv(DIGITS);
  const base = body.uint(2);
  const signed = body.uint(1);
  if (signed > 1) throw new Error(`is_signed is ${signed}`);
  const unit = utf8.decode(body.take(body.bigsize()));
  const precision = body.uint(4) | 0;
  const nbDigits = body.uint(2);
  body.end();
  return { digitDecompositionEvent: { base, isSigned: signed === 1, unit, precision, nbDigits } };
}

/** Announcement TLV -> { json, eventTlv }; throws on anything irregular. */
export function readAnnouncement(bytes) {
  const outer = new Reader(bytes);
  const body = outer.tlv(ANNOUNCEMENT);
  outer.end();
  const announcementSignature = hex(body.take(64));
  const oraclePublicKey = hex(body.take(32));
  const eventTlv = body.bytes.subarray(body.at);
  const event = body.tlv(EVENT);
  body.end();
  const oracleNonces = event.list(event.uint(2), () => hex(event.take(32)));
  const eventMaturityEpoch = event.uint(4);
  const eventDescriptor = descriptor(event);
  const eventId = event.string();
  event.end();
  const oracleEvent = { oracleNonces, eventMaturityEpoch, eventDescriptor, eventId };
  return { json: { announcementSignature, oraclePublicKey, oracleEvent }, eventTlv };
}

/** Attestation TLV -> { json, layout: 'counted' | 'spec' }. */
export function readAttestation(bytes) {
  const outer = new Reader(bytes);
  const body = outer.tlv(ATTESTATION);
  outer.end();
  const eventId = body.string();
  const oraclePublicKey = hex(body.take(32));
  const count = body.uint(2);
  const signatures = body.list(count, () => hex(body.take(64)));
  const rest = body.bytes.subarray(body.at);
  for (const layout of ['counted', 'spec']) {
    try {
      const reader = new Reader(rest);
      if (layout === 'counted' && reader.uint(2) !== count) continue;
      const outcomes = reader.list(count, reader.string);
      reader.end();
      return { json: { eventId, oraclePublicKey, signatures, outcomes }, layout };
    } catch (error) {
      if (layout === 'spec') throw error;
    }
  }
  throw new Error('outcomes fit neither layout');
}

/** The counted form of an attestation TLV given in either layout. */
export function countedForm(bytes) {
  const { json, layout } = readAttestation(bytes);
  if (layout === 'counted') return Buffer.from(bytes);
  const outer = new Reader(bytes);
  const body = outer.tlv(ATTESTATION).bytes;
  const outcomes = json.outcomes.reduce((size, o) => {
    const n = Buffer.byteLength(o);
    return size + n + (n < 0xfd ? 1 : 3);
  }, 0);
  const count = Buffer.alloc(2);
  count.writeUInt16BE(json.outcomes.length);
  const at = body.length - outcomes;
  return tlv(ATTESTATION, Buffer.concat([body.subarray(0, at), count, body.subarray(at)]));
}

export function bigsize(value) {
  if (value < 0xfd) return Buffer.from([value]);
  const out = Buffer.alloc(value < 0x1_0000 ? 3 : 5);
  if (value < 0x1_0000) {
    out[0] = 0xfd;
    out.writeUInt16BE(value, 1);
  } else {
    out[0] = 0xfe;
    out.writeUInt32BE(value, 1);
  }
  return out;
}

export const tlv = (type, body) => Buffer.concat([bigsize(type), bigsize(body.length), body]);

function digitTexts({ base, isSigned, nbDigits }) {
  const digits = Array.from({ length: nbDigits }, () => Array.from({ length: base }, (_, v) => String(v)));
  return isSigned ? [['+', '-'], ...digits] : digits;
}

/** Rules 2 to 5 of a valid announcement; throws naming the broken one. */
export function verifyAnnouncement({ json, eventTlv }) {
  const { oracleNonces, eventDescriptor } = json.oracleEvent;
  if (new Set([...oracleNonces, json.oraclePublicKey]).size !== oracleNonces.length + 1) {
    throw new Error('nonces are not distinct');
  }
  for (const x of [...oracleNonces, json.oraclePublicKey]) schnorr.utils.lift_x(BigInt(`0x${x}`));
  const texts = allowed(eventDescriptor);
  if (texts.length !== oracleNonces.length) throw new Error(`${oracleNonces.length} nonces for ${texts.length} signatures`);
  if (!schnorr.verify(json.announcementSignature, announcementHash(eventTlv), json.oraclePublicKey)) {
    throw new Error('announcement signature');
  }
}

function allowed({ enumEvent, digitDecompositionEvent }) {
  if (!enumEvent) return digitTexts(digitDecompositionEvent);
  const { outcomes } = enumEvent;
  if (new Set(outcomes.map((o) => o.normalize('NFC'))).size !== outcomes.length) {
    throw new Error('outcomes are not distinct');
  }
  return [outcomes];
}

/** Rule 6: an attestation against its (verified) announcement. */
export function verifyAttestation({ json }, announcement) {
  const { oracleEvent, oraclePublicKey } = announcement.json;
  if (json.eventId !== oracleEvent.eventId) throw new Error('event id differs');
  if (json.oraclePublicKey !== oraclePublicKey) throw new Error('public key differs');
  const texts = allowed(oracleEvent.eventDescriptor);
  if (json.signatures.length !== texts.length) throw new Error(`${json.signatures.length} signatures for ${texts.length} nonces`);
  json.signatures.forEach((signature, i) => {
    const outcome = json.outcomes[i];
    if (!texts[i].includes(outcome)) throw new Error(`outcome ${i} ${JSON.stringify(outcome)} was not announced`);
    if (signature.slice(0, 64) !== oracleEvent.oracleNonces[i]) throw new Error(`signature ${i} is not under nonce ${i}`);
    if (!schnorr.verify(signature, attestationHash(outcome), oraclePublicKey)) throw new Error(`signature ${i}`);
  });
}
