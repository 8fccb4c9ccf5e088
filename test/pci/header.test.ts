import test from 'ava';
import fc from '../fast-check.js';
import { decodeBars, decodeHeader, isBridge, isEndpoint } from '../../lib/pci/index.js';
import { image } from './image.js';

/** The header of QEMU's NVMe controller, as `lspci -xxx` prints it. */
const nvme = image(
  256,
  [0x00, [0x36, 0x1b, 0x10, 0x00, 0x07, 0x04, 0x10, 0x00, 0x02, 0x02, 0x08, 0x01]],
  [0x0c, [0x10, 0x20, 0x80, 0x00]],
  [0x10, [0x04, 0x00, 0xc0, 0xfe, 0x01, 0x00, 0x00, 0x00]],
  [0x2c, [0xf4, 0x1a, 0x00, 0x11, 0x01, 0x08, 0x00, 0x00, 0x40]],
  [0x3c, [0x0b, 0x01, 0x02, 0x03]],
);

test('decodeHeader() decodes the header of an endpoint', (t) => {
  const header = decodeHeader(nvme);
  t.true(isEndpoint(header));
  t.false(isBridge(header));
  t.like(header, {
    type: 0,
    vendorId: 0x1b36,
    deviceId: 0x0010,
    revision: 2,
    classCode: 0x010802,
    cacheLineSize: 64,
    latencyTimer: 0x20,
    multiFunction: true,
    subsystemVendorId: 0x1af4,
    subsystemId: 0x1100,
    rom: { enabled: true, address: 0x800 },
    capabilitiesPointer: 0x40,
    interruptLine: 11,
    interruptPin: 1,
    minGrant: 2,
    maxLatency: 3,
  });
  t.like(header.command, { io: 1, memory: 1, bus_master: 1, serr: 0, intx_disable: 1 });
  t.like(header.status, { capabilities_list: 1, detected_parity_error: 0 });
});

test('decodeHeader() decodes the header of a bridge', (t) => {
  const header = decodeHeader(
    image(
      256,
      [0x0e, [0x01]],
      [0x18, [0x01, 0x02, 0x03, 0x04, 0x11, 0x21, 0x00, 0x20]],
      [0x20, [0x00, 0xfe, 0x10, 0xfe, 0x01, 0x80, 0x11, 0x80]],
      [0x28, [0x02, 0, 0, 0, 0x02, 0, 0, 0, 0x00, 0x00, 0x01, 0x00]],
      [0x38, [0x01, 0x08, 0x00, 0x00]],
      [0x3e, [0x03, 0x00]],
    ),
  );
  t.true(isBridge(header));
  t.like(header, {
    type: 1,
    primaryBus: 1,
    secondaryBus: 2,
    subordinateBus: 3,
    secondaryLatencyTimer: 4,
    secondaryStatus: 0x2000,
    ioWindow: { base: 0x1000n, limit: 0x12fffn },
    memoryWindow: { base: 0xfe00_0000n, limit: 0xfe1f_ffffn },
    prefetchableWindow: { base: 0x2_8000_0000n, limit: 0x2_801f_ffffn },
    rom: { enabled: true, address: 0x800 },
    bridgeControl: 3,
  });
});

test('if the header type is unknown, only the common fields are decoded', (t) => {
  const header = decodeHeader(image(64, [0x00, [0x34, 0x12]], [0x0e, [0x82]], [0x14, [0xa0]]));
  t.like(header, { type: 2, vendorId: 0x1234, multiFunction: true, capabilitiesPointer: 0xa0 });
  t.false(isEndpoint(header) || isBridge(header));
});

test('32-bit, 64-bit, I/O and prefetchable BARs are decoded', (t) => {
  const config = image(
    64,
    [0x10, [0x0c, 0x00, 0x00, 0x80, 0x02, 0x00, 0x00, 0x00]],
    [0x18, [0x01, 0xc0, 0x00, 0x00]],
    [0x1c, [0x08, 0x00, 0x00, 0xfe]],
    [0x20, [0x02, 0x00, 0x0d, 0x00]],
  );
  t.deepEqual(decodeBars(config), [
    { index: 0, kind: 'memory64', address: 0x2_8000_0000n, prefetchable: true },
    { index: 2, kind: 'io', address: 0xc000n, prefetchable: false },
    { index: 3, kind: 'memory32', address: 0xfe00_0000n, prefetchable: true },
    { index: 4, kind: 'memory32', address: 0xd_0000n, prefetchable: false },
    { index: 5, kind: 'memory32', address: 0n, prefetchable: false },
  ]);
});

test('a bridge has two BARs, and a 64-bit BAR in the last register has no upper half', (t) => {
  const config = image(64, [0x0e, [0x01]], [0x14, [0x04, 0x00, 0x00, 0xfe, 0xff]]);
  t.deepEqual(
    decodeBars(config).map(({ index, kind }) => [index, kind]),
    [
      [0, 'memory32'],
      [1, 'memory32'],
    ],
  );
  t.deepEqual(decodeBars(image(64, [0x0e, [0x7f]])), []);
});

test('the decoding of random bytes of any length does not throw', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 256 }), (config) => {
      const header = decodeHeader(config);
      t.true(header.classCode >= 0 && header.classCode <= 0xff_ffff);
      const bars = decodeBars(config);
      t.true(bars.length <= 6);
      for (const { address, kind } of bars) {
        t.true(address >= 0n && address < 1n << (kind === 'memory64' ? 64n : 32n));
      }
    }),
  );
});
