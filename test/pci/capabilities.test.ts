import test from 'ava';
import fc from '../fast-check.js';
import { capabilityName, walkCapabilities } from '../../lib/pci/index.js';
import { image, list } from './image.js';

const names = (config: Uint8Array) => walkCapabilities(config).map(({ name }) => name);

test('walkCapabilities() returns standard and extended capabilities in the order of the links', (t) => {
  const config = image(
    4096,
    ...list(0x80),
    [0x80, [0x10, 0x40]],
    [0x40, [0x01, 0x60]],
    [0x60, [0x11, 0x00]],
    [0x100, [0x01, 0x00, 0x02, 0x15]],
    [0x150, [0x0b, 0x00, 0x01, 0x00]],
  );
  t.deepEqual(walkCapabilities(config), [
    { id: 0x10, name: 'pcie', title: 'PCI Express', offset: 0x80, extended: false },
    {
      id: 0x01,
      name: 'pm',
      title: 'PCI Power Management Interface',
      offset: 0x40,
      extended: false,
    },
    { id: 0x11, name: 'msix', title: 'MSI-X', offset: 0x60, extended: false },
    {
      id: 0x01,
      name: 'aer',
      title: 'Advanced Error Reporting',
      offset: 0x100,
      extended: true,
      version: 2,
    },
    {
      id: 0x0b,
      name: 'vsec',
      title: 'Vendor-Specific Extended Capability',
      offset: 0x150,
      extended: true,
      version: 1,
    },
  ]);
});

test('if the capabilities bit in the status register is clear, the standard list is empty', (t) => {
  t.deepEqual(names(image(256, [0x34, [0x40]], [0x40, [0x11, 0]])), []);
});

test('the capabilities pointer of a CardBus bridge is at 0x14', (t) => {
  const config = image(256, [0x06, [0x10]], [0x0e, [0x02]], [0x14, [0x40]], [0x40, [0x01, 0]]);
  t.deepEqual(names(config), ['pm']);
});

test('a capability list with a loop ends before a capability would be repeated', (t) => {
  const config = image(256, ...list(0x40), [0x40, [0x01, 0x50]], [0x50, [0x05, 0x40]]);
  t.deepEqual(names(config), ['pm', 'msi']);
  const itself = image(4096, [0x100, [0x01, 0x00, 0x01, 0x10]]);
  t.deepEqual(names(itself), ['aer']);
});

test('the reserved low bits of a capability pointer are ignored', (t) => {
  const config = image(
    4096,
    ...list(0x43),
    [0x40, [0x01, 0x52]],
    [0x50, [0x05, 0]],
    [0x100, [0x01, 0x00, 0x31, 0x12]],
    [0x120, [0x0d, 0x00, 0x01, 0x00]],
  );
  t.deepEqual(names(config), ['pm', 'msi', 'aer', 'acs']);
});

test('the capability list ends at a pointer into the header or past the end of the image', (t) => {
  t.deepEqual(names(image(256, ...list(0x40), [0x40, [0x01, 0x20]], [0x20, [0x05, 0]])), ['pm']);
  const short = image(0x48, ...list(0x40), [0x40, [0x01, 0xf0]]);
  t.deepEqual(names(short), ['pm']);
  t.deepEqual(names(image(256, ...list(0xfc), [0xfc, [0x05, 0]])), ['msi']);
  const extended = image(0x200, [0x100, [0x01, 0x00, 0x01, 0x80]]);
  t.deepEqual(names(extended), ['aer']);
  const back = image(4096, [0x100, [0x01, 0x00, 0x01, 0x04]], [0x40, [0x05, 0x00, 0x01, 0x00]]);
  t.deepEqual(names(back), ['aer']);
});

test('an image of all ones has no capabilities', (t) => {
  t.deepEqual(names(new Uint8Array(4096).fill(0xff)), []);
  const later = image(4096, ...list(0x40), [0x40, [0x01, 0x50]], [0x50, [0xff, 0xff]]);
  t.deepEqual(names(later), ['pm']);
  later.set([0x01, 0x00, 0x01, 0x20], 0x100);
  later.fill(0xff, 0x200, 0x204);
  t.deepEqual(names(later), ['pm', 'aer']);
});

test('null capabilities are omitted, even if a null capability replaces a hidden capability', (t) => {
  const config = image(4096, [0x100, [0x00, 0x00, 0x00, 0x20]], [0x200, [0x03, 0x00, 0x01, 0x00]]);
  t.deepEqual(names(config), ['serial_number']);
  t.deepEqual(names(image(256, ...list(0x40), [0x40, [0x00, 0x50]], [0x50, [0x05, 0]])), ['msi']);
});

test('an image without extended configuration space has no extended capabilities', (t) => {
  t.deepEqual(names(image(256)), []);
  t.deepEqual(names(new Uint8Array(0)), []);
});

test('the name of a capability with an unassigned id contains the id as a number', (t) => {
  t.deepEqual(capabilityName(0x42, false), { name: 'unknown_0x42', title: 'Unknown (0x42)' });
  t.is(capabilityName(0x1234, true).name, 'unknown_0x1234');
});

test('no two capabilities have the same name', (t) => {
  for (const [extended, count] of [
    [false, 0x16],
    [true, 0x3b],
  ] as const) {
    const all = Array.from({ length: count }, (_, id) => capabilityName(id, extended).name);
    t.is(new Set(all).size, count);
    t.false(all.some((name) => name.startsWith('unknown')));
    t.true(capabilityName(count, extended).name.startsWith('unknown'));
  }
});

const anySize = fc.constantFrom(0, 3, 64, 255, 256, 257, 1024, 4096);

test('walkCapabilities() ends for random bytes, and returns each capability only once', (t) => {
  fc.assert(
    fc.property(
      anySize.chain((size) => fc.uint8Array({ minLength: size, maxLength: size })),
      (config) => {
        // Sets the capabilities bit in the status register. Without this bit, the list would be
        // empty.
        if (config.length > 6) config[6] = 0x10;
        const found = walkCapabilities(config);
        const offsets = found.map(({ offset }) => offset);
        t.is(new Set(offsets).size, offsets.length);
        for (const { offset, extended } of found) {
          t.is(offset % 4, 0);
          t.true(extended ? offset >= 0x100 && offset <= 0xffc : offset >= 0x40 && offset < 0x100);
          t.true(offset + (extended ? 4 : 2) <= config.length);
        }
      },
    ),
  );
});

test('walkCapabilities() finds all capabilities of a random valid list in the order of the links', (t) => {
  const slot = fc.integer({ min: 0x10, max: 0x3e }).map((n) => n * 4);
  const layout = fc.uniqueArray(fc.tuple(slot, fc.integer({ min: 1, max: 0xfe })), {
    minLength: 1,
    maxLength: 20,
    selector: ([offset]) => offset,
  });
  fc.assert(
    fc.property(layout, fc.nat(3), (capabilities, lowBits) => {
      const first = capabilities[0]?.[0] ?? 0;
      const config = image(256, ...list(first | lowBits));
      for (const [i, [offset, id]] of capabilities.entries()) {
        config.set([id, (capabilities[i + 1]?.[0] ?? 0) | lowBits], offset);
      }
      const found = walkCapabilities(config).map(({ offset, id }) => [offset, id]);
      t.deepEqual(found, capabilities);
    }),
  );
});
