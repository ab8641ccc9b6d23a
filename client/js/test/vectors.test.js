import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { COUNTS, runVectors } from './vectors.js';

const VECTORS = new URL('../../../schema/vectors/', import.meta.url);

for (const file of /** @type {(keyof typeof COUNTS)[]} */ (Object.keys(COUNTS))) {
  test(`every case of ${file}.json holds`, () => {
    const content = JSON.parse(readFileSync(new URL(`${file}.json`, VECTORS), 'utf8'));
    assert.equal(runVectors(file, content), COUNTS[file]);
  });
}

test('a spoilt case would fail, whichever file it is in', () => {
  for (const file of /** @type {(keyof typeof COUNTS)[]} */ (Object.keys(COUNTS))) {
    const content = JSON.parse(readFileSync(new URL(`${file}.json`, VECTORS), 'utf8'), (_, value) =>
      typeof value === 'string' ? value.replace(/[0-9a-f](?=[^0-9a-f]*$)/, (c) => (c === '1' ? '2' : '1')) : value,
    );
    assert.throws(() => runVectors(file, content), Error, file);
  }
});
