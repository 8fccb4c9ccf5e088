// Tests IMS domains on open devices. The messages are read from the MSI-X table or by MSI_NOVIRT.
import test from 'ava';
import {
  createEventfd,
  DeviceHostVectors,
  ImsDomain,
  ImsSource,
  memoryStorage,
  messageVectors,
  openDeviceSync,
  type PciDevice,
  regionStorage,
  type Slot,
  VfioError,
  VirtualMsix,
} from 'vfio/mock';
import { ENTRIES, LAYOUT, RAISE, SENT, STORE } from './wlan.js';

const PENDING = { offset: 12, bits: 2 } as const;

test('with MSI_NOVIRT, a slot that contains an MSI message raises a virtual vector', (t) => {
  using device = openDeviceSync('mock:wlan#ims');
  device.config.update('command', { memory: 1, bus_master: 1 });
  const early = t.throws(() => messageVectors(device), { instanceOf: VfioError, code: 'ENOTSUP' });
  t.regex(early.hint ?? '', /novirt\.enable/);
  device.messages.novirt.enable();
  const registers = device.bar(0).map();
  using hostVectors = closing(messageVectors(device, { first: 4, count: 8 }));
  const domain = new ImsDomain({
    layout: { ...LAYOUT, pending: PENDING },
    storage: regionStorage(registers, STORE, ENTRIES * LAYOUT.stride),
    hostVectors,
  });
  using ims = new ImsSource(domain, { count: 8 });
  const msix = new VirtualMsix({
    vectors: 8,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: 0x800 },
  });
  msix.attach(ims);
  const consumers = Array.from({ length: 8 }, (_, vector) => {
    const eventfd = createEventfd();
    msix.connect(vector, eventfd);
    return eventfd;
  });
  msix.configWrite(2, 2, 0x8000);
  for (let vector = 0; vector < 8; vector++) msix.tableWrite(vector * 16 + 12, 4, 0);
  for (let vector = 0; vector < 8; vector++) {
    registers.write32(RAISE, ims.slotOf(vector)?.index ?? 0);
    registers.read32(SENT);
    const counts = consumers.map((eventfd) => eventfd.read());
    t.deepEqual(
      counts,
      consumers.map((_, other) => (other === vector ? 1n : 0n)),
    );
  }
  t.is(registers.read32(SENT), 8);
});

test('MSI vectors of a message store and device.interrupts never use MSI together', (t) => {
  using device = openDeviceSync('mock:wlan#ownership');
  const { msi } = device.interrupts;
  const message = () => ({ address: 0n, data: 0 });
  using hostVectors = closing(new DeviceHostVectors(device.connection, { message, index: 'msi' }));
  const busy = { instanceOf: VfioError, code: 'EBUSY' } as const;
  const consumer = device.createEventfd();
  msi.request(0);
  t.throws(() => hostVectors.allocate(consumer), busy);
  msi.disable();
  hostVectors.allocate(consumer);
  t.true(msi.active);
  const refused = t.throws(() => msi.request(1), busy);
  t.is(refused.hint, 'Close the DeviceHostVectors first.');
  hostVectors.close();
  t.false(msi.active);
  t.notThrows(() => msi.request(1));
});

for (const [how, reset] of [
  ['reset()', (device: PciDevice) => device.reset()],
  [
    'configuration space',
    (device: PciDevice) => {
      const at = (device.config.find('pcie')?.offset ?? 0) + 8;
      device.config.write16(at, device.config.read16(at) | 0x8000);
    },
  ],
] as const) {
  test(`the slots of an IMS domain are restored after a reset by ${how}`, async (t) => {
    using device = openDeviceSync(`mock:wlan#ims-${how}`);
    device.config.update('command', { memory: 1, bus_master: 1 });
    device.messages.novirt.enable();
    using registers = device.bar(0).map();
    using hostVectors = closing(messageVectors(device));
    const domain = new ImsDomain({
      layout: { ...LAYOUT, pending: PENDING },
      storage: regionStorage(registers, STORE, ENTRIES * LAYOUT.stride),
      hostVectors,
    });
    const raise = (slot: Slot) => {
      registers.write32(RAISE, slot.index);
      registers.read32(SENT);
    };
    const targets = [0, 1, 2].map(() => device.createEventfd());
    const [live, masked, free] = targets.map((target) => {
      const slot = domain.allocate();
      slot.program(domain.allocateVector(target));
      return slot;
    });
    if (live === undefined || masked === undefined || free === undefined) throw new Error('three');
    live.unmask();
    free.unmask();
    free.free();
    const before = [live.read(), masked.read()];

    await reset(device);
    t.deepEqual([live.read(), masked.read()], before);
    t.is(registers.read32(STORE + free.index * LAYOUT.stride), 0);
    for (const slot of [live, masked, free]) raise(slot);
    t.deepEqual(
      targets.map((target) => target.read()),
      [1n, 0n, 0n],
    );
    masked.unmask();
    t.is(targets[1]?.read(), 1n);

    hostVectors.close();
    await reset(device);
    t.deepEqual(live.read().message, { address: 0n, data: 0 });
    for (const target of targets) target.close();
  });
}

test('an IMS domain works on an unmodified kernel if the MSI-X table can be mapped', (t) => {
  using device = openDeviceSync('mock:nvme#ims?kernel=6.12');
  using hostVectors = closing(messageVectors(device));
  const domain = new ImsDomain({
    layout: { ...LAYOUT, pending: PENDING },
    storage: memoryStorage(new Uint8Array(1024)),
    hostVectors,
  });
  const target = device.createEventfd();
  const vector = domain.allocateVector(target);
  const slot = domain.allocate();
  slot.program(vector);
  const { message } = slot.read();
  t.like(device.messages.peek('msix', 0), message);
  slot.free();
  vector.close();
  target.close();
});

test('messageVectors and the storages refuse wrong options', (t) => {
  using device = openDeviceSync('mock:nvme#options');
  const loose = messageVectors as (...values: unknown[]) => unknown;
  t.throws(() => loose(device, { frist: 1 }), { instanceOf: TypeError, message: /frist/ });
  t.throws(() => loose(device, { index: 'intx' }), { instanceOf: TypeError });
  t.throws(() => loose(device, null), { instanceOf: TypeError });
  t.throws(() => loose({}), { instanceOf: TypeError });
  t.throws(() => memoryStorage([1] as unknown as Uint8Array), { instanceOf: TypeError });
  t.throws(() => memoryStorage(new Uint8Array(new ArrayBuffer(8), 2)), { instanceOf: RangeError });
  device.config.update('command', { memory: 1 });
  const window = device.bar(0).map();
  t.throws(() => regionStorage(window, '0' as unknown as number), { instanceOf: TypeError });
  t.throws(() => regionStorage(window, 0, Number.NaN), { instanceOf: RangeError });
  t.throws(() => regionStorage(null as unknown as typeof window), { instanceOf: TypeError });
});

test('domain.refresh() updates a slot with a message that the host has changed', (t) => {
  using device = openDeviceSync('mock:nvme#moved');
  let message = { address: 0xfee0_0000n, data: 0x25 };
  using hostVectors = closing(new DeviceHostVectors(device.connection, { message: () => message }));
  const domain = new ImsDomain({
    layout: { ...LAYOUT, pending: PENDING },
    storage: memoryStorage(new Uint8Array(1024)),
    hostVectors,
  });
  const target = device.createEventfd();
  const slot = domain.allocate();
  slot.program(domain.allocateVector(target));
  slot.unmask();
  message = { address: 0xfee0_1000n, data: 0x26 };
  t.notDeepEqual(slot.read().message, message);
  domain.refresh();
  t.like(slot.read(), { message, masked: false });
  target.close();
});

test('after a reset, each slot is restored; a failed restore of a slot emits an event', async (t) => {
  using device = openDeviceSync('mock:wlan#failed');
  device.messages.novirt.enable();
  using hostVectors = closing(messageVectors(device));
  const words = new Uint32Array(16);
  let broken = false;
  const domain = new ImsDomain({
    layout: { ...LAYOUT, pending: PENDING },
    storage: {
      size: 64,
      read32: (offset) => words[offset / 4] ?? 0,
      write32: (offset, value) => {
        if (broken && offset < 16) throw new VfioError({ code: 'EIO' });
        words[offset / 4] = value;
      },
    },
    hostVectors,
  });
  const target = device.createEventfd();
  const slots = [0, 1].map(() => {
    const slot = domain.allocate();
    slot.program(domain.allocateVector(target));
    return slot;
  });
  const failed: unknown[] = [];
  domain.on('failed', (error, slot) => failed.push([error.code, slot.index]));
  const before = slots[1]?.read();
  words.fill(0);
  broken = true;
  await device.reset();
  t.deepEqual(failed, [['EIO', 0]]);
  t.deepEqual(slots[1]?.read(), before);
  target.close();
});

function closing<T extends { close(): void }>(value: T): T & Disposable {
  return Object.assign(value, {
    [Symbol.dispose]: () => {
      value.close();
    },
  });
}
