/**
 * A server on loopback that answers as a test tells it to.
 *
 * @module
 */
import { once } from 'node:events';
import { createServer } from 'node:http';

/** @import { IncomingMessage, ServerResponse } from 'node:http' */
/** @import { TestContext } from 'node:test' */

/**
 * @param {TestContext} t closes the server
 * @param {(request: IncomingMessage, response: ServerResponse, nth: number) => void} handler
 *   `nth` counts requests from 1
 */
export async function serve(t, handler) {
  /** @type {IncomingMessage[]} */
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(request);
    handler(request, response, requests.length);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return { url: `http://127.0.0.1:${port}`, requests };
}

/**
 * A server of fixed answers by path; 404 `unknown-event` for the rest.
 *
 * @param {TestContext} t
 * @param {Record<string, Uint8Array | object | string>} answers
 */
export function serveAnswers(t, answers) {
  return serve(t, (request, response) => {
    const answer = answers[new URL(request.url ?? '', 'http://x').pathname];
    if (answer === undefined) problem(response, 404, 'unknown-event');
    else send(response, answer);
  });
}

/**
 * Bytes as a message, all else as JSON.
 *
 * @param {ServerResponse} response
 * @param {Uint8Array | object | string | undefined} answer
 */
export function send(response, answer) {
  const isBytes = answer instanceof Uint8Array;
  response.writeHead(200, { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' });
  response.end(isBytes || typeof answer === 'string' ? answer : JSON.stringify(answer));
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {string} slug
 * @param {Record<string, string>} [headers]
 * @param {string} [detail]
 */
export function problem(response, status, slug, headers = {}, detail = `because ${slug}`) {
  response.writeHead(status, { 'content-type': 'application/problem+json', ...headers });
  response.end(JSON.stringify({ type: `/problems/${slug}`, title: 'Title', status, detail }));
}
