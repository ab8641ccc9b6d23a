/**
 * What the various `fetch`es answer with, read within bounds.
 *
 * The platform's and undici's give a web stream, node-fetch a Node stream, which is
 * iterated, React Native's no stream at all.
 *
 * @module
 */
import { ArgumentError, OracleError, TooLargeError, TransportError } from './errors.js';

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
 * A request, or a read of its answer. Whatever the platform throws there is a failure on
 * the way: its words, its language and its classes differ, and those of another realm are
 * no classes of this one. What a given `fetch` does wrong in itself is the `cause` too.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 * @throws {TransportError} `unreachable`
 */
export async function overNetwork(what, run) {
  try {
    return await run();
  } catch (error) {
    if (error instanceof OracleError) throw error;
    throw new TransportError('unreachable', what, 'the server cannot be reached or broke off', { cause: error });
  }
}

/**
 * The body as it comes, or null where the response has none to read that way.
 *
 * @param {string} what
 * @param {Answer} response
 * @returns {Pieces | null}
 */
export function piecesOf(what, response) {
  /** @type {any} */
  const { body } = response;
  if (typeof body?.getReader === 'function') {
    /** @type {ReadableStreamDefaultReader<Uint8Array>} */
    const reader = body.getReader();
    return {
      next: async () => bytesOf((await overNetwork(what, () => reader.read())).value),
      cancel: () => void reader.cancel().catch(() => {}),
    };
  }
  if (typeof body?.[Symbol.asyncIterator] !== 'function') return null;
  /** @type {AsyncIterator<unknown>} */
  const iterator = body[Symbol.asyncIterator]();
  return {
    next: async () => bytesOf((await overNetwork(what, () => iterator.next())).value),
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
  if (piece instanceof Uint8Array) return piece;
  // Bytes of another realm are no instance of this one's.
  if (!ArrayBuffer.isView(piece)) throw lacks('bytes in its body');
  return new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength);
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
  const pieces = piecesOf(what, response);
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
  const { arrayBuffer } = response;
  if (typeof arrayBuffer !== 'function') {
    if (response.body === null) return new Uint8Array();
    throw lacks('a body: a stream, something to iterate, or arrayBuffer()');
  }
  const claimed = Number(response.headers.get('content-length') ?? 0);
  if (claimed > limit) throw new TooLargeError(what, limit);
  const body = new Uint8Array(await overNetwork(what, () => arrayBuffer.call(response)));
  if (body.length > limit) throw new TooLargeError(what, limit);
  return body;
}
