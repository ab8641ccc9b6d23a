/**
 * The server's event stream, read across disconnects.
 *
 * Built on `fetch` rather than `EventSource`, which cannot resume where a
 * program left off and does not exist in Node.
 *
 * @module
 */
import { Backoff, sleep } from './backoff.js';
import { piecesOf } from './body.js';
import { SYSTEM_CLOCK } from './clock.js';
import { AheadOfLogError, ArgumentError, MalformedError, TransportError, isTransient } from './errors.js';
import { memberOf } from './http.js';
import { shapeOf } from './model.js';
import { EventParser } from './sse.js';

/** @import { Clock } from './clock.js' */
/** @import { ProblemError } from './errors.js' */
/** @import { Http } from './http.js' */
/** @import { EventState } from './model.js' */
/** @import { ServerEvent } from './sse.js' */

const WHAT = 'stream';
/** Longest single event, characters; real ones are below 1 KiB. */
const MAX_EVENT = 64 * 1024;

/**
 * News about one event. A hint where to look, unsigned: what it says is proved by
 * fetching the announcement or the attestation.
 *
 * `position` is the entry's position in the oracle's log, and where a stream can
 * resume; a mere change of state has none.
 *
 * @typedef {{readonly kind: 'announced' | 'attested' | 'refunded', readonly position: bigint, readonly eventId: string} |
 *   {readonly kind: 'state', readonly position: null, readonly eventId: string, readonly state: EventState}} News
 */

/**
 * @typedef {object} StreamOptions
 * @property {bigint | number | undefined} [after] resume after this log position;
 *   0 for everything from the beginning; without it what comes next
 * @property {readonly string[]} [events] only news of these events, at most 100
 * @property {AbortSignal | undefined} [signal]
 * @property {(error: TransportError | ProblemError | null) => void} [onDisconnect]
 *   told of every lost connection, before the next attempt; null where the
 *   server simply ended it
 */

/**
 * News from the oracle, each log position once and in order.
 *
 * Reconnects and resumes by itself, from the last id that the server sent: of an
 * item, or of a heartbeat, which says up to where there was nothing. Throws only
 * what trying again cannot mend, and the signal's reason when aborted. Without
 * `after`, what is published before the first connection stands can be missed.
 *
 * @param {Http} http
 * @param {{idleTimeoutMs: number, firstBackoffMs: number, maxBackoffMs: number, clock?: Clock}} limits
 * @param {StreamOptions} [options]
 * @returns {AsyncGenerator<News, never, void>}
 * @throws {AheadOfLogError} where `after`, or what was resumed from, is ahead of the log
 */
export async function* stream(http, limits, { after, events, signal, onDisconnect } = {}) {
  const { clock = SYSTEM_CLOCK } = limits;
  const backoff = new Backoff(limits.firstBackoffMs, limits.maxBackoffMs, clock);
  const query = { events: eventList(events) };
  let last = after === undefined ? null : positionGiven(after);
  for (;;) {
    /** @type {TransportError | ProblemError | null} */
    let lost = null;
    try {
      for await (const event of connection(http, { idleMs: limits.idleTimeoutMs, clock }, query, last, signal)) {
        const news = interpret(event, last);
        const position = positionIn(event);
        const isOld = position !== null && last !== null && position <= last;
        if (position !== null && !isOld) last = position;
        backoff.reset();
        if (news && (news.position === null || !isOld)) yield news;
      }
    } catch (error) {
      if (error instanceof AheadOfLogError && last !== null) throw aheadOf(error, last);
      if (!isTransient(error)) throw error;
      lost = /** @type {TransportError | ProblemError} */ (error);
    }
    onDisconnect?.(lost);
    await sleep(backoff.pause(lost?.retryAfterMs), signal, clock);
  }
}

/** The refusal, with the position that was asked for. @param {AheadOfLogError} error @param {bigint} position */
function aheadOf({ status, code: slug, detail, retryAfterMs }, position) {
  return new AheadOfLogError(WHAT, { status, slug, detail, retryAfterMs }, position);
}

/** @param {unknown} after */
function positionGiven(after) {
  const isPosition = typeof after === 'bigint' ? after >= 0n : Number.isSafeInteger(after) && Number(after) >= 0;
  if (!isPosition) throw new ArgumentError('after', 'is no log position: a bigint or a whole number, 0 or more');
  return BigInt(/** @type {bigint | number} */ (after));
}

/** Most events that the server takes by name. */
const MOST_EVENTS = 100;

/** @param {unknown} events */
function eventList(events) {
  if (events === undefined) return undefined;
  if (!Array.isArray(events) || events.some((id) => typeof id !== 'string' || id === '' || id.includes(','))) {
    throw new ArgumentError('events', 'is no array of event ids');
  }
  if (events.length === 0 || events.length > MOST_EVENTS) {
    throw new ArgumentError('events', `names ${events.length} events; 1 to ${MOST_EVENTS} can be followed by name`);
  }
  return events.join();
}

/**
 * The events of one connection.
 *
 * @param {Http} http
 * @param {{idleMs: number, clock: Clock}} time `idleMs`: silence, heartbeats included,
 *   after which it is dead
 * @param {{events: string | undefined}} query
 * @param {bigint | null} last
 * @param {AbortSignal | undefined} signal
 */
async function* connection(http, { idleMs, clock }, query, last, signal) {
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });
  /** @type {import('./body.js').Pieces | null} */
  let pieces = null;
  try {
    const response = await http.open({
      what: WHAT,
      path: ['v1', 'stream'],
      query,
      accept: 'text/event-stream',
      headers: last === null ? {} : { 'last-event-id': String(last) },
      signal: controller.signal,
    });
    pieces = piecesOf(WHAT, response);
    if (!pieces) {
      throw new ArgumentError('fetch', "the given fetch gives no body that can be read as it comes (React Native's does not); use wait(), or ask for events()");
    }
    const parser = new EventParser(MAX_EVENT);
    for (;;) {
      const piece = await within(pieces.next(), idleMs, controller.signal, clock);
      if (!piece) return;
      yield* parser.push(piece);
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw error;
  } finally {
    // Also when the caller leaves the loop: the connection goes with it.
    signal?.removeEventListener('abort', forward);
    controller.abort();
    pieces?.cancel();
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {AbortSignal} signal not every body heeds the one that its request had
 * @param {Clock} clock
 * @returns {Promise<T>}
 */
async function within(promise, ms, signal, clock) {
  let cancel = () => {};
  let stop = () => {};
  /** @type {Promise<never>} */
  const silence = new Promise((_, reject) => {
    cancel = clock.after(ms, () => reject(new TransportError('silent', WHAT, `nothing received for ${ms} ms`)));
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    cancel();
    signal.removeEventListener('abort', stop);
    // Where silence won, the read fails once the connection is aborted.
    promise.catch(() => {});
  }
}

/**
 * Up to where the server has told everything, once it has sent this.
 *
 * @param {ServerEvent} event
 * @returns {bigint | null}
 */
function positionIn({ id }) {
  if (id === '') return null;
  if (!/^[0-9]{1,19}$/.test(id)) throw new MalformedError(WHAT, `id ${JSON.stringify(id)} is not a log position`);
  return BigInt(id);
}

/**
 * @param {ServerEvent} event
 * @param {bigint | null} last what was resumed from
 * @returns {News | null} null for heartbeats, and kinds of a later server
 */
function interpret(event, last) {
  const { event: kind, data } = event;
  if (data === null) return null;
  if (kind === 'ahead-of-log') {
    const detail = String(memberOf(parsed(data), 'detail') ?? data);
    throw new AheadOfLogError(WHAT, { status: 409, slug: kind, detail, retryAfterMs: null }, last);
  }
  if (kind === 'state') {
    const shape = shapeOf(WHAT, data);
    return Object.freeze({ kind, position: null, eventId: shape.text('event_id'), state: shape.text('state') });
  }
  if (kind !== 'announced' && kind !== 'attested' && kind !== 'refunded') return null;
  const position = positionIn(event);
  if (position === null) throw new MalformedError(WHAT, `an item of kind ${kind} has no id`);
  return Object.freeze({ kind, position, eventId: shapeOf(WHAT, data).text('event_id') });
}

/** @param {string} text @returns {unknown} */
function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
