import test from 'ava';
import fc from '../fast-check.js';
import { imsAdvertised, imsDvsec, type ImsDvsecOptions, openDevice, pci } from 'vfio/mock';
import { listConfig } from '../../lib/pci/listing/index.js';

/** Returns an image of configuration space that contains one extended capability. */
function imageWith(dvsec: Uint8Array): Uint8Array {
  const config = new Uint8Array(4096);
  config.set(dvsec, 0x100);
  return config;
}

test('imsDvsec returns the DVSEC of Scalable I/O Virtualization', (t) => {
  const dvsec = imsDvsec({ next: 0x200 });
  const [capability] = pci.walkCapabilities(imageWith(dvsec));
  t.like(capability, { id: 0x23, version: 1, offset: 0x100, extended: true });
  const view = new DataView(dvsec.buffer);
  t.is(view.getUint32(0, true) >>> 20, 0x200);
  t.is(view.getUint16(4, true), 0x8086);
  t.is(view.getUint16(6, true) >>> 4, dvsec.length);
  t.is(view.getUint16(8, true), 5);
  t.is(view.getUint32(0x14, true), 1);
});

test('imsAdvertised reads what imsDvsec has written', (t) => {
  t.is(imsAdvertised(imageWith(imsDvsec())), 'yes');
  t.is(imsAdvertised(imageWith(imsDvsec({ supported: false }))), 'no');
  const config = imageWith(imsDvsec({ next: 0x400 }));
  config.set([0x0d, 0, 1, 0x10], 0x100);
  config.set(imsDvsec({ supported: false }), 0x100 + 0x100);
  config.set([0x0d, 0, 1, 0x20], 0x100);
  t.is(imsAdvertised(config), 'no', 'the DVSEC does not have to be the first capability');
});

test('without a complete DVSEC of Scalable I/O Virtualization, support is unknown', (t) => {
  t.is(imsAdvertised(new Uint8Array(4096)), 'unknown');
  t.is(imsAdvertised(new Uint8Array(4096).fill(0xff)), 'unknown', 'no device responds');
  t.is(imsAdvertised(imageWith(imsDvsec()).subarray(0, 0x110)), 'unknown', 'short image');
  for (const [offset, value] of [
    [4, 0x87],
    [7, 0x00],
    [8, 6],
  ] as const) {
    const dvsec = imsDvsec();
    dvsec[offset] = value;
    t.is(imsAdvertised(imageWith(dvsec)), 'unknown', `byte ${offset}`);
  }
});

test('property: imsAdvertised accepts any image', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 4096 }), (config) => {
      return ['yes', 'no', 'unknown'].includes(imsAdvertised(config));
    }),
    { numRuns: 200 },
  );
  t.throws(() => imsAdvertised([] as unknown as Uint8Array), { instanceOf: TypeError });
});

test('imsDvsec refuses wrong options', (t) => {
  const refused = (options: unknown, message: RegExp) =>
    t.throws(() => imsDvsec(options as ImsDvsecOptions), { message });
  refused({ suported: false }, /unknown option 'suported'/);
  refused({ supported: 1 }, /supported must be a boolean/);
  refused({ next: 0x40 }, /next .* from 256 to 4092/);
  refused({ next: 0x102 }, /next must be a multiple of 4, not 258/);
});

test('mock:dsa has the DVSEC for its interrupt message store', async (t) => {
  using device = await openDevice('mock:dsa');
  const found = device.config.capabilities().find(({ name }) => name === 'dvsec');
  const bytes = device.config.read(found?.offset ?? 0, 0x18);
  t.deepEqual(new Uint8Array(bytes), imsDvsec());
  t.is(imsAdvertised(device.config.read(0, device.config.size)), 'yes');
});

test('the listing decodes the DVSEC, and leaves other DVSECs of the vendor undecoded', (t) => {
  const listed = (dvsec: Uint8Array) => listConfig(imageWith(dvsec)).capabilities[0];
  t.like(listed(imsDvsec({ supported: false })), {
    title: 'Designated Vendor-Specific: Vendor=8086 ID=0005 Rev=0 Len=24: SIOV',
    lines: [
      'SIOVFlags: Homogeneous-, Function Dependency Link: 00',
      'Supported Page Size: 00000000, System Page Size: 00000000',
      'SIOVCap: IMS-',
    ],
  });
  const other = imsDvsec();
  other[8] = 2;
  t.regex(listed(other)?.title ?? '', /ID=0002 Rev=0 Len=24 <\?>$/);
});
