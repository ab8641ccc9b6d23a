import assert from 'node:assert/strict';
import { test } from 'node:test';

import { concatBytes } from '@noble/hashes/utils.js';

import { LogError, OracleClient, leafHash } from '../src/index.js';
import { FakeLog, root } from './log.js';
import { FakeOracle } from './oracle.js';
import { serve } from './server.js';

/** @param {bigint} n */
const path = (n) => (n < 1000n ? String(n).padStart(3, '0') : `x${String(n / 1000n).padStart(3, '0')}/${String(n % 1000n).padStart(3, '0')}`);

/** A log's files as a static mirror keeps them: of a tile only the widest. @param {FakeLog} log @returns {Map<string, Uint8Array | string>} */
function filesOf(log) {
  /** @type {Map<string, Uint8Array | string>} */
  const files = new Map([['/checkpoint', log.note()]]);
  const put = (/** @type {string} */ kind, /** @type {readonly Uint8Array[]} */ items) => {
    for (let at = 0; at < items.length; at += 256) {
      const part = items.slice(at, at + 256);
      files.set(`/tile/${kind}/${path(BigInt(at / 256))}${part.length < 256 ? `.p/${part.length}` : ''}`, concatBytes(...part));
    }
  };
  put('entries', log.entries.map((entry) => concatBytes(Uint8Array.of(entry.length >> 8, entry.length & 255), entry)));
  put('0', log.entries.map(leafHash));
  const whole = Math.floor(log.entries.length / 256);
  if (whole > 0) put('1', Array.from({ length: whole }, (_, i) => root(log.entries.slice(256 * i, 256 * (i + 1)))));
  return files;
}

for (const size of [1, 2, 3, 200, 255, 256, 257, 512, 700]) {
  test(`the first of ${size} entries, from a mirror's files alone`, async (t) => {
    const log = new FakeLog(new FakeOracle());
    log.grow(size - 1);
    const files = filesOf(log);
    const { url } = await serve(t, (request, response) => {
      const file = files.get(request.url ?? '');
      if (file === undefined) response.writeHead(404, { 'content-type': 'text/html' }).end('<html>');
      else response.end(file);
    });
    const mirror = () => new OracleClient(url, { identity: log.identity, retries: 1, firstBackoffMs: 1, maxBackoffMs: 2 });
    assert.equal((await mirror().genesis()).oraclePublicKey, log.oracle.publicKey);
    const knowing = new OracleClient(url, { identity: log.identity, publicKey: log.oracle.publicKey });
    assert.equal((await knowing.genesis()).oraclePublicKey, log.oracle.publicKey);

    // Another oracle's key names this log's: its signature holds, and it is not in the log.
    const forged = new FakeLog(new FakeOracle());
    forged.grow(size - 1);
    for (const [name, file] of filesOf(forged)) if (name !== '/checkpoint') files.set(name, file);
    await assert.rejects(mirror().genesis(), LogError);
    for (const [name, file] of filesOf(log)) if (!name.startsWith('/tile/entries')) files.set(name, file);
    await assert.rejects(mirror().genesis(), LogError);
  });
}
