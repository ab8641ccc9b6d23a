// A TypeScript program as a wallet would write it, compiled against the packed
// package. The lines marked as errors must not compile.
import {
  BundleError,
  Memory,
  NotYetError,
  OracleClient,
  TRUST_ON_FIRST_USE,
  adaptorPoints,
  adaptorPointsLater,
  announcementToJson,
  decodeAnnouncement,
  NonceProof,
  groupRange,
  jointPoints,
  parseIdentity,
  verifyAnnouncement,
  verifyBundle,
  type AdaptorPoint,
  type Announcement,
  type AnnouncementJson,
  type Attested,
  type EventInfo,
  type Proven,
} from 'peercoin-oracle-client';
import { Contract, Holder, Negotiating, Party, Signing, type Offer, type Terms } from 'peercoin-oracle-client/contract';

export async function settle(url: string, identity: string, id: string): Promise<string | null> {
  const memory = new Memory({ text: '', append: async (lines: string) => console.log(lines) });
  const oracle = new OracleClient(url, { identity, memory, witnesses: 'quorum none\n' });
  if (!oracle.isPinned) return null;
  let attested: Attested;
  try {
    attested = await oracle.wait(id, { timeoutMs: 60_000 });
  } catch (error) {
    if (error instanceof NotYetError) return null;
    throw error;
  }
  const { announcement, attestation, outcome } = attested;
  const points: AdaptorPoint[] = adaptorPoints(announcement, { range: [0n, 99n] }, attestation);
  const value: bigint | string = outcome.kind === 'digits' ? outcome.value : outcome.text;
  const won = points.find(({ secret }) => secret !== null);
  return won ? `${value} ${won.point.xonly} ${won.secret?.normalised.toHex()}` : null;
}

export function together(a: Proven, b: Proven, bytes: Uint8Array): string[] {
  const selection = { outcome: 'draw' };
  // @ts-expect-error: read from bytes alone
  new NonceProof();
  const nonceProof: NonceProof = a.nonceProof ?? NonceProof.fromBytes(bytes);
  const parts = [
    { announcement: a.announcement, nonceProof, selection },
    { announcement: b.announcement, noncesOnTrust: true, selection },
  ];
  return jointPoints(parts).map(({ point }) => point.xonly);
}

export function offline(bundle: Uint8Array, vkey: string): bigint {
  try {
    const proven: Proven = verifyBundle(bundle, parseIdentity(vkey));
    const reason: string | null = proven.refund && proven.refund.reason;
    if (proven.attestation) adaptorPoints(proven.announcement, 'all', proven.attestation);
    return reason === null ? proven.positions.announcement : -1n;
  } catch (error) {
    if (error instanceof BundleError && error.code === 'forked') return -2n;
    throw error;
  }
}

export async function watch(url: string, signal: AbortSignal): Promise<void> {
  const oracle = new OracleClient(url, { identity: TRUST_ON_FIRST_USE });
  for await (const news of oracle.stream({ after: 0n, signal })) {
    if (news.kind === 'state') continue;
    const position: bigint = news.position;
    console.log(news.kind, news.eventId, position);
  }
}

export async function listed(url: string, identity: string, buffer: ArrayBuffer): Promise<string> {
  const event: EventInfo = await new OracleClient(url, { identity }).event('e');
  const unit: string | undefined = event.digits?.unit;
  const position: number | null = event.announcement_position;
  const parsed: AnnouncementJson = announcementToJson(verifyAnnouncement(buffer));
  const points: AdaptorPoint[] = await adaptorPointsLater(verifyAnnouncement(parsed), 'all');
  return `${unit} ${position} ${event.announce_at} ${points.length}`;
}

export function contracted(terms: Terms, mine: Party, offers: [Offer, Offer], theirs: { nonces: Uint8Array[]; halves: Uint8Array[] }): string {
  const contract = new Contract(terms, offers);
  const holder: Holder = mine.negotiate(contract, offers[0].coin).sign(theirs.nonces).check(theirs.halves);
  // @ts-expect-error: nobody signs the funding before everything else is held
  mine.signFunding({ now: new Date(), margin: 3600 });
  // @ts-expect-error: each step is made by the one before alone
  new Negotiating();
  // @ts-expect-error
  new Signing();
  // @ts-expect-error
  new Holder();
  // @ts-expect-error: what was agreed on does not change
  contract.terms = terms;
  return holder.refund;
}

export function mistakes(hex: string): void {
  const announcement: Announcement = decodeAnnouncement(hex);
  // @ts-expect-error: not verified
  adaptorPoints(announcement, 'all');
  const verified = verifyAnnouncement(hex);
  // @ts-expect-error: verified messages are read-only
  verified.event.nonces.push('');
  // @ts-expect-error: numbers are no outcomes
  adaptorPoints(verified, { outcome: 250_000 });
  // @ts-expect-error: nor ends of ranges
  groupRange(10, 4, 0, 99);
  // @ts-expect-error: nobody to trust, no client
  new OracleClient('http://127.0.0.1', {});
  // @ts-expect-error: an identity is a text
  new OracleClient('http://127.0.0.1', { identity: 7n });
  // @ts-expect-error: nor is a memory a folder
  new OracleClient('http://127.0.0.1', { identity: hex, memory: '/tmp' });
}
