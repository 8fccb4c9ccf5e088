import test from 'ava';
import fc from '../fast-check.js';
import { flagsOf, listConfig } from '../../lib/pci/listing/index.js';
import { openDeviceSync } from '../../lib/mock.js';
import { FULL } from '../full.js';
import { differences } from './lspci/compare.js';
import { readCorpus } from './lspci/corpus.js';
import { askLspci, fromDump, toDump } from './lspci/dump.js';
import { madeUp } from './lspci/made-up.js';
import { LSPCI_VERSION } from './lspci/program.js';
import { image, list } from './image.js';

const corpus = readCorpus();

test('the corpus contains every kind of function that its README lists', (t) => {
  const count = (kind: string) => corpus.filter(({ name }) => name.startsWith(kind)).length;
  t.true(count('published-') >= 16);
  t.true(count('made-up-') >= 42);
  t.is(count('lab-'), 4);
});

for (const { name, config, seen } of corpus) {
  test(`the listing of the recorded function ${name} equals the output of lspci`, (t) => {
    t.deepEqual(differences(config, seen), []);
  });
}

test('the comparison of a listing with the output of lspci detects a single wrong bit', (t) => {
  for (const { name, config, seen } of corpus) {
    for (const offset of [0x04, 0x06]) {
      const wrong = config.slice();
      wrong[offset] = (wrong[offset] ?? 0) ^ (offset === 0x04 ? 0x04 : 0x20);
      t.true(differences(wrong, seen).length > 0, name);
      t.true(differences(wrong, seen, false).length > 0, name);
    }
  }
});

/**
 * Different versions of lspci print different lines, so the test compares only flags that both
 * listings contain.
 */
const withLspci = LSPCI_VERSION === null ? test.skip : test;

withLspci('the listing of generated functions agrees with lspci', (t) => {
  fc.assert(
    fc.property(madeUp, (config) => {
      const found = differences(config, askLspci(toDump('made up', config)) ?? '', false);
      if (found.length > 0) throw new Error(found.join('\n'));
    }),
    { numRuns: FULL ? 40 : 15 },
  );
  t.pass();
});

withLspci('the listing of mock devices agrees with lspci', (t) => {
  for (const name of ['mock:nvme', 'mock:edu', 'mock:nvme?kernel=6.1']) {
    using device = openDeviceSync(name);
    const config = device.config.read(0, device.config.size);
    t.deepEqual(differences(config, askLspci(toDump(name, config)) ?? '', false), [], name);
  }
});

test('the listing of random bytes does not throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), madeUp, (bytes, config) => {
      listConfig(bytes);
      config.set(bytes.subarray(0, 64), 0x40);
      listConfig(config);
    }),
    { numRuns: FULL ? 300 : 60 },
  );
  t.pass();
});

test('the listing of an undecoded capability contains the id and the offset of the capability', (t) => {
  const config = image(4096, ...list(0x50), [0x50, [0x15, 0x00]], [0x100, [0x25, 0x00, 0x01]]);
  const titles = listConfig(config).capabilities.map(({ offset, title }) => [offset, title]);
  t.deepEqual(titles, [
    [0x50, 'Flattening Portal Bridge (ID 15) <?>'],
    [0x100, 'Data Link Feature (ID 0025) <?>'],
  ]);
});

test('the library decodes the physical layers and lane margining', (t) => {
  const listed = (id: number, ...registers: readonly number[]) => {
    const bytes = registers.flatMap((value) => [value & 0xff, (value >> 8) & 0xff, 0, 0]);
    const config = image(4096, [0x100, [id, 0x00, 0x01, 0x00, ...bytes]]);
    const { title = '', lines = [] } = listConfig(config).capabilities[0] ?? {};
    return [title, ...lines];
  };
  t.deepEqual(listed(0x26, 0, 0, 0x15), [
    'Physical Layer 16.0 GT/s',
    'Phy16Sta: EquComplete+ EquPhase1- EquPhase2+ EquPhase3- LinkEquRequest+',
  ]);
  t.deepEqual(listed(0x2a, 0x501, 0x302, 0x5e8), [
    'Physical Layer 32.0 GT/s',
    'Phy32Cap: EqualizationBypass+ NoEqualizationNeeded-',
    '  ModTsMode0+ ModTsMode1- ModTsMode2+',
    'Phy32Ctl: EqualizationBypassDis- NoEqualizationNeededDis+',
    '  Modified TS Usage Mode: ??3',
    'Phy32Sta: EquComplete- EquPhase1- EquPhase2- EquPhase3+ LinkEquRequest-',
    '  Received Enhanced Link Behavior Control: Modified TS1/TS2 Ordered Sets supported',
    '  ModTsRecv+ TxPrecodeOn+ TxPrecodeReq- NoEqualizationNeededRecv+',
  ]);
  t.deepEqual(listed(0x31, 0, 0, 0x41), [
    'Physical Layer 64.0 GT/s',
    'Phy64Sta: EquComplete+ EquPhase1- EquPhase2- EquPhase3- LinkEquRequest-',
    '  TxPrecodeOn- TxPrecodeReq+ NoEqualizationNeededRecv-',
  ]);
  const margining = image(4096, [0x100, [0x27, 0x00, 0x01, 0x00, 0x01, 0x00, 0x02, 0x00]]);
  t.deepEqual(listConfig(margining).capabilities[0]?.lines, [
    'PortCap: Uses Driver+',
    'PortSta: MargReady- MargSoftReady+',
  ]);
});

test('flagsOf() parses the flags of a line', (t) => {
  t.deepEqual(flagsOf('DevCtl: CorrErr+ NonFatalErr- RlxdOrd+'), {
    CorrErr: true,
    NonFatalErr: false,
    RlxdOrd: true,
  });
  t.deepEqual(flagsOf('PME(D0-,D3hot+) PTMCap: Requester:+ MaxPayload 128 bytes'), {
    D0: false,
    D3hot: true,
    Requester: true,
  });
  t.deepEqual(flagsOf('Compliance Preset/De-emphasis: -6dB de-emphasis, 0dB preshoot'), {});
});

test('formatting an image as a dump and parsing the dump returns the original bytes', (t) => {
  fc.assert(
    fc.property(madeUp, (config) => {
      const [back] = fromDump(toDump('made up', config));
      return back !== undefined && Buffer.compare(back, config) === 0;
    }),
    { numRuns: 20 },
  );
  t.pass();
});
