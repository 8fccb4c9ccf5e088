import test from 'ava';
import {
  createEventfd,
  DSA_LAYOUT,
  ImsDomain,
  memoryStorage,
  openDevice,
  regionStorage,
  type SlotLayout,
} from 'vfio/mock';
import { dsa } from '../ims/bench.js';

const SPLIT: SlotLayout = {
  name: 'split',
  stride: 32,
  addressLow: 16,
  addressHigh: 20,
  data: 0,
  mask: { offset: 4, bits: 0x80 },
  pending: { offset: 28, bits: 1 },
  cookie: { offset: 4, enable: 1, shift: 16, width: 8 },
};

const PLAIN: SlotLayout = { name: 'plain', stride: 12, addressLow: 0, addressHigh: 4, data: 8 };

test('the words of a DSA slot are at the offsets that DSA defines', (t) => {
  const { domain, device } = dsa(4);
  const [, slot] = [domain.allocate(), domain.allocate({ cookie: 0xabcde })];
  t.is(slot.index, 1);
  t.deepEqual([...device.words.subarray(4, 8)], [0, 0, 0, 0xabcde009]);
  const vector = domain.allocateVector(createEventfd());
  slot.program(vector);
  slot.unmask();
  const low = Number(vector.message.address & 0xffff_ffffn);
  t.deepEqual([...device.words.subarray(4, 8)], [low, 0, 0, 0xabcde008]);
  t.deepEqual(slot.read(), {
    message: vector.message,
    masked: false,
    pending: false,
    ignore: false,
    cookie: 0xabcde,
  });
  slot.free();
  t.deepEqual([...device.words.subarray(4, 8)], [0, 0, 0, 1]);
});

test('the slots of an ImsDomain in memory can have any layout', (t) => {
  const bytes = new Uint8Array(new ArrayBuffer(100), 4, 96);
  const { host } = dsa(1);
  const domain = new ImsDomain({
    layout: SPLIT,
    storage: memoryStorage(bytes),
    hostVectors: host,
  });
  t.is(domain.size, 3);
  domain.allocate();
  const slot = domain.allocate({ cookie: 0xff });
  const view = new DataView(bytes.buffer, 4 + 32);
  t.is(view.getUint32(4, true), 0x00ff_0081);
  const vector = domain.allocateVector(createEventfd());
  slot.program(vector);
  slot.unmask();
  t.is(view.getBigUint64(16, true), vector.message.address);
  t.is(view.getUint32(4, true), 0x00ff_0001);
  view.setUint32(28, 1, true);
  slot.mask();
  t.true(slot.pending, 'mask() keeps the pending bit that the device has set');
  t.throws(
    () => {
      slot.setCookie(256);
    },
    { instanceOf: RangeError },
  );
});

test('an ImsDomain with slots in DMA memory reports each changed slot by the function `changed`', async (t) => {
  await using device = await openDevice('mock:nvme');
  using buffer = device.dma.allocateSync(4096);
  const changed: number[] = [];
  const { host } = dsa(1);
  const domain = new ImsDomain({
    layout: DSA_LAYOUT,
    storage: memoryStorage(buffer.bytes),
    hostVectors: host,
    changed: (index) => changed.push(index),
  });
  t.is(domain.size, 256);
  const slot = domain.allocate({ cookie: 3 });
  t.true(changed.includes(0));
  t.is(new Uint32Array(buffer.buffer, 0, 4)[3], 0x3009);
  slot.free();
});

test('the slots of an ImsDomain in registers start at the given offset', async (t) => {
  await using device = await openDevice('mock:nvme');
  device.config.update('command', { memory: 1 });
  using window = device.bar(0).map();
  // The MSI-X table is the only part of this device that stores written values.
  const storage = regionStorage(window, 0x2000, 64);
  const { host } = dsa(1);
  const domain = new ImsDomain({ layout: PLAIN, storage, hostVectors: host, slots: 1 });
  const slot = domain.allocate();
  slot.program(domain.allocateVector(createEventfd()));
  t.is(window.read32(0x2000), 0xfee0_0000);
  t.throws(() => regionStorage(window, window.size - 4, 8), { instanceOf: RangeError });
  t.throws(() => regionStorage(window, 2), { instanceOf: RangeError });
});

test('an unmasked slot without a mask bit and a pending bit cannot be changed', (t) => {
  const { host } = dsa(1);
  const domain = new ImsDomain({
    layout: PLAIN,
    storage: memoryStorage(new Uint8Array(24)),
    hostVectors: host,
  });
  t.throws(() => domain.allocate({ cookie: 1 }), { code: 'ENOTSUP' });
  const slot = domain.allocate();
  const [one, other] = [
    domain.allocateVector(createEventfd()),
    domain.allocateVector(createEventfd()),
  ];
  slot.program(one);
  slot.unmask();
  t.throws(
    () => {
      slot.mask();
    },
    { code: 'ENOTSUP' },
  );
  t.throws(
    () => {
      slot.program(other);
    },
    { code: 'EBUSY' },
  );
  t.throws(
    () => {
      one.bind(createEventfd());
    },
    { code: 'EBUSY' },
  );
  slot.unprogram();
  slot.program(other);
  t.is(slot.read().message.address, other.message.address);
});

test('creating an ImsDomain with an invalid layout throws a RangeError', (t) => {
  const { host } = dsa(1);
  const storage = memoryStorage(new Uint8Array(64));
  for (const change of [
    { stride: 8 },
    { stride: 18 },
    { addressHigh: 0 },
    { data: 16 },
    { data: 2 },
    { mask: { offset: 0, bits: 1 } },
    { mask: { offset: 12, bits: 0 } },
    { mask: { offset: 12, bits: 2 } },
    { cookie: { offset: 12, enable: 8, shift: 16, width: 20 } },
    { cookie: { offset: 12, enable: 1, shift: 12, width: 20 } },
  ]) {
    const layout = { ...DSA_LAYOUT, ...change };
    t.throws(() => new ImsDomain({ layout, storage, hostVectors: host }), {
      instanceOf: RangeError,
    });
  }
  const slots = 5;
  t.throws(() => new ImsDomain({ layout: DSA_LAYOUT, storage, hostVectors: host, slots }), {
    instanceOf: RangeError,
  });
});
