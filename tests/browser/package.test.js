import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { chromium } from 'playwright-core';

import { schnorr } from '../../client/js/node_modules/@noble/curves/secp256k1.js';
import { Transaction } from '../../client/js/node_modules/@scure/btc-signer/index.js';
import { RawTx } from '../../client/js/node_modules/@scure/btc-signer/script.js';
import { startDemo } from './demo.js';

const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium';
const PACKAGE = fileURLToPath(new URL('../../client/js', import.meta.url));
const SCRIPT = readFileSync(new URL('contract-page.js', import.meta.url));
const run = promisify(execFile);
const NONCE = 'cGFja2Vk';
const LIB = '/node_modules';
/** As the README of the package has them. */
const IMPORTS = {
  'peercoin-oracle-client': `${LIB}/peercoin-oracle-client/src/index.js`,
  'peercoin-oracle-client/contract': `${LIB}/peercoin-oracle-client/src/contract.js`,
  '@noble/curves/': `${LIB}/@noble/curves/`,
  '@noble/hashes/': `${LIB}/@noble/hashes/`,
  '@scure/btc-signer': `${LIB}/@scure/btc-signer/index.js`,
  '@scure/btc-signer/': `${LIB}/@scure/btc-signer/`,
  '@scure/base': `${LIB}/@scure/base/index.js`,
  'micro-packed': `${LIB}/micro-packed/index.js`,
};
const PAGE = `<!doctype html><meta charset="utf-8"><title>A bet</title>
<script type="importmap" nonce="${NONCE}">${JSON.stringify({ imports: IMPORTS })}</script>
<script type="module" src="/contract-page.js"></script><body></body>`;
const POLICY = `default-src 'none'; script-src 'self' 'nonce-${NONCE}'; connect-src http://127.0.0.1:*; base-uri 'none'`;

/** @type {(() => void | Promise<void>)[]} */
const stops = [];
after(async () => {
  for (const stop of stops.reverse()) await stop();
});

/** The package as it would be published, installed into an empty project. */
async function installed() {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'oracle-page-')));
  stops.push(() => rmSync(dir, { recursive: true, force: true }));
  await run('npm', ['run', 'types'], { cwd: PACKAGE });
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: PACKAGE });
  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await run('npm', ['install', ...flags, join(dir, JSON.parse(stdout)[0].filename)], { cwd: dir });
  return dir;
}

/** @param {string} dir @returns {Promise<string>} */
async function site(dir) {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://site').pathname));
    const headers = { 'content-security-policy': POLICY, 'content-type': path === '/' ? 'text/html' : 'text/javascript' };
    try {
      const body = path === '/' ? PAGE : path === '/contract-page.js' ? SCRIPT : readFileSync(join(dir, path.startsWith(`${LIB}/`) ? path : 'nothing'));
      response.writeHead(200, headers).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stops.push(() => void (server.closeAllConnections(), server.close()));
  const address = server.address();
  return `http://127.0.0.1:${address !== null && typeof address === 'object' ? address.port : 0}`;
}

/**
 * A transaction by its bytes, every input of which is signed for the output it spends.
 *
 * @param {string} hex
 * @param {readonly {amount: bigint, script: Uint8Array}[]} spent
 */
function verified(hex, spent) {
  const parsed = RawTx.decode(Buffer.from(hex, 'hex'));
  const tx = Transaction.fromRaw(Buffer.from(hex, 'hex'), { allowUnknownVersion: true, allowUnknownOutputs: true });
  assert.equal(parsed.version, 3);
  for (const [i, { script }] of spent.entries()) {
    const message = tx.preimageWitnessV1(i, spent.map((output) => output.script), 0, spent.map(({ amount }) => amount));
    assert.ok(schnorr.verify(/** @type {Uint8Array} */ (parsed.witnesses?.[i]?.[0]), message, script.subarray(2)), `input ${i}`);
  }
  const paid = parsed.outputs.reduce((sum, { amount }) => sum + amount, 0n);
  assert.equal(spent.reduce((sum, { amount }) => sum + amount, 0n) - paid, BigInt(hex.length / 2) * 10n, 'the exact fee');
  return { ...parsed, id: tx.id };
}

test('the packed package takes a page from an event to the transaction that settles it', { timeout: 300_000 }, async (t) => {
  const [oracle, dir] = await Promise.all([startDemo((stop) => stops.push(stop)), installed()]);
  const address = await site(dir);
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...args, '--disable-dev-shm-usage'] });
  stops.push(() => browser.close());
  const page = await browser.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(`${address}/?${new URLSearchParams({ oracle: oracle.url, identity: oracle.identity })}`);
  const outcome = await page.locator('#outcome').innerText({ timeout: 200_000 });
  assert.match(outcome, /^(not_)?above$/, complaints.join());
  const [funding = '', refund = '', settlement = ''] = await Promise.all(['funding', 'refund', 'settlement'].map((id) => page.locator(`#${id}`).innerText()));
  assert.equal(await page.locator('#secret').innerText(), 'learnt');

  const script = (/** @type {number} */ i) => RawTx.decode(Buffer.from(funding, 'hex')).outputs[i]?.script ?? new Uint8Array();
  // Change goes back to where each coin was.
  const fund = verified(funding, [{ amount: 6_000_000n, script: script(1) }, { amount: 21_000_000n, script: script(2) }]);
  const output = /** @type {{amount: bigint, script: Uint8Array}} */ (fund.outputs[0]);
  for (const hex of [refund, settlement]) assert.equal(Buffer.from(verified(hex, [output]).inputs[0]?.txid ?? []).toString('hex'), fund.id);
  const [paid] = RawTx.decode(Buffer.from(settlement, 'hex')).outputs;
  assert.deepEqual(paid?.script, script(outcome === 'above' ? 1 : 2), 'the one who was right is paid');
  t.diagnostic(`${await page.locator('#event').innerText()} ${outcome}; funding ${fund.id}`);
  assert.deepEqual(complaints, []);
});
