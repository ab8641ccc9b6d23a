/**
 * A real oracle for a test: `oracle-server demo` on a free port.
 *
 * @module
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../target/debug/oracle-server', import.meta.url));
const START_MS = 60_000;

/**
 * Starts the demo and stops it when the tests are over.
 *
 * The program is `ORACLE_SERVER`, else the development build of this repository, which `tests/run` makes.
 *
 * @param {(stop: () => Promise<void>) => void} after
 * @returns {Promise<{url: string, identity: string}>}
 */
export async function startDemo(after) {
  const program = process.env['ORACLE_SERVER'] ?? BUILT;
  if (!existsSync(program)) throw new Error(`${program} is missing: cargo build --workspace --bin oracle-server, or set ORACLE_SERVER`);
  const dir = mkdtempSync(join(tmpdir(), 'oracle-demo-'));
  const demo = spawn(program, ['demo', '--dir', join(dir, 'demo'), '--listen', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  demo.stderr.on('data', (chunk) => (said = (said + chunk).slice(-4000)));
  after(async () => {
    if (demo.exitCode === null && demo.signalCode === null) {
      const exited = once(demo, 'exit');
      demo.kill('SIGTERM');
      const impatience = setTimeout(() => demo.kill('SIGKILL'), 10_000);
      await exited;
      clearTimeout(impatience);
    }
    rmSync(dir, { recursive: true, force: true });
  });
  const timer = setTimeout(() => demo.kill('SIGKILL'), START_MS);
  for await (const line of createInterface({ input: demo.stdout })) {
    const url = /page (http:\/\/\S+?)\/\s/.exec(line)?.[1];
    if (url === undefined) continue;
    clearTimeout(timer);
    // Nobody reads on, and a full pipe would stop the demo.
    demo.stdout.resume();
    // A test trusts the demo that it started itself.
    const { identity } = await (await fetch(`${url}/v1/oracle`)).json();
    return { url, identity };
  }
  throw new Error(`the demo did not start: ${said}`);
}
