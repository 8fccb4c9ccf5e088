// Generates random capabilities, headers and capability lists. Compares the library's listing with
// the output of lspci. To repeat a test run, set VFIO_TEST_SEED to the seed that the run printed.
import test, { type ExecutionContext } from 'ava';
import fc from '../fast-check.js';
import { FULL, SEED } from '../full.js';
import { anything } from './lspci/anything.js';
import { bodyOf } from './lspci/bodies.js';
import { differences } from './lspci/compare.js';
import { askLspciAll, toSparseDump } from './lspci/dump.js';
import { headerOf } from './lspci/headers.js';
import { KINDS } from './lspci/kinds.js';
import { linked } from './lspci/links.js';
import { FOLLOWED, LSPCI_VERSION } from './lspci/program.js';

/** The number of PCI functions in one call of lspci. Each function gets its own bus number. */
const BATCH = FULL ? 50 : 12;
const BATCHES = FULL ? 20 : 1;

const withLspci = LSPCI_VERSION === null ? test.skip : test;
/**
 * Whether the test compares whole lines, which is possible only with the followed version of lspci.
 * With other versions, the test compares only the flags that both listings contain.
 */
const isExact = LSPCI_VERSION?.startsWith(`${FOLLOWED}.`) ?? false;

function compare(t: ExecutionContext, functions: fc.Arbitrary<Uint8Array>): void {
  for (let batch = 0; batch < BATCHES; batch++) {
    const configs = fc.sample(functions, { seed: SEED + batch, numRuns: BATCH });
    const seen = askLspciAll(configs);
    t.is(seen.length, configs.length);
    for (const [index, config] of configs.entries()) {
      const found = differences(config, seen[index] ?? '', isExact);
      if (found.length > 0) t.log(toSparseDump('made up', config));
      t.deepEqual(found, [], `seed ${SEED + batch}, function ${index}`);
    }
  }
  t.log(`${BATCHES * BATCH} functions, seed ${SEED}`);
}

for (const kind of KINDS) {
  withLspci(`the listing of random registers agrees with lspci: ${kind.name}`, (t) => {
    compare(t, bodyOf(kind));
  });
}

for (const type of [0, 1, 2, 3, 0x7f]) {
  withLspci(`the listing of random headers of type ${type} agrees with lspci`, (t) => {
    compare(t, headerOf(type));
  });
}

withLspci('the listing of capabilities with random links agrees with lspci', (t) => {
  compare(t, linked);
});

withLspci('the listing of random bytes agrees with lspci', (t) => {
  compare(t, anything);
});

test('every kind of generated capability has a unique name', (t) => {
  t.is(new Set(KINDS.map(({ name }) => name)).size, KINDS.length);
});
