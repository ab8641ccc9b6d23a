/**
 * The server's event stream, read across disconnects.
 *
 * Built on `fetch` rather than `EventSource`, which cannot resume where a
 * program left off and does not exist in Node.
 *
 * @module
 */
import { Backoff, sleep } from './backoff.js';
import { MalformedError, TransportError, isTransient } from './errors.js';
import { asTransport } from './http.js';
import { shapeOf } from './model.js';
import { EventParser } from './sse.js';

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
 * @property {(error: TransportError | import('./errors.js').ProblemError | null) => void} [onDisconnect]
 *   told of every lost connection, before the next attempt; null where the
 *   server simply ended it
 */

/**
 * News from the oracle, each log position once and in order.
 *
 * Reconnects and resumes by itself; throws only what trying again cannot mend,
 * and the signal's reason when aborted. Without `after`, what is published while
 * the connection is down before its first event can be missed.
 *
 * @param {Http} http
 * @param {{idleTimeoutMs: number, firstBackoffMs: number, maxBackoffMs: number}} limits
 * @param {StreamOptions} [options]
 * @returns {AsyncGenerator<News, never, void>}
 */
export async function* stream(http, limits, { after, events, signal, onDisconnect } = {}) {
  const backoff = new Backoff(limits.firstBackoffMs, limits.maxBackoffMs);
  const query = { events: events?.join() };
  let last = after === undefined ? null : BigInt(after);
  for (;;) {
    /** @type {TransportError | import('./errors.js').ProblemError | null} */
    let lost = null;
    try {
      for await (const event of connection(http, limits.idleTimeoutMs, query, last, signal)) {
        const news = interpret(event);
        if (!news || (news.position !== null && last !== null && news.position <= last)) continue;
        last = news.position ?? last;
        backoff.reset();
        yield news;
      }
    } catch (error) {
      if (!isTransient(error)) throw error;
      lost = error;
    }
    onDisconnect?.(lost);
    await sleep(backoff.pause(lost && 'retryAfterMs' in lost ? lost.retryAfterMs : null), signal);
  }
}

/**
 * The events of one connection.
 *
 * @param {Http} http
 * @param {number} idleMs silence, heartbeats included, after which it is dead
 * @param {{events: string | undefined}} query
 * @param {bigint | null} last
 * @param {AbortSignal | undefined} signal
 */
async function* connection(http, idleMs, query, last, signal) {
  const controller = new AbortController();
  const forward = () => controller.abort(signal?.reason);
  if (signal?.aborted) forward();
  signal?.addEventListener('abort', forward, { once: true });
  try {
    const body = await http.open({
      what: WHAT,
      path: ['v1', 'stream'],
      query,
      accept: 'text/event-stream',
      headers: last === null ? {} : { 'last-event-id': String(last) },
      signal: controller.signal,
    });
    const reader = body.getReader();
    const parser = new EventParser(MAX_EVENT);
    for (;;) {
      const { done, value } = await within(reader.read(), idleMs);
      if (done) return;
      yield* parser.push(value);
    }
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw asTransport(WHAT, error);
  } finally {
    // Also when the caller leaves the loop: the connection goes with it.
    signal?.removeEventListener('abort', forward);
    controller.abort();
  }
}

/**
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @returns {Promise<T>}
 */
async function within(promise, ms) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Promise<never>} */
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TransportError('silent', WHAT, `nothing received for ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
    // Where silence won, the read fails once the connection is aborted.
    promise.catch(() => {});
  }
}

/**
 * @param {ServerEvent} event
 * @returns {News | null} null for kinds of a later server
 */
function interpret({ event: kind, data, id }) {
  if (kind === 'state') {
    const shape = shapeOf(WHAT, data);
    return Object.freeze({ kind, position: null, eventId: shape.text('event_id'), state: shape.text('state') });
  }
  if (kind !== 'announced' && kind !== 'attested' && kind !== 'refunded') return null;
  if (!/^[0-9]{1,19}$/.test(id)) throw new MalformedError(WHAT, `id ${JSON.stringify(id)} is not a log position`);
  return Object.freeze({ kind, position: BigInt(id), eventId: shapeOf(WHAT, data).text('event_id') });
}
