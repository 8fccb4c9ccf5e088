import test from 'ava';
import { pci } from 'vfio/mock';
import { emulated, ENABLE, FUNCTION_MASK, tableOf } from './guest.js';

const CAPABILITIES = 0x34;
const STATUS = 0x06;

test('pci.details() decodes the virtual MSI-X capability', (t) => {
  const msix = tableOf(2048, {
    table: { bar: 2, offset: 0x8000 },
    pba: { bar: 4, offset: 0x10008 },
    next: 0x60,
  });
  const config = new Uint8Array(256);
  config[STATUS] = 0x10;
  config[CAPABILITIES] = 0x40;
  for (let i = 0; i < 12; i++) config[0x40 + i] = msix.configRead(i, 1);
  const [capability] = pci.walkCapabilities(config);
  t.is(capability?.name, 'msix');
  t.is(config[0x41], 0x60);
  t.deepEqual(pci.DECODERS.msix(config, 0x40), {
    enabled: false,
    functionMask: false,
    vectors: 2048,
    table: { bir: 2, offset: 0x8000 },
    pba: { bir: 4, offset: 0x10008 },
  });
});

test('reads of the capability with all widths return the same bytes', (t) => {
  const msix = tableOf(5);
  t.is(msix.configRead(0, 4), 0x0004_0011);
  t.is(msix.configRead(2, 2), 4);
  t.is(msix.configRead(1, 4), 0x0000_0400);
  t.is(msix.configRead(8, 4), 0x10000);
  t.throws(() => msix.configRead(10, 4), { instanceOf: RangeError });
});

test('only Enable and Function Mask are writable, by accesses of any width that contain the bits', (t) => {
  const { msix } = emulated(3);
  msix.configWrite(0, 4, 0xffff_ffff);
  t.is(msix.configRead(0, 4), 0xc002_0011);
  msix.configWrite(4, 4, 0xffff_ffff);
  msix.configWrite(8, 4, 0xffff_ffff);
  t.is(msix.configRead(4, 4), 0);
  t.is(msix.configRead(8, 4), 0x10000);
  msix.configWrite(2, 1, 0);
  t.is(
    msix.configRead(2, 2),
    ENABLE | FUNCTION_MASK | 2,
    'the lower byte of Message Control has no writable bit',
  );
  msix.configWrite(3, 1, 0x80);
  t.is(msix.configRead(2, 2), ENABLE | 2);
  msix.configWrite(2, 2, 0);
  t.is(msix.configRead(2, 2), 2);
});

test('creating a capability with an invalid table or PBA throws a RangeError', (t) => {
  const at = (offset: number, bar = 0) => ({ bar, offset });
  const refused = (vectors: number, table: object, pba: object) => {
    t.throws(() => tableOf(vectors, { table, pba } as never), { instanceOf: RangeError });
  };
  refused(0, at(0), at(0x8000));
  refused(2049, at(0), at(0x10000));
  refused(1, at(4), at(0x8000));
  refused(1, at(0), at(0x8004));
  refused(1, at(0, 6), at(0x8000));
  refused(2, at(0), at(24));
  refused(65, at(8), at(0));
  refused(1, at(2 ** 32 - 8), at(0));
  t.notThrows(() => tableOf(2, { table: at(0), pba: at(32) }));
  t.notThrows(() => tableOf(64, { table: at(8), pba: at(0, 1) }));
  t.notThrows(
    () => tableOf(64, { table: at(8), pba: at(0) }),
    'a table at offset 8 does not overlap pending bits that end at offset 8',
  );
});
