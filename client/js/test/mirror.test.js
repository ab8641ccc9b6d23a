import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LogError, OracleClient } from '../src/index.js';
import { FakeLog, filesOf } from './log.js';
import { FakeOracle } from './oracle.js';
import { serve } from './server.js';

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
