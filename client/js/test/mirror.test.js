import assert from 'node:assert/strict';
import { test } from 'node:test';

import { LogError, OracleClient, TRUST_ON_FIRST_USE } from '../src/index.js';
import { FakeLog, NoteSigner, filesOf } from './log.js';
import { FakeOracle } from './oracle.js';
import { problem, send, serve } from './server.js';

/** @import { TestContext } from 'node:test' */
/** @import { ClientOptions } from '../src/index.js' */

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

/** A mirror of a log. @param {TestContext} t @param {FakeLog} log */
async function mirrorOf(t, log) {
  const files = filesOf(log);
  const { url } = await serve(t, (request, response) => {
    const file = files.get(request.url ?? '');
    if (request.url === '/v1/oracle') send(response, log.info);
    else if (file === undefined) problem(response, 404, 'unknown-tile');
    else response.end(file);
  });
  return url;
}

test('a mirror needs the cosignatures of the witnesses too', async (t) => {
  const witness = new NoteSigner('witness.test', 9, 4);
  const witnesses = `witness w ${witness.vkey}\nquorum w\n`;
  const log = new FakeLog(new FakeOracle());
  log.grow(20);
  const alone = await mirrorOf(t, log);
  log.witnesses.push(witness);
  const cosigned = await mirrorOf(t, log);
  const { identity, oracle: { publicKey } } = log;
  /** @type {ClientOptions[]} */
  const trusts = [{ identity }, { identity, publicKey }, { identity: TRUST_ON_FIRST_USE }, { publicKey }];
  for (const trust of trusts) {
    assert.equal((await new OracleClient(cosigned, { ...trust, witnesses, retries: 0 }).genesis()).oraclePublicKey, publicKey);
    await assert.rejects(new OracleClient(alone, { ...trust, witnesses, retries: 0 }).genesis(), (error) => error instanceof LogError && error.code === 'checkpoint');
    assert.equal((await new OracleClient(alone, { ...trust, retries: 0 }).genesis()).oraclePublicKey, publicKey);
  }
});

test("the log's first tile may be longer than other answers", async (t) => {
  const log = new FakeLog(new FakeOracle());
  for (let i = 0; i < 40; i += 1) log.entries.push(new Uint8Array(65_000));
  assert.equal((await new OracleClient(await mirrorOf(t, log), { identity: log.identity, retries: 0 }).genesis()).oraclePublicKey, log.oracle.publicKey);
});
