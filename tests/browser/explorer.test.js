import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { startDemo } from './demo.js';

/** @import { Browser, BrowserContextOptions, Page } from 'playwright-core' */

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const SCREENSHOTS = process.env['ORACLE_SCREENSHOTS'] ?? fileURLToPath(new URL('../../target/screenshots', import.meta.url));
const AXE = readFileSync(fileURLToPath(new URL('node_modules/axe-core/axe.min.js', import.meta.url)), 'utf8');
const PATIENCE_MS = 60_000;
/** What a page may weigh on the wire, with all its assets. */
const WEIGHT = 100 * 1024;
const WIDTHS = Object.freeze({ desktop: 1280, phone: 360 });

/**
 * A page that remembers what was wrong with it.
 *
 * @typedef {object} Watched
 * @property {Page} page
 * @property {string[]} complaints errors of scripts and of the content policy
 * @property {Set<string>} origins that were asked
 * @property {() => Promise<number>} shift its layout shift so far
 * @property {() => number} weight bytes on the wire so far
 */

describe('the explorer in headless Chromium', { timeout: 600_000 }, () => {
  /** @type {{url: string, identity: string}} */
  let oracle;
  /** @type {Browser} */
  let browser;
  /** @type {Record<string, string>} paths of pages, by what they show */
  let paths;
  /** @type {(() => void | Promise<void>)[]} */
  const stops = [];

  before(async () => {
    mkdirSync(SCREENSHOTS, { recursive: true });
    oracle = await startDemo((stop) => stops.push(stop));
    const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: [...args, '--disable-dev-shm-usage'] });
    stops.push(() => browser.close());
    paths = await known(oracle.url);
  });
  after(async () => {
    for (const stop of stops.reverse()) await stop();
  });

  /**
   * @param {string} path
   * @param {BrowserContextOptions} [options]
   * @param {(page: Page) => Promise<unknown>} [prepare]
   * @returns {Promise<Watched>}
   */
  async function open(path, options = {}, prepare = async () => {}) {
    const context = await browser.newContext({ viewport: { width: WIDTHS.desktop, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    /** @type {string[]} */
    const complaints = [];
    /** @type {Set<string>} */
    const origins = new Set();
    let bytes = 0;
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('request', (request) => origins.add(new URL(request.url()).origin));
    const devtools = await context.newCDPSession(page);
    await devtools.send('Network.enable');
    devtools.on('Network.loadingFinished', ({ encodedDataLength }) => (bytes += encodedDataLength));
    await page.addInitScript(() => {
      Object.assign(globalThis, { shifted: 0 });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) {
          const { value, hadRecentInput } = /** @type {{value: number, hadRecentInput: boolean} & PerformanceEntry} */ (entry);
          if (!hadRecentInput) Object.assign(globalThis, { shifted: Reflect.get(globalThis, 'shifted') + value });
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    await prepare(page);
    await page.goto(oracle.url + path, { waitUntil: 'load' });
    const shift = () => page.evaluate(() => /** @type {number} */ (Reflect.get(globalThis, 'shifted')));
    return { page, complaints, origins, shift, weight: () => bytes };
  }

  /** @param {Page} page @param {string} name */
  const picture = (page, name) => page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, fullPage: true, animations: 'disabled' });

  /** Asks for verification, and answers with what each line said. @param {Page} page */
  async function verify(page) {
    await page.getByRole('button', { name: 'Verify' }).click();
    await page.locator('[data-check=verdict]').waitFor();
    return checksOf(page);
  }

  for (const [device, width] of Object.entries(WIDTHS)) {
    for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
      test(`every page fits ${device}, ${colorScheme}: no overflow, no fault of accessibility, no stranger, no weight`, async (t) => {
        let heaviest = ['', 0];
        for (const [name, path] of Object.entries(paths)) {
          const { page, complaints, origins, shift, weight } = await open(path, { viewport: { width, height: 800 }, colorScheme });
          await page.locator('main').waitFor();
          const [content, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
          assert.ok(Number(content) <= Number(room), `${name} is ${content} wide on ${room}`);
          assert.deepEqual(await faults(page), [], name);
          assert.deepEqual([...origins], [new URL(oracle.url).origin], name);
          assert.ok((await shift()) < 0.01, `${name} shifts by ${await shift()}`);
          assert.ok(weight() < WEIGHT, `${name} weighs ${weight()} bytes`);
          if (weight() > Number(heaviest[1])) heaviest = [name, weight()];
          // A page that says 404 is itself reported as a resource that failed.
          assert.deepEqual(complaints.filter((text) => !(name.startsWith('failure') && text.includes('Failed to load'))), [], name);
          await picture(page, `${name}-${device}-${colorScheme}`);
          await page.context().close();
        }
        t.diagnostic(`heaviest on the wire: ${heaviest.join(', ')} bytes`);
      });
    }
  }

  test('an event is found by a part of its name, its trace read, and every check of it holds', async (t) => {
    const { page, complaints, weight } = await open('/');
    const id = /** @type {string} */ (paths['digits']?.split('/').pop());
    const name = decodeURIComponent(id);
    await page.getByLabel('Part of its name').fill(name.slice(3));
    await page.getByRole('button', { name: 'Search' }).click();
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name }).waitFor();
    assert.match(await page.locator('#decision ~ div').innerText(), /The price is 0\.\d+/);
    const counted = page.locator('table.votes', { hasText: 'kraken:XBTUSD' }).locator('tr', { hasText: 'kraken' });
    assert.match(await counted.innerText(), /yes/);
    const checks = await verify(page);
    // The demo has no node, and so no anchors.
    assert.deepEqual([...checks].filter(([, { state }]) => state === 'skipped').map(([name]) => name), ['Anchor']);
    for (const name of ['Identity', 'Bundle', 'Checkpoint', 'Oracle key', 'Announcement', 'Policy', 'Attestation', 'Page', 'Downloads', 'Evidence', 'verdict']) {
      assert.equal(checks.get(name)?.state, 'ok', name);
    }
    for (const [name, { detail }] of checks) t.diagnostic(`${name}: ${detail}`);
    assert.ok(weight() < WEIGHT, `with the checks loaded ${weight()} bytes`);
    assert.deepEqual(complaints, []);
    await picture(page, 'verified-desktop-light');
    await page.context().close();
  });

  /**
   * Opens the page of the attested digit event, with answers of the server changed
   * on their way, and verifies it.
   *
   * @param {string} address pattern of the answers
   * @param {(body: Buffer) => Buffer | string} change
   * @param {string} [shot] name of a picture
   */
  async function verifyChanged(address, change, shot) {
    const { page } = await open(paths['digits'] ?? '', {}, (page) =>
      page.route(address, async (route) => {
        const response = await route.fetch();
        await route.fulfill({ response, body: change(await response.body()) });
      }),
    );
    const checks = await verify(page);
    if (shot) await picture(page, shot);
    await page.context().close();
    assert.equal(checks.get('verdict')?.state, 'failed');
    return checks;
  }

  /** @param {(bundle: any) => void} edit */
  const edited = (edit) => (/** @type {Buffer} */ body) => {
    const bundle = JSON.parse(body.toString());
    edit(bundle);
    return JSON.stringify(bundle);
  };

  test('a message that the server hands out and its log does not have shows as failing, and which', async () => {
    for (const what of ['announcement', 'attestation']) {
      const checks = await verifyChanged(`**/v1/${what}s/*`, (body) => {
        const last = body.length - 60;
        body[last] = Number(body[last]) ^ 1;
        return body;
      }, what === 'attestation' ? 'tampered-desktop-light' : undefined);
      assert.equal(checks.get('Downloads')?.state, 'failed');
      assert.match(checks.get('Downloads')?.detail ?? '', new RegExp(`The ${what} that this server hands out is not the one in its log`));
      assert.equal(checks.get('Attestation')?.state, 'ok');
    }
  });

  test('a forged announcement, another genesis, a forged checkpoint and a proof of another entry fail each by name', async () => {
    const vectors = new URL('../../schema/vectors/forged.json', import.meta.url);
    const { identity, cases } = JSON.parse(readFileSync(vectors, 'utf8'));
    /** @param {string} name @returns {any} */
    const forged = (name) => cases.find((/** @type {{name: string}} */ c) => c.name === name).bundle;
    /** @type {[string, string, RegExp, (bundle: any) => void][]} */
    const lies = [
      // Every signature of the forged announcement holds: it is in no log.
      ['Announcement', 'Oracle key', /announcement: .*root|announcement: .*proof/, (bundle) => (bundle.announcement.entry = forged('in-the-genuine-log').announcement.entry)],
      ['Announcement', 'Oracle key', /announcement/, (bundle) => (bundle.announcement.leaf_index += 1)],
      ['Attestation', 'Announcement', /attestation/, (bundle) => (bundle.attestation = bundle.genesis)],
      ['Oracle key', 'Checkpoint', /genesis/, (bundle) => (bundle.genesis.entry = forged('in-a-log-of-the-attackers').genesis.entry)],
      ['Checkpoint', 'Bundle', /signature/, (bundle) => (bundle.checkpoint = bundle.checkpoint.replace(/\n(\d)/, '\n9$1'))],
      ['Checkpoint', 'Bundle', /log/, (bundle) => (bundle.checkpoint = forged('in-a-log-of-the-attackers').checkpoint)],
      ['Policy', 'Announcement', /hash/, (bundle) => (bundle.policy += ' ')],
    ];
    for (const [fails, holds, why, edit] of lies) {
      const checks = await verifyChanged('**/v1/events/*/bundle', edited(edit), fails === 'Announcement' ? 'forged-desktop-light' : undefined);
      assert.equal(checks.get(fails)?.state, 'failed', fails);
      assert.match(checks.get(fails)?.detail ?? '', why);
      assert.equal(checks.get(holds)?.state, 'ok', holds);
    }

    // Whoever pinned another oracle is told that this is not it.
    const wrong = await open(paths['digits'] ?? '');
    await wrong.page.getByLabel('Identity to verify against').fill(identity);
    const checks = await verify(wrong.page);
    for (const name of ['Identity', 'verdict']) assert.equal(checks.get(name)?.state, 'failed', name);
    for (const name of ['Checkpoint', 'Announcement', 'Attestation']) assert.equal(checks.get(name)?.state, 'skipped', name);
    await wrong.page.getByLabel('Identity to verify against').fill('nonsense');
    assert.match((await verify(wrong.page)).get('Identity')?.detail ?? '', /not a verifier key/);
    await wrong.page.context().close();

    const wrongPage = await open(paths['digits'] ?? '');
    await wrongPage.page.locator('[data-outcome]').evaluate((node) => node.setAttribute('data-outcome', '1'));
    assert.equal((await verify(wrongPage.page)).get('Page')?.state, 'failed');
    await wrongPage.page.context().close();
  });

  test('a server that names another identity than the one it is verified against is found out, by a page of its own too', async () => {
    const checks = await verifyChanged('**/v1/oracle', (body) => {
      const info = JSON.parse(body.toString());
      return JSON.stringify({ ...info, log_origin: 'oracle.example/other' });
    });
    assert.match(checks.get('Identity')?.detail ?? '', /names another one: oracle.example\/other\+/);
  });

  test('a live attestation arrives on the event and on the overview without a reload and without a shift', async () => {
    const { events } = await (await fetch(`${oracle.url}/v1/events?kind=threshold&from=${new Date(Date.now() + 6000).toISOString()}&limit=1`)).json();
    const id = /** @type {string} */ (events[0].event_id);
    const event = await open(`/events/${encodeURIComponent(id)}`);
    const overview = await open('/');
    for (const { page } of [event, overview]) {
      await page.locator('#live[data-state=on]').waitFor();
      await page.evaluate(() => Object.assign(globalThis, { same: true }));
    }
    await event.page.locator('[data-live=head] .state.announced').waitFor();
    await event.page.locator('[data-live=head] .state.attested').waitFor();
    await event.page.locator('[data-live=life]', { hasText: 'Attested' }).waitFor();
    assert.match(await event.page.locator('.big').innerText(), /^(not_)?above$/);
    await overview.page.locator('[data-live=latest] a', { hasText: id }).waitFor();
    for (const { page, shift, complaints } of [event, overview]) {
      assert.equal(await page.evaluate(() => Reflect.get(globalThis, 'same')), true, 'reloaded');
      assert.ok((await shift()) < 0.01, `shifts by ${await shift()}`);
      assert.deepEqual(complaints, []);
    }
    // What arrived verifies like what was there.
    const checks = await verify(event.page);
    assert.equal(checks.get('verdict')?.state, 'ok');
    assert.equal(checks.get('Page')?.state, 'ok');
    await event.page.context().close();
    await overview.page.context().close();
  });

  test('the indicator says when the stream is lost, and the page is live again once it is back', async () => {
    const { page } = await open('/');
    const live = page.locator('#live');
    await page.locator('#live[data-state=on]').waitFor();
    await page.context().setOffline(true);
    await page.evaluate(() => 0);
    await page.route('**/v1/stream*', (route) => route.fulfill({ status: 503, body: '' }));
    await page.context().setOffline(false);
    await page.reload();
    await page.locator('#live[data-state=off]').waitFor();
    assert.equal(await live.innerText(), 'Reconnecting');
    await page.unroute('**/v1/stream*');
    await page.locator('#live[data-state=on]').waitFor();
    await page.context().close();
  });

  test('without JavaScript every page says what it has to say', async () => {
    for (const [name, path] of Object.entries(paths)) {
      const { page } = await openPlain(path);
      assert.ok((await page.locator('main').innerText()).length > 50, name);
      assert.equal(await page.locator('main h1').count(), 1, name);
      await page.context().close();
    }
    const { page } = await openPlain('/');
    await page.getByLabel('Part of its name').fill('market-');
    await page.getByRole('button', { name: 'Search' }).click();
    await page.locator('a.event').first().click();
    assert.match(await page.locator('h1').innerText(), /^market-/);
    assert.match(await page.locator('section.verify').innerText(), /needs JavaScript/);
    await picture(page, 'plain-desktop-light');
    await page.context().close();
  });

  /** @param {string} path */
  async function openPlain(path) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    await page.goto(oracle.url + path);
    return { page };
  }

  test('the keyboard alone skips to the content, searches, and verifies', async () => {
    const { page } = await open('/');
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement?.textContent), 'Skip to the content');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'main');
    await reach(page, 'q');
    await page.keyboard.type('senate-');
    await page.keyboard.press('Enter');
    await page.locator('table a.event').waitFor();
    await page.locator('table a.event').focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: /^senate-/ }).waitFor();
    await reach(page, 'identity');
    const outline = await page.evaluate(() => getComputedStyle(/** @type {Element} */ (document.activeElement)).outlineStyle);
    assert.notEqual(outline, 'none', 'the focus is seen');
    await page.keyboard.press('Enter');
    await page.locator('[data-check=verdict]').waitFor();
    assert.equal((await checksOf(page)).get('verdict')?.state, 'ok');
    await page.context().close();
  });
});

/** Tabs until the element of this id has the focus. @param {Page} page @param {string} id */
async function reach(page, id) {
  for (let presses = 0; presses < 40; presses += 1) {
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return;
    await page.keyboard.press('Tab');
  }
  assert.fail(`#${id} cannot be reached with Tab`);
}

/**
 * What the lines of the verification say.
 *
 * @param {Page} page
 * @returns {Promise<Map<string, {state: string, detail: string}>>}
 */
async function checksOf(page) {
  const lines = await page.locator('.checks li').evaluateAll((items) =>
    items.map((item) => [
      item.getAttribute('data-check') ?? '',
      { state: item.querySelector('.check')?.textContent ?? '', detail: item.querySelector('.detail')?.textContent ?? '' },
    ]),
  );
  return new Map(/** @type {[string, {state: string, detail: string}][]} */ (lines));
}

/**
 * Faults of accessibility that axe-core finds (WCAG 2.2 A and AA, and its best
 * practices): contrast, labels, landmarks, order of headings.
 *
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
async function faults(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const { violations } = await Reflect.get(globalThis, 'axe').run();
    return violations.map((/** @type {{id: string, nodes: {html: string, failureSummary: string}[]}} */ { id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
  });
}

/**
 * The pages of an oracle that has attested an event of every kind.
 *
 * @param {string} url
 * @returns {Promise<Record<string, string>>}
 */
async function known(url) {
  /** @param {string} query @returns {Promise<string>} */
  async function first(query) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const { events } = await (await fetch(`${url}/v1/events?${query}&limit=1`)).json();
      if (events[0]) return `/events/${encodeURIComponent(events[0].event_id).replaceAll('%3A', ':').replaceAll('%40', '@')}`;
      if (Date.now() > deadline) throw new Error(`no event of ${query}`);
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
  return {
    operators_event: await first('state=attested&kind=operators'),
    election: await first('state=attested&kind=election'),
    match: await first('state=attested&kind=match'),
    value: await first('state=attested&kind=fact'),
    digits: await first('state=attested&kind=digits&series=ppcusd-future'),
    threshold: await first('state=attested&kind=threshold'),
    announced: await first('state=announced&kind=digits'),
    overview: '/',
    events: '/events',
    filtered: '/events?kind=digits&state=attested&order=earliest',
    empty: '/events?q=nothing-has-this-name',
    series: '/series/ppcusd-future',
    threshold_series: '/series/ppcusd-above-025',
    log: '/log',
    oracle: '/oracle',
    operators: '/operators',
    failure_unknown: '/events/nothing-has-this-name',
    failure_filter: '/events?from=yesterday',
  };
}
