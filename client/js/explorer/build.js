/**
 * Bundles the checks of the explorer's page with the client and its curves into
 * the one file that the server embeds: `npm run explorer`; with `--check` it only
 * compares. Small, since every reader who verifies loads it; the sources are to be
 * read, and `tests/run js` holds the one against the others.
 *
 * @module
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { OPTIONS } from './options.js';

const TARGET = fileURLToPath(new URL('../../../oracle-server/src/web/assets/client.js', import.meta.url));
const ABOUT = `// client/js bundled by \`npm run explorer\`: do not edit. Contains @noble/curves and
// @noble/hashes, (c) Paul Miller, MIT.
`;

const { outputFiles } = await build({
  absWorkingDir: fileURLToPath(new URL('.', import.meta.url)),
  entryPoints: ['checks.js'],
  ...OPTIONS,
  write: false,
});
const text = ABOUT + (outputFiles[0]?.text ?? '');
if (!process.argv.includes('--check')) writeFileSync(TARGET, text);
else if (readFileSync(TARGET, 'utf8') !== text) {
  console.error('oracle-server/src/web/assets/client.js is not what client/js builds to: npm run explorer');
  process.exitCode = 1;
}
