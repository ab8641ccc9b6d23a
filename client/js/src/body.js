/**
 * What the various `fetch`es answer with, read within bounds.
 *
 * The platform's and undici's give a web stream, node-fetch a Node stream, which is
 * iterated, React Native's no stream at all.
 *
 * @module
 */
import { ArgumentError, OracleError, TooLargeError } from './errors.js';

/**
 * As much of a `Response` as is used.
 *
 * @typedef {object} Answer
 * @property {number} status
 * @property {{get: (name: string) => string | null}} headers
 * @property {unknown} [body] a web stream, or what can be iterated for bytes
 * @property {() => Promise<ArrayBuffer>} [arrayBuffer] where there is no stream
 */

/** Pieces of a body, one after the other. @typedef {{next: () => Promise<Uint8Array | null>, cancel: () => void}} Pieces */

/**
 * Refuses what a `fetch` of the caller's own gave if nothing can be read from it.
 *
 * @param {unknown} response
 */
export function requireResponse(response) {
  /** @type {any} */
  const given = response;
  if (typeof given?.status !== 'number') throw lacks('a status');
  if (typeof given.headers?.get !== 'function') throw lacks('headers with get()');
}

/** @param {string} what */
function lacks(what) {
  return new ArgumentError('fetch', `the response of the given fetch lacks ${what}`);
}

/**
 * The body as it comes, or null where the response has none to read that way.
 *
 * @param {Answer} response
 * @returns {Pieces | null}
 */
export function piecesOf(response) {
  /** @type {any} */
  const { body } = response;
  if (typeof body?.getReader === 'function') {
    /** @type {ReadableStreamDefaultReader<Uint8Array>} */
    const reader = body.getReader();
    return {
      next: async () => bytesOf((await reader.read()).value),
      cancel: () => void reader.cancel().catch(() => {}),
    };
  }
  if (typeof body?.[Symbol.asyncIterator] !== 'function') return null;
  /** @type {AsyncIterator<unknown>} */
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: async () => bytesOf((await iterator.next()).value),
    cancel() {
      // node-fetch gives a stream of Node, which holds its connection until destroyed.
      if (typeof body.destroy === 'function') body.destroy();
      else void iterator.return?.()?.catch(() => {});
    },
  };
}

/**
 * @param {unknown} piece
 * @returns {Uint8Array | null} null at the end
 */
function bytesOf(piece) {
  if (piece === undefined) return null;
  if (!(piece instanceof Uint8Array)) throw lacks('bytes in its body');
  return piece;
}

/** Of any number of pieces. @param {readonly Uint8Array[]} pieces @param {number} length */
function joined(pieces, length) {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

/**
 * Counts what arrives, not what `Content-Length` claims, and after
 * decompression, so that neither a lie nor a bomb fills memory. Where a body comes
 * in one piece, the platform has it in memory already: what its length claims is
 * looked at before, and the length itself after.
 *
 * @param {string} what
 * @param {Answer} response
 * @param {number} limit
 * @returns {Promise<Uint8Array>}
 */
export async function bodyOf(what, response, limit) {
  const pieces = piecesOf(response);
  if (!pieces) return atOnce(what, response, limit);
  /** @type {Uint8Array[]} */
  const read = [];
  let length = 0;
  for (;;) {
    const piece = await pieces.next();
    if (!piece) return joined(read, length);
    length += piece.length;
    if (length > limit) {
      pieces.cancel();
      throw new TooLargeError(what, limit);
    }
    read.push(piece);
  }
}

/**
 * @param {string} what
 * @param {Answer} response
 * @param {number} limit
 */
async function atOnce(what, response, limit) {
  // A body that is null is empty, by the standard; one that is not there may be had at once.
  if (typeof response.arrayBuffer !== 'function') {
    if (response.body === null) return new Uint8Array();
    throw lacks('a body: a stream, something to iterate, or arrayBuffer()');
  }
  const claimed = Number(response.headers.get('content-length') ?? 0);
  if (claimed > limit) throw new TooLargeError(what, limit);
  const body = new Uint8Array(await response.arrayBuffer());
  if (body.length > limit) throw new TooLargeError(what, limit);
  return body;
}

/**
 * How platforms word a request that failed on the way; each throws a `TypeError`,
 * as a program does that is wrong.
 */
const WORDINGS = [
  ...['fetch failed', 'terminated', 'Failed to fetch', 'network error', 'Load failed', 'Network request failed'],
  ...['NetworkError when attempting to fetch resource.', 'Error in input stream', 'Error in body stream'],
  ...['The network connection was lost.', 'The Internet connection appears to be offline.', 'Could not connect to the server.'],
  ...['A server with the specified hostname could not be found.', 'The request timed out.', 'cancelled', 'error sending request'],
  ...['A network error occurred.', 'Connection refused', 'Connection closed'],
];

/**
 * Whether an error of `fetch`, or of reading its answer, says that the network
 * failed, and not that the program is wrong.
 *
 * @param {unknown} error
 */
export function isNetworkFailure(error) {
  // A page's own kind of error is none of another realm's: names say more than classes.
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  if (name === '' || error instanceof OracleError) return false;
  if (name === 'TypeError') {
    const { message } = /** @type {Error} */ (error);
    return WORDINGS.some((wording) => message.trim().toLowerCase().startsWith(wording.toLowerCase()));
  }
  return !['ReferenceError', 'RangeError', 'SyntaxError', 'EvalError', 'URIError'].includes(name);
}
