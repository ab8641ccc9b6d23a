/**
 * How much processor time the verification of a bundle takes: `npm run bench`, or
 * `npm run bench -- 20` to take the best of twenty processes where the machine is busy.
 *
 * Each round verifies an event that was not seen before, of a log of some hundred
 * entries, with the keys of the oracle and of its log known from the rounds before
 * it, as they are to every client after its first events; the first one is that of a
 * program that has just begun. Each kind of event has a process of its own, which runs
 * the sources, and another one that runs them bundled and minified for browsers, as the
 * explorer is. Numbers are those of the machine and of what else it does, so each is also
 * said in verifications of one signature by `@noble/curves`, done in between; no test
 * depends on them.
 *
 * @module bench
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';

import { OPTIONS } from '../explorer/options.js';

/** @import { Rounds } from './rounds.js' */

const KINDS = ['enum', 'enum, proven', '20 digits', '20 digits, proven'];
const PROCESSES = 3;

/**
 * @param {string} file
 * @param {string} kind
 * @returns {Rounds}
 */
function roundsOf(file, kind) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, kind], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout);
}

/** @param {readonly number[]} numbers */
function least(numbers) {
  return Math.min(...numbers);
}

const directory = mkdtempSync(join(tmpdir(), 'bench-'));
try {
  const source = fileURLToPath(new URL('rounds.js', import.meta.url));
  const built = join(directory, 'rounds.mjs');
  await build({ ...OPTIONS, entryPoints: [source], outfile: built, platform: 'node' });
  const processes = Number(process.argv[2] ?? PROCESSES);
  for (const kind of KINDS) {
    for (const [how, file] of /** @type {const} */ ([['sources', source], ['bundled', built]])) {
      const all = Array.from({ length: processes }, () => roundsOf(file, kind));
      const [best, one] = [least(all.map((rounds) => rounds.best)), least(all.map((rounds) => rounds.single))];
      const [median, first] = [least(all.map((rounds) => rounds.median)), least(all.map((rounds) => rounds.first))];
      const times = `${best.toFixed(2)} ms at best, ${median.toFixed(2)} ms median, ${first.toFixed(0)} ms the first time`;
      console.log(`${kind}, ${how}: ${times}; ${(best / one).toFixed(2)} verifications of one signature; ${all[0]?.bytes} bytes`);
    }
  }
} finally {
  rmSync(directory, { recursive: true });
}
