import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const TSC = join(PACKAGE, 'node_modules/typescript/bin/tsc');
const run = promisify(execFile);

test('the packed package installs into an empty project, runs, and has its types', { timeout: 180_000 }, async (t) => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'oracle-pack-')));
  t.after(() => rmSync(dir, { recursive: true, force: true }));

  await run('npm', ['run', 'types'], { cwd: PACKAGE });
  const packed = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: PACKAGE });
  const [{ filename, files }] = JSON.parse(packed.stdout);
  const paths = files.map((/** @type {{path: string}} */ file) => file.path);
  for (const path of ['README.md', 'package.json', 'src/index.js', 'types/index.d.ts']) assert.ok(paths.includes(path), path);
  const strangers = paths.filter((/** @type {string} */ path) => !/^(README\.md|package\.json|src\/|types\/)/.test(path));
  assert.deepEqual(strangers, [], 'only sources, types and the readme are published');

  writeFileSync(join(dir, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  await run('npm', ['install', ...flags, join(dir, filename)], { cwd: dir });

  const program = "import * as o from 'peercoin-oracle-client'; import { Party } from 'peercoin-oracle-client/contract'; console.log(o.groupRange(10, 4, 5677n, 8621n).length, new Party().script.length)";
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', program], { cwd: dir });
  assert.equal(stdout.trim(), '20 34');

  copyFileSync(join(PACKAGE, 'test/consumer/consumer.ts'), join(dir, 'consumer.ts'));
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--noUncheckedIndexedAccess', '--skipLibCheck', 'false'];
  for (const module of [['nodenext'], ['esnext', '--moduleResolution', 'bundler']]) {
    const options = [...strict, '--target', 'es2022', '--lib', 'es2022,dom,dom.asynciterable', '--types', '', '--module', ...module];
    await run(process.execPath, [TSC, ...options, 'consumer.ts'], { cwd: dir }).catch((error) => {
      assert.fail(`${module[0]}: ${error.stdout}`);
    });
  }
});
