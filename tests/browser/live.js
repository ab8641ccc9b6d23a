/**
 * What a participant does with a running oracle. The same code runs in Node and
 * in a browser, with nothing but the client and `fetch`.
 *
 * @module
 */
import { OracleClient, OracleError, adaptorPoints, maxValue } from '../../client/js/src/index.js';

/** @import { AdaptorPoint, VerifiedAnnouncement } from '../../client/js/src/index.js' */

/**
 * Follows the oracle's stream until an enum and a digit event have been attested
 * whose points were computed from the announcement alone, and checks that
 * exactly one point of each opens.
 *
 * @param {string} url
 * @param {string} identity
 * @param {AbortSignal} signal
 * @returns {Promise<string[]>} what was shown, a line each
 */
export async function settle(url, identity, signal) {
  const client = new OracleClient(url, { identity });
  const { network } = await client.oracle({ signal });
  const lines = [`oracle ${identity} on ${network}`];
  /** @type {Map<string, AdaptorPoint[]>} */
  const promised = new Map();
  /** @type {Set<string>} */
  const open = new Set(['enum', 'digits']);
  let position = 0n;
  for await (const news of client.stream({ after: 0, signal })) {
    if (news.position !== null) {
      check(news.position > position, 'positions ascend');
      ({ position } = news);
    }
    const id = news.eventId;
    if (news.kind === 'announced' && promised.size < 8) {
      const announcement = await client.announcement(id, { signal });
      promised.set(id, pointsOf(announcement));
      await checkAgainstServer(url, announcement, signal);
      const policy = await client.policy(id, { signal });
      lines.push(`announced ${id}: ${promised.get(id)?.length} points, policy ${policy.hash.slice(0, 16)}`);
    }
    const points = promised.get(id);
    if (news.kind !== 'attested' || !points) continue;
    const { announcement, attestation, outcome } = await client.attestation(id, { signal });
    check((await client.event(id, { signal })).outcome === outcome.text, 'the server states the same outcome');
    const now = adaptorPoints(announcement, selectionOf(announcement), attestation);
    check(now.every(({ point }, i) => points[i]?.point.equals(point) === true), 'the points are those of the announcement');
    const opened = now.filter(({ secret, point }) => secret?.point.equals(point));
    check(opened.length === 1 && now.filter(({ secret }) => secret).length === 1, 'one point opens');
    const normalised = opened[0]?.secret?.normalised;
    check(normalised?.point.xonly === opened[0]?.point.xonly && normalised?.point.oddY === false, 'normalised');
    check(covers(opened[0], outcome.kind === 'digits' ? outcome.value : outcome.text), 'it is that of the outcome');
    lines.push(`attested ${id} = ${outcome.text}, opens ${opened[0]?.point.xonly}`);
    open.delete(announcement.event.descriptor.kind);
    if (open.size === 0) break;
  }
  const resumed = client.stream({ after: position - 1n, signal });
  const { value } = await resumed.next();
  await resumed.return(/** @type {never} */ (undefined));
  check(value.position === position, 'a resumed stream goes on after the position named');
  return lines;
}

/**
 * Waits for an attestation that is still to come.
 *
 * @param {string} url
 * @param {string} identity
 * @param {AbortSignal} signal
 * @returns {Promise<string>} its outcome
 */
export async function waitForNext(url, identity, signal) {
  const client = new OracleClient(url, { identity });
  const { events } = await client.events({ state: 'announced', limit: 1 }, { signal });
  const next = events[0];
  if (!next) throw new Error('nothing is announced');
  const { outcome, announcement } = await client.wait(next.event_id, { signal, timeoutMs: 90_000 });
  check(announcement.event.maturity * 1000 === Date.parse(next.maturity), 'the maturity stated is the one signed');
  return outcome.text;
}

/**
 * The code by which the client refuses the event's attestation at this address.
 *
 * @param {string} url
 * @param {string} identity
 * @param {string} id
 * @returns {Promise<string>} empty where it is accepted
 */
export async function refusalOf(url, identity, id) {
  try {
    await new OracleClient(url, { identity, retries: 0 }).attestation(id);
    return '';
  } catch (error) {
    if (error instanceof OracleError) return error.code;
    throw error;
  }
}

/**
 * An event that is attested already.
 *
 * @param {string} url
 * @param {string} identity
 * @returns {Promise<string>}
 */
export async function attestedEvent(url, identity) {
  const { events } = await new OracleClient(url, { identity }).events({ state: 'attested', limit: 1 });
  if (!events[0]) throw new Error('nothing is attested');
  return events[0].event_id;
}

/** @param {VerifiedAnnouncement} announcement */
function pointsOf(announcement) {
  return adaptorPoints(announcement, selectionOf(announcement));
}

/**
 * All outcomes; numbers in two ranges, so that prefixes of many lengths occur.
 *
 * @param {VerifiedAnnouncement} announcement
 * @returns {import('../../client/js/src/index.js').Selection}
 */
function selectionOf({ event: { descriptor } }) {
  if (descriptor.kind === 'enum') return 'all';
  const max = maxValue(descriptor);
  return { range: [descriptor.isSigned ? -max + 1n : 1n, max] };
}

/**
 * The server computes points with other code: all single ones are the same.
 *
 * @param {string} url
 * @param {VerifiedAnnouncement} announcement
 * @param {AbortSignal} signal
 */
async function checkAgainstServer(url, announcement, signal) {
  const response = await fetch(`${url}/v1/events/${encodeURIComponent(announcement.event.eventId)}/points`, { signal });
  const { outcomes, digits } = await response.json();
  const theirs = outcomes ?? digits.flatMap((/** @type {{values: object[]}} */ digit) => digit.values);
  const ours = adaptorPoints(announcement, 'all').map(({ subject, point }) => ({
    ...(subject.kind === 'outcome' ? { outcome: subject.text } : subject.kind === 'digit' && { value: subject.value }),
    compressed: point.compressed,
    xonly: point.xonly,
    odd_y: point.oddY,
  }));
  check(JSON.stringify(ours) === JSON.stringify(theirs), 'the server computes the same points');
}

/**
 * @param {AdaptorPoint | undefined} point
 * @param {bigint | string} outcome
 */
function covers(point, outcome) {
  if (point?.subject.kind === 'outcome') return point.subject.text === outcome;
  return point?.subject.kind === 'prefix' && point.subject.first <= BigInt(outcome) && BigInt(outcome) <= point.subject.last;
}

/**
 * @param {boolean} holds
 * @param {string} law
 */
function check(holds, law) {
  if (!holds) throw new Error(`does not hold: ${law}`);
}
