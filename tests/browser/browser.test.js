import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { COUNTS } from '../../client/js/test/vectors.js';
import { startDemo } from './demo.js';
import { startSite } from './site.js';

/** @import { Browser, Page } from 'playwright-core' */

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const ARTEFACTS = process.env['ORACLE_TEST_ARTEFACTS'] ?? fileURLToPath(new URL('artefacts', import.meta.url));
const PATIENCE_MS = 150_000;

describe('in headless Chromium', { timeout: 240_000 }, () => {
  /** @type {{url: string, identity: string}} */
  let oracle;
  /** @type {Browser} */
  let browser;
  /** @type {Page} */
  let page;
  /** @type {(() => void | Promise<void>)[]} */
  const stops = [];
  /** @type {string[]} */
  const complaints = [];

  before(async () => {
    oracle = await startDemo((stop) => stops.push(stop));
    const site = await startSite(oracle.url, (stop) => stops.push(stop));
    // Chromium's sandbox needs a user other than root.
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...args, '--disable-dev-shm-usage'] });
    stops.push(() => browser.close());
    page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    await page.goto(site);
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  /**
   * Runs in the page; takes a picture of it when that fails.
   *
   * @template A, R
   * @param {string} name
   * @param {(argument: A) => Promise<R>} run
   * @param {A} argument
   * @returns {Promise<R>}
   */
  async function inPage(name, run, argument) {
    try {
      return /** @type {R} */ (await page.evaluate(/** @type {never} */ (run), argument));
    } catch (error) {
      mkdirSync(ARTEFACTS, { recursive: true });
      await page.evaluate((text) => (document.body.innerText += text), `${name}\n${error}\n${complaints.join('\n')}\n`);
      await page.screenshot({ path: `${ARTEFACTS}/${name}.png`, fullPage: true });
      throw error;
    }
  }

  test('every vector holds as it does in Node', async () => {
    const counts = await inPage(
      'vectors',
      async (/** @type {string[]} */ files) => {
        const path = '/client/js/test/vectors.js';
        const { runVectors } = await import(path);
        /** @type {Record<string, number>} */
        const ran = {};
        for (const file of files) {
          const content = await (await fetch(`/schema/vectors/${file}.json`)).json();
          ran[file] = runVectors(file, content);
        }
        return ran;
      },
      Object.keys(COUNTS),
    );
    assert.deepEqual(counts, COUNTS);
  });

  test('an enum and a digit event of a running oracle settle', async (t) => {
    const lines = await inPage(
      'settle',
      async ({ url, identity, ms }) => {
        const path = '/tests/browser/live.js';
        const { settle } = await import(path);
        const shown = /** @type {string[]} */ (await settle(url, identity, AbortSignal.timeout(ms)));
        document.querySelector('#out')?.append(shown.join('\n'));
        return shown;
      },
      { ...oracle, ms: PATIENCE_MS - 30_000 },
    );
    for (const line of lines) t.diagnostic(line);
    assert.ok(lines.some((line) => line.startsWith('attested')));
  });

  test('a tampered bundle is refused, the same one untouched is not', async () => {
    const [tampered, whole] = await inPage(
      'tampered',
      async ({ url, identity }) => {
        const path = '/tests/browser/live.js';
        const { attestedEvent, refusalOf } = await import(path);
        const id = await attestedEvent(url, identity);
        return [await refusalOf(`${location.origin}/tampered`, identity, id), await refusalOf(url, identity, id)];
      },
      oracle,
    );
    assert.equal(tampered, 'inclusion');
    assert.equal(whole, '');
  });

  test('the docs page of the oracle sends what its form says, to the oracle alone', async () => {
    const docs = await browser.newPage();
    docs.on('pageerror', (error) => complaints.push(String(error)));
    docs.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    /** @type {Set<string>} */
    const asked = new Set();
    docs.on('request', (request) => asked.add(new URL(request.url()).origin));
    await docs.goto(`${oracle.url}/docs#get_attestation`);
    const form = docs.locator('#get_attestation form');
    // The page itself fills in an event that is attested.
    await form.locator('input[name=id]:valid').waitFor();
    await form.getByRole('button', { name: 'Send' }).click();
    await form.locator('.body', { hasText: 'signatures' }).waitFor();
    assert.match(await form.locator('.line').innerText(), /^200/);
    assert.match(await form.locator('.curl').innerText(), /^curl -i 'http/);
    assert.deepEqual([...asked], [new URL(oracle.url).origin]);
    await docs.close();
  });

  test('the page had nothing to complain about: no script was refused by the content policy', () => {
    assert.deepEqual(complaints, []);
  });
});
