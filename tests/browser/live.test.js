import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { differences } from '../../client/js/test/api-types.js';
import { startDemo } from './demo.js';
import { attestedEvent, refusalOf, settle, waitForNext } from './live.js';
import { startSite } from './site.js';

describe('in Node, against a running oracle', { timeout: 180_000 }, () => {
  /** @type {{url: string, identity: string}} */
  let oracle;
  /** @type {(() => void | Promise<void>)[]} */
  const stops = [];
  before(async () => {
    oracle = await startDemo((stop) => stops.push(stop));
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  test('an enum and a digit event settle: the points of the announcement open by the attestation', async (t) => {
    for (const line of await settle(oracle.url, oracle.identity, AbortSignal.timeout(120_000))) t.diagnostic(line);
  });

  test('waiting returns the verified outcome once there is one', async () => {
    assert.notEqual(await waitForNext(oracle.url, oracle.identity, AbortSignal.timeout(120_000)), '');
  });

  test('the types of what the API answers are those of its own document', async () => {
    const document = await (await fetch(`${oracle.url}/openapi.json`)).json();
    assert.deepEqual(differences(document), []);
  });

  test('a tampered bundle and another identity are refused', async () => {
    const site = await startSite(oracle.url, (stop) => stops.push(stop));
    const id = await attestedEvent(oracle.url, oracle.identity);
    assert.equal(await refusalOf(`${site}/tampered`, oracle.identity, id), 'inclusion');
    // Of the log of the vectors, which has this name and another key.
    const other = 'oracle.example/log+575005b0+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs';
    assert.equal(await refusalOf(oracle.url, other, id), 'checkpoint');
    assert.equal(await refusalOf(oracle.url, oracle.identity, id), '');
  });
});
