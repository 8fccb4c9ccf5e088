// Tests `MessageStore` on mock:wlan, which sends the messages that the entries of the store
// contain.
import { once } from 'node:events';
import test from 'ava';
import { type MessageStoreOptions, MessageStore, openDeviceSync, VfioError } from 'vfio/mock';
import { ENTRIES, LAYOUT, openWlan, STORE, taken } from './wlan.js';

const msi = (vector: number) => ({ index: 'msi', vector }) as const;

test('an entry that fill() wrote raises its own vector and no other vector', (t) => {
  const { device, store, raise } = openWlan(t);
  device.interrupts.msi.enable({ vectors: 32 });
  const seven = device.interrupts.msi.request(7);
  const eight = device.interrupts.msi.request(8);
  store.fill(3, msi(7));
  store.fill(4, msi(8));
  t.notDeepEqual(store.read(3), store.read(4));
  for (let n = 0; n < 10; n++) raise(3);
  t.deepEqual(taken(seven, eight), [10n, 0n]);
  raise(4);
  t.deepEqual(taken(seven, eight), [0n, 1n]);
  t.deepEqual(store.source(3), msi(7));
});

test('verify() finds an entry with a wrong message, and refresh() corrects the entry', (t) => {
  const { device, registers, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(0, msi(0));
  t.deepEqual(store.verify(), []);
  registers.write32(STORE + 8, 0x4041);
  raise(0);
  t.deepEqual(taken(vector), [0n]);
  const [mismatch] = store.verify();
  t.like(mismatch, { entry: 0, source: msi(0), actual: { data: 0x4041 } });
  t.deepEqual(store.refresh(), [0]);
  t.deepEqual(store.refresh(), []);
  raise(0);
  t.deepEqual(taken(vector), [1n]);
});

test('an interrupt of a masked entry is delivered when the entry is unmasked', (t) => {
  const { device, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(0, msi(0), { masked: true });
  raise(0);
  t.deepEqual(taken(vector), [0n]);
  store.setMask(0, false);
  t.deepEqual(taken(vector), [1n]);
});

test('an entry sends no message between the release and the next request of its vector', (t) => {
  const { device, store, raise } = openWlan(t);
  device.interrupts.msi.enable({ vectors: 2 });
  const first = device.interrupts.msi.request(1);
  store.fill(0, msi(1));
  first.close();
  raise(0);
  t.deepEqual(store.verify(), []);
  const second = device.interrupts.msi.request(1);
  // The device kept the interrupt that was raised while the entry was masked.
  t.deepEqual(taken(second), [1n]);
  raise(0);
  t.deepEqual(taken(second), [1n]);
});

test('disabling an interrupt index clears or masks the entries of its vectors', (t) => {
  const { device, store, raise } = openWlan(t);
  device.interrupts.msi.request(0);
  store.fill(0, msi(0));
  const before = store.read(0);
  device.interrupts.msi.disable();
  raise(0);
  device.interrupts.msi.enable({ vectors: 32 });
  const vector = device.interrupts.msi.request(5);
  store.fill(1, msi(5));
  t.notDeepEqual(store.read(1), before);
  raise(1);
  t.deepEqual(taken(vector), [1n]);
});

test('the store writes its entries again after a reset of the device', async (t) => {
  const { device, registers, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(2, msi(0));
  const message = store.read(2);
  const refreshed = once(store, 'refreshed');
  await device.reset();
  const [entry, now, before] = (await refreshed) as unknown[];
  t.is(entry, 2);
  t.like(now, message);
  t.deepEqual(before, { address: 0n, data: 0 });
  t.is(registers.read32(STORE + 2 * LAYOUT.stride + 12), 0);
  raise(2);
  t.deepEqual(taken(vector), [1n]);
});

test('the store writes its entries again after a reset through configuration space', (t) => {
  const { device, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(2, msi(0));
  const message = store.read(2);
  const refreshed: number[] = [];
  store.on('refreshed', (entry) => refreshed.push(entry));
  const at = (device.config.find('pcie')?.offset ?? 0) + 8;
  device.config.write16(at, 0x8000);
  t.deepEqual(refreshed, [2]);
  t.deepEqual(store.read(2), message);
  raise(2);
  t.deepEqual(taken(vector), [1n]);
});

test('watch() corrects an entry that was overwritten', async (t) => {
  const { device, registers, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(0, msi(0));
  store.watch(1);
  registers.write32(STORE, 0);
  const [entry] = (await once(store, 'refreshed')) as [number];
  t.is(entry, 0);
  raise(0);
  t.deepEqual(taken(vector), [1n]);
  store.unwatch();
});

test('after close(), the entries of the store send no messages', (t) => {
  const { device, store, raise } = openWlan(t);
  const vector = device.interrupts.msi.request(0);
  store.fill(0, msi(0));
  store.close();
  store.close();
  raise(0);
  t.deepEqual(taken(vector), [0n]);
  t.throws(() => store.read(0), { instanceOf: VfioError, code: 'EBADF' });
});

test('fill() writes the words in order, and a released vector clears an entry without a mask bit', (t) => {
  const writes: number[] = [];
  const words = new Uint32Array(8);
  const device = openDeviceSync('mock:wlan#order');
  t.teardown(() => {
    device.close();
  });
  device.messages.novirt.enable();
  const store = new MessageStore(device, {
    layout: {
      name: 'bare',
      stride: 16,
      addressLow: 4,
      addressHigh: 8,
      data: 12,
      order: ['data', 'addressHigh', 'addressLow'],
    },
    entries: 2,
    place: {
      size: 32,
      read32: (offset) => words[offset / 4] ?? 0,
      write32: (offset, value) => {
        writes.push(offset);
        words[offset / 4] = value;
      },
    },
  });
  const vector = device.interrupts.msi.request(0);
  store.fill(1, msi(0));
  t.deepEqual(writes.splice(0), [28, 24, 20]);
  t.is(store.read(1).address >> 20n, 0xfeen);
  vector.close();
  t.deepEqual(store.read(1), { address: 0n, data: 0 });
  t.throws(
    () => {
      store.setMask(1, true);
    },
    { instanceOf: VfioError, code: 'ENOTSUP' },
  );
});

test('the store refuses a wrong argument before the first write', (t) => {
  const { device, store } = openWlan(t);
  const make = (options: Partial<MessageStoreOptions>) => () =>
    new MessageStore(device, {
      layout: LAYOUT,
      entries: ENTRIES,
      place: { region: 0, offset: STORE },
      ...options,
    });
  t.throws(make({ entries: 0 }), { instanceOf: RangeError });
  t.throws(make({ entries: 4096 }), { instanceOf: RangeError });
  t.throws(make({ place: { region: 0, offset: 2 } }), { instanceOf: RangeError });
  t.throws(make({ layout: { ...LAYOUT, data: 4 } }), { instanceOf: RangeError });
  t.throws(make({ layout: { ...LAYOUT, order: ['data', 'data', 'addressLow'] } }), {
    instanceOf: RangeError,
  });
  t.throws(
    () => {
      store.fill(0, msi(0));
    },
    { instanceOf: VfioError, code: 'ENODATA' },
  );
  t.throws(
    () => {
      store.fill(32, msi(0));
    },
    { instanceOf: RangeError },
  );
  t.is(store.read(0).address, 0n);
});

test('the store refuses an invalid message, and fails with EIO while memory decode is off', (t) => {
  const { device, registers, store } = openWlan(t);
  device.interrupts.msi.request(0);
  store.fill(0, msi(0));
  const before = store.read(0);
  for (const message of [
    { address: -1n, data: 0 },
    { address: 1n << 64n, data: 0 },
    { address: 0n, data: 2 ** 32 },
    { address: 0n, data: -1 },
  ]) {
    t.throws(
      () => {
        store.write(0, message);
      },
      { instanceOf: RangeError },
    );
  }
  t.deepEqual(store.read(0), before);
  t.is(registers.read32(STORE + 12), 0);
  device.config.update('command', { memory: 0 });
  t.throws(() => store.refresh(), { instanceOf: VfioError, code: 'EIO' });
  device.config.update('command', { memory: 1 });
  t.deepEqual(store.refresh(), []);
  device.close();
  t.throws(() => store.read(0), { instanceOf: VfioError, code: 'EBADF' });
  t.notThrows(() => {
    store.close();
  });
});

test('sendToBuffer makes an entry write to a DMA buffer', async (t) => {
  const { device, store, raise } = openWlan(t);
  using buffer = device.dma.allocateSync(4096);
  const values = new DataView(buffer.buffer);
  store.sendToBuffer(5, buffer, { offset: 64, data: 0xcafe_f00d });
  raise(5);
  t.is(values.getUint32(64, true), 0xcafe_f00d);
  t.is(store.source(5), undefined);
  t.deepEqual(store.read(5), { address: buffer.iova + 64n, data: 0xcafe_f00d });
  t.deepEqual(store.refresh(), []);
  await device.reset();
  values.setUint32(64, 0, true);
  raise(5);
  t.is(values.getUint32(64, true), 0xcafe_f00d, 'a reset does not end the writes');
  store.sendToBuffer(5, buffer, { data: 7, masked: true });
  raise(5);
  t.is(values.getUint32(0, true), 0);
  store.setMask(5, false);
  t.is(values.getUint32(0, true), 7);
  store.clear(5);
  values.setUint32(0, 0, true);
  raise(5);
  t.is(values.getUint32(0, true), 0);
});

test('sendToBuffer refuses a buffer that the device cannot write', async (t) => {
  const { device, store } = openWlan(t);
  const buffer = device.dma.allocateSync(4096);
  using readable = device.dma.allocateSync(4096, { access: 'read' });
  const send =
    (options: object, target: unknown = buffer) =>
    () => {
      store.sendToBuffer(0, target as typeof buffer, options as { data: number });
    };
  t.throws(send({ data: 0 }, { iova: 0n }), { instanceOf: TypeError, message: /DMA buffer/ });
  t.throws(send({}), { instanceOf: TypeError, message: /data must be a number/ });
  t.throws(send({ data: 2 ** 32 }), { instanceOf: RangeError });
  t.throws(send({ data: 0, offset: 4096 }), { instanceOf: RangeError });
  t.throws(send({ data: 0, offset: 2 }), { instanceOf: RangeError });
  t.throws(send({ data: 0, offst: 4 }), { instanceOf: TypeError, message: /offst/ });
  t.throws(send({ data: 0 }, readable), { instanceOf: VfioError, code: 'EACCES' });
  t.deepEqual(store.read(0), { address: 0n, data: 0 });
  store.sendToBuffer(0, buffer, { data: 1 });
  buffer.free();
  t.throws(send({ data: 0 }), { instanceOf: VfioError, code: 'EBADF' });
  await device.reset();
  t.is(store.read(0).address, 0n, 'a reset does not restore the address of a freed buffer');
});

test('wrong options and values are refused, and nothing is written', (t) => {
  const { device, registers, store } = openWlan(t);
  device.interrupts.msi.request(0);
  const message = { address: 0xfee0_0000n, data: 1 };
  const loose = store as unknown as Record<string, (...values: unknown[]) => void>;
  for (const [method, ...values] of [
    ['write', 0, message, { maskd: true }],
    ['write', 0, message, { masked: 'yes' }],
    ['write', 0, message, null],
    ['write', 0, { address: 1, data: 1 }],
    ['write', 0, null],
    ['fill', 0, msi(0), { maskd: true }],
    ['fill', 0, { index: 'msi', vector: 0, mask: 1 }],
    ['fill', 0, { index: 'intx', vector: 0 }],
    ['fill', 0, { index: 'msi', vector: '0' }],
    ['fill', '0', msi(0)],
    ['setMask', 0, 'no'],
    ['setMask', 0],
    ['watch', '5'],
  ] as const) {
    t.throws(() => loose[method]?.(...values), { instanceOf: TypeError }, method);
  }
  t.deepEqual(
    [0, 4, 8, 12].map((at) => registers.read32(STORE + at)),
    [0, 0, 0, 1],
  );
  const make =
    (options: object, opened: unknown = device) =>
    () =>
      new MessageStore(opened as typeof device, options as MessageStoreOptions);
  const place = { region: 0, offset: STORE };
  const options = { layout: LAYOUT, entries: 1, place };
  for (const wrong of [
    make({ ...options, entires: 1 }),
    make({ ...options, place: { ...place, size: 4 } }),
    make({ ...options, place: { size: 64, read32: () => 0 } }),
    make({ ...options, place: { size: 'all', read32: () => 0, write32: () => undefined } }),
    make({ ...options, layout: { ...LAYOUT, masks: 1 } }),
    make({ ...options, layout: { ...LAYOUT, mask: { offset: 12, bits: 1, invert: true } } }),
    make({ ...options, layout: { ...LAYOUT, mask: { offset: 12, bits: '1' } } }),
    make({ ...options, layout: { ...LAYOUT, order: 'data' } }),
    make({ ...options, layout: { ...LAYOUT, addressHigh: { offset: 4, bit: 1 } } }),
    make(options, { name: 'mock:wlan' }),
  ]) {
    t.throws(wrong, { instanceOf: TypeError });
  }
  t.throws(make({ ...options, layout: { ...LAYOUT, addressHigh: { offset: 4, bits: 5 } } }), {
    instanceOf: RangeError,
    message: /adjacent/,
  });
});

test('fill() fails with ENOTSUP on a kernel without MSI_NOVIRT', (t) => {
  const { device, store } = openWlan(t, 'novirt=off');
  device.interrupts.msi.request(0);
  const error = t.throws(
    () => {
      store.fill(0, msi(0));
    },
    { instanceOf: VfioError, code: 'ENOTSUP' },
  );
  t.regex(error.message, /DMA_BUF/);
});
