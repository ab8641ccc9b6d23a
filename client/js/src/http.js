/**
 * Bounded requests. Time and length are capped because the server is not trusted
 * with the client's memory or patience either.
 *
 * Between a client and its oracle stand proxies, portals with a login page, caches:
 * they answer too. What counts is what the oracle itself says: a 200 of the type
 * that was asked for, or a refusal as `application/problem+json` whose type is one of
 * the oracle's. All else means that the oracle is out of reach.
 *
 * @module
 */
import { bodyOf, overNetwork, requireResponse } from './body.js';
import { SYSTEM_CLOCK } from './clock.js';
import {
  AheadOfLogError,
  ArgumentError,
  NeverError,
  NotYetError,
  ProblemError,
  TooLargeError,
  TransportError,
  UnknownEventError,
} from './errors.js';

/** @import { Answer } from './body.js' */
/** @import { Clock } from './clock.js' */

/**
 * What to ask for.
 *
 * @typedef {object} Request
 * @property {string} what named in errors
 * @property {readonly string[]} path segments after the base, not yet percent-encoded
 * @property {Readonly<Record<string, string | number | undefined>>} [query]
 * @property {string} accept media type wanted; an answer of another one is not the oracle's
 * @property {Readonly<Record<string, string>>} [headers]
 * @property {number} [holdMs] how long the server is asked to hold the request
 * @property {number} [limit] longest answer read, bytes
 * @property {AbortSignal | undefined} [signal]
 */

/**
 * The part of the platform's `fetch` that is used; a test or a wallet behind a
 * proxy may bring its own: undici's, node-fetch 2 or 3, React Native's. What a
 * response must have is `status`, `headers.get`, and a body as a web stream or an
 * iterable of bytes, or else `arrayBuffer()`.
 *
 * @typedef {(url: string, init: RequestInit) => Promise<Answer>} Fetch
 */

/** Longest refusal read, bytes. */
const MAX_PROBLEM = 64 * 1024;
const PROBLEM_TYPE = 'application/problem+json';
/** Whatever was recorded, or whatever a mirror makes of a file: the caller checks its bytes. */
const ANY_TYPE = '*/*';

export class Http {
  #base;
  #fetch;
  #timeoutMs;
  #maxBytes;
  #clock;

  /**
   * @param {string} base an `http` or `https` address, below whose path the API begins
   * @param {{fetch: Fetch, timeoutMs: number, maxBytes: number, clock?: Clock}} options
   */
  constructor(base, { fetch, timeoutMs, maxBytes, clock = SYSTEM_CLOCK }) {
    const url = typeof base === 'string' && URL.canParse(base) ? new URL(base) : null;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      throw new ArgumentError('url', 'an http or https address is needed, with its scheme: https://oracle.example');
    }
    if (url.username || url.password) throw new ArgumentError('url', 'an address with a password cannot be fetched');
    if (typeof fetch !== 'function') throw new ArgumentError('fetch', 'is no function');
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    this.#fetch = fetch;
    this.#timeoutMs = timeoutMs;
    this.#maxBytes = maxBytes;
    this.#clock = clock;
  }

  /**
   * The whole body of a 200 answer.
   *
   * @param {Request} request
   * @returns {Promise<Uint8Array>}
   */
  async get(request) {
    // The budget covers the body too, so a trickling server ends here.
    const { what } = request;
    const deadline = new Deadline(what, this.#timeoutMs + (request.holdMs ?? 0), request.signal, this.#clock);
    try {
      return await deadline.race(this.#whole(request, deadline.signal));
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.clear();
    }
  }

  /**
   * @param {Request} request
   * @param {AbortSignal} signal
   */
  async #whole(request, signal) {
    const response = await this.#accepted(request, signal);
    const body = await bodyOf(request.what, response, request.limit ?? this.#maxBytes);
    if (body.length === 0 && request.accept !== ANY_TYPE) throw foreign(request.what, response, 'and nothing in it');
    return body;
  }

  /**
   * A 200 answer whose body is read as it comes; time is limited up to its
   * first byte.
   *
   * @param {Request & {signal: AbortSignal}} request its signal also ends the body
   * @returns {Promise<Answer>}
   */
  async open(request) {
    const deadline = new Deadline(request.what, this.#timeoutMs, request.signal, this.#clock);
    try {
      return await deadline.race(this.#accepted(request, deadline.signal));
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.disarm();
    }
  }

  /**
   * @param {Request} request
   * @param {AbortSignal} signal
   */
  async #accepted({ what, path, query, accept, headers }, signal) {
    const fetch = this.#fetch;
    const address = this.#address(path, query);
    const response = await overNetwork(what, async () => fetch(address, {
      headers: { accept, ...headers },
      signal,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    }));
    requireResponse(response);
    const type = typeOf(response);
    if (response.status === 200 && (accept === ANY_TYPE || type === accept)) return response;
    if (response.status >= 400 && type === PROBLEM_TYPE) throw await refusal(what, response);
    throw foreign(what, response, '');
  }

  /**
   * @param {readonly string[]} path
   * @param {Request['query']} [query]
   */
  #address(path, query = {}) {
    const pairs = Object.entries(query).flatMap(([key, value]) =>
      value === undefined ? [] : `${encodeURIComponent(key)}=${encodeURIComponent(value)}`,
    );
    const segments = path.map((segment) => `/${encodeURIComponent(segment)}`);
    return this.#base + segments.join('') + (pairs.length > 0 ? `?${pairs.join('&')}` : '');
  }
}

/** One signal out of a time limit and the caller's signal. */
class Deadline {
  #controller = new AbortController();
  #what;
  #caller;
  #cancel;
  #expired = false;
  #forward = () => this.#controller.abort(this.#caller?.reason);

  /**
   * @param {string} what
   * @param {number} ms
   * @param {AbortSignal | undefined} caller
   * @param {Clock} clock
   */
  constructor(what, ms, caller, clock) {
    this.#what = what;
    this.#caller = caller;
    this.#cancel = clock.after(ms, () => {
      this.#expired = true;
      this.#controller.abort();
    });
    if (caller?.aborted) this.#forward();
    else caller?.addEventListener('abort', this.#forward, { once: true });
  }

  get signal() {
    return this.#controller.signal;
  }

  /**
   * The work, or its end: not every `fetch` heeds its signal.
   *
   * @template T
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  race(work) {
    return new Promise((resolve, reject) => {
      const { signal } = this.#controller;
      const stop = () => reject(signal.reason);
      if (signal.aborted) stop();
      else signal.addEventListener('abort', stop, { once: true });
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
    });
  }

  /** Lifts the time limit; the caller's signal goes on to count. */
  disarm() {
    this.#cancel();
  }

  clear() {
    this.disarm();
    this.#caller?.removeEventListener('abort', this.#forward);
  }

  /**
   * What really happened: an abort, the caller's or that of the time limit, looks like
   * any other failure of `fetch`.
   *
   * @param {unknown} error
   * @returns {unknown}
   */
  explain(error) {
    if (this.#caller?.aborted) return this.#caller.reason;
    if (this.#expired) return new TransportError('timeout', this.#what, 'no answer in time', { cause: error });
    return error;
  }
}

/**
 * An answer that is not the oracle's.
 *
 * @param {string} what
 * @param {Answer} response
 * @param {string} more what else is wrong with it
 */
function foreign(what, response, more) {
  const { status } = response;
  const type = typeOf(response);
  const found = [status === 0 ? 'a redirect' : `status ${status}`, type ? `type ${type}` : 'no content type', more];
  const problem = `what answered is not the oracle (${found.filter(Boolean).join(', ')}): a proxy, a login page or another server`;
  return new TransportError('foreign', what, problem, { status, retryAfterMs: retryAfter(response) });
}

/**
 * JSON that came over whole, and is the oracle's: a proxy or a portal says 200 in JSON too.
 *
 * @param {string} what
 * @param {Uint8Array} body
 * @param {(json: unknown) => boolean} [isOurs] by what no other service says
 * @returns {Uint8Array} the same
 * @throws {TransportError} `foreign`
 */
export function requireJson(what, body, isOurs = () => true) {
  /** @type {unknown} */
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw cutOff(what, error);
  }
  if (isOurs(json)) return body;
  throw new TransportError('foreign', what, 'what answered is not the oracle (status 200, JSON of another service): a proxy, a login page or another server', { status: 200 });
}

/** Documents of this format, of whatever version. @param {string} format without its version */
export function isOfFormat(format) {
  return (/** @type {unknown} */ json) => String(memberOf(json, 'format')).startsWith(`peercoin-dlc-oracle/${format}/`);
}

/**
 * @param {string} what
 * @param {unknown} cause
 */
export function cutOff(what, cause) {
  return new TransportError('foreign', what, 'the answer is cut off, or not what its content type says', { cause, status: 200 });
}

/** The media type, without parameters. @param {Answer} response */
function typeOf(response) {
  return (response.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/**
 * @param {string} what
 * @param {Answer} response
 * @returns {Promise<ProblemError | TransportError>}
 */
async function refusal(what, response) {
  const said = await problemOf(what, response);
  const slug = /^\/problems\/([a-z0-9-]+)$/.exec(said?.type ?? '')?.[1];
  if (!said || slug === undefined) return foreign(what, response, 'a problem that is none of the oracle');
  const { title, detail } = said;
  const problem = { status: response.status, slug, detail: detail || title, retryAfterMs: retryAfter(response) };
  switch (`${problem.status} ${problem.slug}`) {
    case '404 unknown-event':
      return new UnknownEventError(what, problem);
    case '404 not-announced':
    case '404 not-attested':
      return new NotYetError(what, problem);
    case '410 refunded':
    case '410 withdrawn':
      return new NeverError(what, problem);
    case '409 ahead-of-log':
      return new AheadOfLogError(what, problem);
    default:
      return new ProblemError(what, problem);
  }
}

/**
 * @param {string} what
 * @param {Answer} response
 * @returns {Promise<{type: string, title: string, detail: string} | null>} null where it is no JSON
 */
async function problemOf(what, response) {
  const problem = { type: '', title: '', detail: '' };
  try {
    /** @type {unknown} */
    const found = JSON.parse(new TextDecoder().decode(await bodyOf(what, response, MAX_PROBLEM)));
    for (const key of /** @type {const} */ (['type', 'title', 'detail'])) {
      const value = memberOf(found, key);
      if (typeof value === 'string') problem[key] = value;
    }
    return problem;
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TooLargeError)) throw error;
    return null;
  }
}

/**
 * A member of parsed JSON, whatever it is.
 *
 * @param {unknown} json
 * @param {string} key
 * @returns {unknown}
 */
export function memberOf(json, key) {
  if (json === null || typeof json !== 'object' || !Object.hasOwn(json, key)) return undefined;
  return /** @type {Record<string, unknown>} */ (json)[key];
}

/** @param {Answer} response */
function retryAfter({ headers }) {
  const header = headers.get('retry-after')?.trim() ?? '';
  return /^[0-9]{1,9}$/.test(header) ? Number(header) * 1000 : null;
}
