// The second implementation against the recorded vectors: it agrees with all of
// them and notices one changed value in any.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { checkCase, checkFile, files, load } from './points.mjs';

const vectors = join(dirname(fileURLToPath(import.meta.url)), '../../schema/vectors');

for (const name of files) {
  test(`${name} is what an independent implementation computes`, () => {
    assert.deepEqual(checkFile(name, load(vectors, name)), []);
  });

  test(`${name} without one of its cases is refused`, () => {
    const { cases } = load(vectors, name);
    assert.notEqual(checkFile(name, { cases: cases.slice(1) }).length, 0);
  });
}

const flip = (text) => text.slice(0, -1) + (text.endsWith('0') ? '1' : '0');

for (const [name, fields] of Object.entries({
  'points.json': ['compressed', 'xonly', 'secret', 'secret_normalised'],
  'joint.json': ['compressed', 'xonly', 'secret', 'secret_normalised'],
  'adaptor.json': ['signature', 'secret', 'point', 'message', 'public_key', 'adaptor_signature', 'pre_sig'],
})) {
  test(`a changed value in ${name} is noticed`, () => {
    for (const field of fields) {
      const [one] = load(vectors, name).cases;
      one[field] = flip(one[field]);
      assert.throws(() => checkCase(name, one), undefined, field);
    }
  });
}

test('a changed value in coinlib.json is noticed', () => {
  for (const change of [
    (c) => (c.reveal_locktime += 1),
    (c) => (c.refund_locktime += 1),
    (c) => c.outcomes.reverse(),
    (c) => (c.outcomes[0].xonly = flip(c.outcomes[0].xonly)),
    (c) => c.outcomes.forEach((o) => (o.adaptor_scalar = null)),
  ]) {
    const [one] = load(vectors, 'coinlib.json').cases;
    change(one);
    assert.throws(() => checkCase('coinlib.json', one), undefined, change.toString());
  }
});

test('a prefix too many or too few in ranges.json is noticed', () => {
  for (const change of [(prefixes) => prefixes.pop(), (prefixes) => prefixes.push([9])]) {
    const [one] = load(vectors, 'ranges.json').cases;
    change(one.prefixes);
    assert.throws(() => checkCase('ranges.json', one));
  }
});
