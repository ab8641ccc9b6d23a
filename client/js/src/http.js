/**
 * Bounded requests. Time and length are capped because the server is not trusted
 * with the client's memory or patience either.
 *
 * @module
 */
import { concatBytes } from './bytes.js';
import {
  MalformedError,
  NeverError,
  NotYetError,
  ProblemError,
  TooLargeError,
  TransportError,
  UnknownEventError,
} from './errors.js';

/**
 * What to ask for.
 *
 * @typedef {object} Request
 * @property {string} what named in errors
 * @property {readonly string[]} path segments after the base, not yet percent-encoded
 * @property {Readonly<Record<string, string | number | undefined>>} [query]
 * @property {string} accept media type wanted
 * @property {Readonly<Record<string, string>>} [headers]
 * @property {number} [holdMs] how long the server is asked to hold the request
 * @property {number} [limit] longest answer read, bytes
 * @property {AbortSignal | undefined} [signal]
 */

/**
 * The part of the platform's `fetch` that is used; a test or a wallet behind a
 * proxy may bring its own.
 *
 * @typedef {(url: string, init: RequestInit) => Promise<Response>} Fetch
 */

/** Longest refusal read, bytes. */
const MAX_PROBLEM = 64 * 1024;

export class Http {
  #base;
  #fetch;
  #timeoutMs;
  #maxBytes;

  /**
   * @param {string} base an `http` or `https` address, below whose path the API begins
   * @param {{fetch: Fetch, timeoutMs: number, maxBytes: number}} options
   */
  constructor(base, { fetch, timeoutMs, maxBytes }) {
    const url = URL.canParse(base) ? new URL(base) : null;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new TypeError('url: an http or https address is needed');
    if (url.username || url.password) throw new TypeError('url: an address with a password cannot be fetched');
    this.#base = `${url.origin}${url.pathname.replace(/\/+$/, '')}`;
    this.#fetch = fetch;
    this.#timeoutMs = timeoutMs;
    this.#maxBytes = maxBytes;
  }

  /**
   * The whole body of a 200 answer.
   *
   * @param {Request} request
   * @returns {Promise<Uint8Array>}
   */
  async get(request) {
    // The budget covers the body too, so a trickling server ends here.
    const deadline = new Deadline(request.what, this.#timeoutMs + (request.holdMs ?? 0), request.signal);
    try {
      const response = await this.#accepted(request, deadline.signal);
      return await readBody(request.what, response, request.limit ?? this.#maxBytes);
    } catch (error) {
      throw deadline.explain(error);
    } finally {
      deadline.clear();
    }
  }

  /**
   * A 200 answer whose body is read as it comes; time is limited up to its
   * first byte.
   *
   * @param {Request & {signal: AbortSignal}} request its signal also ends the body
   * @returns {Promise<ReadableStream<Uint8Array>>}
   */
  async open(request) {
    const deadline = new Deadline(request.what, this.#timeoutMs, request.signal);
    try {
      const { body } = await this.#accepted(request, deadline.signal);
      if (!body) throw new MalformedError(request.what, 'answer has no body');
      return body;
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
    const response = await fetch(this.#address(path, query), {
      headers: { accept, ...headers },
      signal,
      credentials: 'omit',
      referrerPolicy: 'no-referrer',
    });
    if (response.status === 200) return response;
    throw await refusal(what, response);
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
  #timer;
  #expired = false;
  #forward = () => this.#controller.abort(this.#caller?.reason);

  /**
   * @param {string} what
   * @param {number} ms
   * @param {AbortSignal | undefined} caller
   */
  constructor(what, ms, caller) {
    this.#what = what;
    this.#caller = caller;
    this.#timer = setTimeout(() => {
      this.#expired = true;
      this.#controller.abort();
    }, ms);
    if (caller?.aborted) this.#forward();
    else caller?.addEventListener('abort', this.#forward, { once: true });
  }

  get signal() {
    return this.#controller.signal;
  }

  /** Lifts the time limit; the caller's signal goes on to count. */
  disarm() {
    clearTimeout(this.#timer);
  }

  clear() {
    this.disarm();
    this.#caller?.removeEventListener('abort', this.#forward);
  }

  /**
   * What really happened: `fetch` words every failure alike.
   *
   * @param {unknown} error
   * @returns {unknown}
   */
  explain(error) {
    if (this.#caller?.aborted) return this.#caller.reason;
    if (this.#expired) return new TransportError('timeout', this.#what, 'no answer in time', { cause: error });
    return asTransport(this.#what, error);
  }
}

/**
 * The platform's errors as ours; ours as they are.
 *
 * @param {string} what
 * @param {unknown} error
 */
export function asTransport(what, error) {
  // `fetch` and body streams fail with TypeError or DOMException.
  if (!(error instanceof TypeError || error instanceof DOMException)) return error;
  return new TransportError('unreachable', what, 'the server cannot be reached or broke off', { cause: error });
}

/**
 * Counts what arrives, not what `Content-Length` claims, and after
 * decompression, so that neither a lie nor a bomb fills memory.
 *
 * @param {string} what
 * @param {Response} response
 * @param {number} limit
 */
async function readBody(what, response, limit) {
  const reader = response.body?.getReader();
  /** @type {Uint8Array[]} */
  const chunks = [];
  let length = 0;
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) return concatBytes(...chunks);
    length += value.length;
    if (length > limit) {
      await reader?.cancel();
      throw new TooLargeError(what, limit);
    }
    chunks.push(value);
  }
}

/**
 * @param {string} what
 * @param {Response} response
 * @returns {Promise<ProblemError>}
 */
async function refusal(what, response) {
  const { type, title, detail } = await problemOf(what, response);
  const problem = {
    status: response.status,
    slug: type.split('/').pop() || 'about:blank',
    detail: detail || title,
    retryAfterMs: retryAfter(response.headers.get('retry-after')),
  };
  switch (`${problem.status} ${problem.slug}`) {
    case '404 unknown-event':
      return new UnknownEventError(what, problem);
    case '404 not-announced':
    case '404 not-attested':
      return new NotYetError(what, problem);
    case '410 refunded':
    case '410 withdrawn':
      return new NeverError(what, problem);
    default:
      return new ProblemError(what, problem);
  }
}

/**
 * A proxy's page instead of a problem is still an answer: its status.
 *
 * @param {string} what
 * @param {Response} response
 */
async function problemOf(what, response) {
  const problem = { type: '', title: '', detail: '' };
  try {
    /** @type {unknown} */
    const found = JSON.parse(new TextDecoder().decode(await readBody(what, response, MAX_PROBLEM)));
    for (const key of /** @type {const} */ (['type', 'title', 'detail'])) {
      const value = memberOf(found, key);
      if (typeof value === 'string') problem[key] = value;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TooLargeError)) throw error;
  }
  return problem;
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

/** @param {string | null} header */
function retryAfter(header) {
  return header !== null && /^[0-9]{1,9}$/.test(header.trim()) ? Number(header) * 1000 : null;
}
