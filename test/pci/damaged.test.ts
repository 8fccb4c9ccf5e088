import test from 'ava';
import fc from '../fast-check.js';
import { listConfig } from '../../lib/pci/listing/index.js';
import { image, list } from './image.js';

const VENDOR = [0x00, [0x34, 0x12, 0x78, 0x56]] as const;
const PCIE = [0x40, [0x10, 0x00, 0x02, 0x00]] as const;

/** Builds an image of `size` bytes with one extended capability at its end. */
const late = (size: number, id: number, body: readonly number[]) => {
  const at = size - 4 - body.length;
  const first = [0x100, [0x00, 0x00, (at & 0xf) << 4, at >> 4]] as const;
  return image(size, VENDOR, ...list(0x40), PCIE, first, [at, [id, 0x00, 0x01, 0x00, ...body]]);
};

const listedLate = (config: Uint8Array) => {
  const { title, lines } = listConfig(config).capabilities.at(-1) ?? { title: '', lines: [] };
  return [title, ...lines];
};

test('the capability list of a 64-byte image is reported as unreadable', (t) => {
  const { capabilities, broken, header } = listConfig(image(64, VENDOR, ...list(0x50)));
  t.deepEqual(capabilities, []);
  t.deepEqual(broken, [{ offset: 0x50, extended: false, reason: 'unreadable' }]);
  t.regex(header[1] ?? '', /^Status: Cap\+ /);
});

test('the listing reports an image that is shorter than a header as unreadable', (t) => {
  for (const size of [0, 1, 16, 63]) {
    t.deepEqual(listConfig(new Uint8Array(size)).header, ['<unreadable>']);
  }
});

test('the listing of a 256-byte image has neither extended capabilities nor broken links', (t) => {
  const { capabilities, broken } = listConfig(image(256, VENDOR, ...list(0x40), PCIE));
  t.deepEqual(
    capabilities.map(({ name }) => name),
    ['pcie'],
  );
  t.deepEqual(broken, []);
});

test('the listing reports registers past the end of the image as unreadable', (t) => {
  const msix = image(128, VENDOR, ...list(0x7c), [0x7c, [0x11, 0x00, 0x01, 0x80]]);
  t.deepEqual(listedLate(msix), ['MSI-X: Enable+ Count=2 Masked-', '<unreadable>']);
  const half = image(128, VENDOR, ...list(0x78), [0x78, [0x11, 0x00, 0x01, 0x80, 0x03, 0x20]]);
  t.deepEqual(listedLate(half), [
    'MSI-X: Enable+ Count=2 Masked-',
    'Vector table: BAR=3 offset=00002000',
    '<unreadable>',
  ]);
  t.deepEqual(listedLate(late(4096, 0x01, [])), ['Advanced Error Reporting', '<unreadable>']);
  t.deepEqual(listedLate(late(4096, 0x03, [1, 2, 3, 4])), ['Device Serial Number', '<unreadable>']);
});

test('the listing of a version 1 PCI Express capability at the end of the image is complete', (t) => {
  const config = image(256, VENDOR, ...list(0xec), [0xec, [0x10, 0x00, 0x01, 0x00]]);
  t.false(listedLate(config).includes('<unreadable>'));
  config[0xee] = 0x02;
  const lines = listedLate(config);
  t.true(lines.includes('DevSta: CorrErr- NonFatalErr- FatalErr- UnsupReq- AuxPwr- TransPend-'));
  t.is(lines.at(-1), '<unreadable>');
});

test('if a count or a length exceeds the image, the listing ends with `<unreadable>`', (t) => {
  const links = listedLate(
    late(4096, 0x05, [0x00, 0xff, 0x00, 0x00, ...new Array<number>(24).fill(0)]),
  );
  t.deepEqual(links.slice(0, 2), [
    'Root Complex Link',
    'Desc: PortNumber=00 ComponentID=00 EltType=Config',
  ]);
  t.is(links[2]?.slice(0, 7), 'Link0: ');
  t.is(links.at(-1), '<unreadable>');
  t.is(links.length, 5);
  const entry = [0x02, 0x00, 0x00, 0x80, 0x00, 0x00, 0x10, 0x00, 0xfc, 0x0f, 0x00, 0x00];
  const ea = image(256, VENDOR, ...list(0xf0), [0xf0, [0x14, 0x00, 0x3f, 0x00, ...entry]]);
  t.deepEqual(listedLate(ea), [
    'Enhanced Allocation (EA): NumEntries=63',
    'Entry 0: Enable+ Writable- EntrySize=2',
    '  BAR Equivalent Indicator: BAR 0',
    '  PrimaryProperties: memory space, non-prefetchable',
    '  SecondaryProperties: memory space, non-prefetchable',
    '  Base: 00100000',
    '  MaxOffset: 00000fff',
    '<unreadable>',
  ]);
});

test('the listing reports an entry that is shorter than its registers as too short', (t) => {
  const ea = image(256, VENDOR, ...list(0x40), [0x40, [0x14, 0x00, 0x02, 0x00, 0x01]]);
  t.is(listedLate(ea)[5], '  <too short>');
  ea.set([0x02, 0x00, 0x00, 0x80, 0x02], 0x44);
  t.is(listedLate(ea)[5], '  <too short>');
  const cxl = [0x98, 0x1e, 0x01, 0x01, 0x00, 0x00, ...new Array<number>(26).fill(0)];
  t.deepEqual(listedLate(late(4096, 0x23, cxl)), [
    'Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=16: CXL',
    'PCIe DVSEC for CXL Devices',
    '<too short>',
  ]);
});

test('the listing states why a capability list is broken, and contains the readable capabilities', (t) => {
  const ends = (...parts: Parameters<typeof image>[1][]) => {
    const config = image(4096, VENDOR, ...list(0x40), PCIE, ...parts);
    const { capabilities, broken } = listConfig(config);
    return [capabilities.length, ...broken.map(({ offset, reason }) => [offset, reason])];
  };
  t.deepEqual(ends(), [1]);
  t.deepEqual(ends([0x41, [0x40]]), [1, [0x40, 'looped']]);
  t.deepEqual(ends([0x41, [0x20]]), [1, [0x20, 'broken']]);
  t.deepEqual(ends([0x41, [0x60]], [0x60, [0xff]]), [1, [0x60, 'broken']]);
  t.deepEqual(ends([0x41, [0x60]], [0x60, [0x00, 0x40]]), [2, [0x40, 'looped']]);
  t.deepEqual(ends([0x100, [0x0d, 0x00, 0x01, 0x10]]), [2, [0x100, 'looped']]);
  t.deepEqual(ends([0x100, [0x0d, 0x00, 0x01, 0x04]]), [2, [0x40, 'broken']]);
  const ones = [0x200, [0xff, 0xff, 0xff, 0xff]] as const;
  t.deepEqual(ends([0x100, [0x0d, 0x00, 0x01, 0x20]], ones), [2, [0x200, 'broken']]);
});

test('the listing of an image of all ones has neither header nor capabilities', (t) => {
  t.deepEqual(listConfig(new Uint8Array(256).fill(0xff)), {
    header: ['!!! All ones: the device does not respond'],
    capabilities: [],
    broken: [],
  });
});

test('the listing of a truncated image equals the start of the full listing', (t) => {
  const body = fc.uint8Array({ minLength: 0xc0, maxLength: 0xc0 });
  fc.assert(
    fc.property(
      body,
      fc.integer({ min: 1, max: 0x15 }),
      fc.integer({ min: 1, max: 47 }),
      (bytes, id, cut) => {
        const whole = image(256, VENDOR, ...list(0x40), [0x40, [...bytes]]);
        whole.set([id, 0], 0x40);
        const [full, short] = [whole, whole.subarray(0, 256 - 4 * cut)].map(listedLate);
        if (full === undefined || short?.at(-1) !== '<unreadable>') return;
        t.deepEqual(short.slice(1, -1), full.slice(1, short.length - 1));
      },
    ),
    { numRuns: 2000 },
  );
  t.pass();
});
