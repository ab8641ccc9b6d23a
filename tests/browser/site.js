/**
 * The repository's client as a web site on loopback, as an explorer page would
 * serve it: the same source files, no build step, and a strict content policy.
 *
 * @module
 */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a page may load, by the beginning of the path. */
const SERVED = ['/client/js/src/', '/client/js/test/vectors.js', '/client/js/node_modules/@noble/', '/schema/vectors/', '/tests/browser/live.js'];
/** @type {Readonly<Record<string, string>>} */
const TYPES = { '.js': 'text/javascript', '.json': 'application/json' };

const IMPORTS = {
  '@noble/curves/': '/client/js/node_modules/@noble/curves/',
  '@noble/hashes/': '/client/js/node_modules/@noble/hashes/',
};
const NONCE = 'c2l0ZQ==';
const PAGE = `<!doctype html><meta charset="utf-8"><title>Oracle client</title>
<script type="importmap" nonce="${NONCE}">${JSON.stringify({ imports: IMPORTS })}</script>
<pre id="out"></pre>`;
// Neither inline scripts nor eval, except for the import map by its nonce.
const POLICY = `default-src 'none'; script-src 'self' 'nonce-${NONCE}'; connect-src 'self' http://127.0.0.1:*; base-uri 'none'`;

/**
 * @param {string} oracle address of the oracle, also to be had at `/tampered/`
 *   with one bit of every attestation in a bundle changed
 * @param {(stop: () => void) => void} after
 * @returns {Promise<string>} the site's address
 */
export async function startSite(oracle, after) {
  const server = createServer((request, response) => {
    answer(oracle, new URL(request.url ?? '/', 'http://site')).then(
      ({ type, body }) => {
        response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY, 'cache-control': 'no-store' });
        response.end(body);
      },
      (error) => response.writeHead(404).end(String(error)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}

/**
 * @param {string} oracle
 * @param {URL} url
 * @returns {Promise<{type: string, body: Uint8Array | string}>}
 */
async function answer(oracle, { pathname, search }) {
  if (pathname === '/') return { type: 'text/html', body: PAGE };
  if (pathname.startsWith('/tampered/')) return tampered(oracle + pathname.slice('/tampered'.length) + search);
  const path = normalize(decodeURIComponent(pathname));
  if (!SERVED.some((start) => path.startsWith(start))) throw new Error(`${path} is not served`);
  return { type: TYPES[extname(path)] ?? 'application/octet-stream', body: await readFile(join(ROOT, path)) };
}

/**
 * The oracle's answer, in a bundle with the last bit of the attestation's entry
 * changed.
 *
 * @param {string} address
 */
async function tampered(address) {
  const response = await fetch(address);
  let body = new Uint8Array(await response.arrayBuffer());
  if (/\/bundle(?:\?|$)/.test(address) && response.ok) {
    const bundle = JSON.parse(new TextDecoder().decode(body));
    const entry = Buffer.from(bundle.attestation.entry, 'base64');
    entry[entry.length - 1] = Number(entry[entry.length - 1]) ^ 1;
    bundle.attestation.entry = entry.toString('base64');
    body = new TextEncoder().encode(JSON.stringify(bundle));
  }
  return { type: response.headers.get('content-type') ?? '', body };
}
