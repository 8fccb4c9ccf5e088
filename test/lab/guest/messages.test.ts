// Tests copies of interrupt messages outside of the MSI-X table, on a real kernel. A copy must
// raise its interrupt, and no other device can use the message.
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  createEventfd,
  type DmaBuffer,
  ImsDomain,
  ImsSource,
  memoryStorage,
  type Message,
  MessageRewriter,
  messageVectors,
  MessageStore,
  openDevice,
  type PciDevice,
  PrivateSources,
  recognizeMsi,
  type RegisterWindow,
  VfioError,
  VirtualMsix,
} from 'vfio';
import { E1000e, MSIX_LAYOUT } from '../e1000e.js';

const EDU = process.env.VFIO_LAB_EDU ?? '';
const NVME = process.env.VFIO_LAB_NVME ?? '';
const WRITES = 100;

/** Flags of VFIO_DEVICE_FEATURE: the mask of the feature number, and the operations. */
const MASK = 0xffff;
const BITS = { GET: 1 << 16, SET: 1 << 17, PROBE: 1 << 18 };

/**
 * Registers of QEMU's edu for a DMA transfer of 4 bytes between memory and edu's buffer. A transfer
 * takes 0.1 s.
 */
const SOURCE = 0x80;
const DESTINATION = 0x88;
const COUNT = 0x90;
const COMMAND = 0x98;
const START = 1n;
const FROM_DEVICE = 2n;
const BUFFER = 0x40000n;

/** Layout of a message copy in memory. QEMU's edu has no registers for a message. */
const COPY = { name: 'edu', stride: 16, addressLow: 0, addressHigh: 4, data: 8 };

async function transfer(registers: RegisterWindow, from: bigint, to: bigint): Promise<void> {
  registers.write64(SOURCE, from);
  registers.write64(DESTINATION, to);
  registers.write64(COUNT, 4n);
  registers.write64(COMMAND, START | (to >= 0x1000_0000n ? FROM_DEVICE : 0n));
  while ((registers.read64(COMMAND) & START) !== 0n) await sleep(5);
}

/** Copies the data value of an interrupt message to edu's buffer. */
async function load(registers: RegisterWindow, buffer: DmaBuffer, data: number): Promise<void> {
  new DataView(buffer.buffer).setUint32(0, data, true);
  registers.write64(SOURCE, buffer.iova);
  registers.write64(DESTINATION, BUFFER);
  registers.write64(COUNT, 4n);
  registers.write64(COMMAND, START);
  while ((registers.read64(COMMAND) & START) !== 0n) await sleep(5);
}

async function openEdu(t: ExecutionContext): Promise<PciDevice | null> {
  const device = await openDevice(EDU);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  const { state } = device.messages.novirt;
  t.log(`${EDU} via ${device.via}, kernel ${device.connection.kernel}: MSI_NOVIRT is ${state}`);
  if (state !== 'absent') return device;
  t.regex(device.messages.support.msi.reason ?? '', /feature 11|PCI_MSI_NOVIRT/);
  t.log('skipped: the kernel does not have MSI_NOVIRT');
  return null;
}

const hex = ({ address, data }: Message) => `0x${address.toString(16)} / 0x${data.toString(16)}`;

test.serial(
  "each time edu's DMA engine writes the message, the counter of the eventfd increases by one",
  async (t) => {
    t.timeout(300_000);
    const device = await openEdu(t);
    if (device === null) return;
    const { config, messages } = device;
    config.set('msi.address', 0xfee0_0000);
    config.set('msi.data', 0x4041);
    const vector = device.interrupts.msi.request(0, { counts: true });
    t.like(config.details('msi'), { address: 0xfee0_0000n, data: 0x4041 });

    messages.novirt.enable();
    const physical = messages.read('msi', 0);
    t.log(`virtual 0xfee00000 / 0x4041, physical ${hex(physical)}`);
    t.like(physical, { remapped: true, method: 'novirt' });
    t.not(physical.address, 0xfee0_0000n);
    config.set('msi.address', 0xfee0_0000);
    config.set('msi.data', 0x4041);
    t.deepEqual(messages.read('msi', 0), physical);

    using registers = device.bar(0).map();
    using buffer = device.dma.allocateSync(4096);
    await load(registers, buffer, physical.data);
    let fired = 0n;
    vector.on('interrupt', (count: bigint) => {
      fired += count;
    });
    for (let n = 0; n < WRITES; n++) await transfer(registers, BUFFER, physical.address);
    while (fired < BigInt(WRITES)) await sleep(5);
    // An additional interrupt would arrive during this delay.
    await sleep(100);
    t.log(`${WRITES} writes, ${fired} interrupts`);
    t.is(fired, BigInt(WRITES));
    t.deepEqual(messages.read('msi', 0), physical);
  },
);

test.serial(
  'if edu sends the message of an IMS slot by DMA, the virtual vector of the slot is signalled',
  async (t) => {
    t.timeout(300_000);
    const device = await openEdu(t);
    if (device === null) return;
    device.messages.novirt.enable();
    using registers = device.bar(0).map();
    using buffer = device.dma.allocateSync(4096);
    const hostVectors = messageVectors(device);
    const words = memoryStorage(new Uint8Array(16));
    const domain = new ImsDomain({
      layout: COPY,
      storage: words,
      hostVectors,
    });
    const ims = new ImsSource(domain, { count: 1 });
    const msix = new VirtualMsix({
      vectors: 4,
      table: { bar: 0, offset: 0 },
      pba: { bar: 0, offset: 0x800 },
    });
    msix.attach(ims, { first: 2 });
    const consumers = [0, 1, 2, 3].map((vector) => {
      const eventfd = createEventfd();
      msix.connect(vector, eventfd);
      return eventfd;
    });
    msix.configWrite(2, 2, 0x8000);
    for (let vector = 0; vector < 4; vector++) msix.tableWrite(vector * 16 + 12, 4, 0);
    const { message } = domain.slot(0)?.read() ?? { message: { address: 0n, data: 0 } };
    t.log(`slot 0: ${hex(message)}`);
    await load(registers, buffer, message.data);
    let fired = 0n;
    for (let n = 0; n < 10; n++) await transfer(registers, BUFFER, message.address);
    while (fired < 10n) {
      await sleep(5);
      fired += consumers[2]?.read() ?? 0n;
    }
    await sleep(100);
    t.is(fired, 10n);
    t.deepEqual(
      consumers.map((eventfd) => eventfd.read()),
      [0n, 0n, 0n, 0n],
    );
    ims.close();
    hostVectors.close();
    for (const eventfd of consumers) eventfd.close();
  },
);

test.serial(
  'both a rewritten message and the message of a separate vector raise an interrupt',
  async (t) => {
    t.timeout(300_000);
    const device = await openEdu(t);
    if (device === null) return;
    device.messages.novirt.enable();
    using registers = device.bar(0).map();
    using buffer = device.dma.allocateSync(4096);
    const store = new MessageStore(device, {
      layout: COPY,
      entries: 1,
      place: memoryStorage(new Uint8Array(16)),
    });
    /** Sends the message in entry 0 of the store by DMA of the device. */
    const send = async () => {
      const { address, data } = store.read(0);
      await load(registers, buffer, data);
      await transfer(registers, BUFFER, address);
    };
    const virtual = { address: 0xfee0_0000n, data: 0x4041 };
    const rewriter = new MessageRewriter({
      store,
      recognize: recognizeMsi(() => virtual, 1),
      unmatched: 'refuse',
    });
    const shared = device.interrupts.msi.request(0);
    rewriter.write(0, 4, Number(virtual.address));
    rewriter.write(8, 4, virtual.data);
    t.is(store.read(0).address, 0n);
    rewriter.write(4, 4, 0);
    t.log(`the driver wrote ${hex(virtual)}, the device has ${hex(store.read(0))}`);
    t.is(rewriter.read(8, 4), virtual.data);
    t.like(device.messages.read('msi', 0), store.read(0));
    const copied = shared.next();
    await send();
    t.is(await copied, 1n);
    rewriter.reset();
    device.interrupts.msi.disable();

    const sources = new PrivateSources(device, { store, spare: { index: 'msi', vectors: [0] } });
    t.is(sources.method, 'message');
    const own = sources.request(0);
    t.log(`a source of its own has ${hex(store.read(0))}`);
    const raised = own.next();
    await send();
    t.is(await raised, 1n);
    store.close();
  },
);

test.serial("a MessageStore follows a changed message in NVMe's MSI-X table", async (t) => {
  const device = await openDevice(NVME);
  t.teardown(() => {
    device.close();
  });
  const { msix } = device.interrupts;
  const copies = memoryStorage(new Uint8Array(32));
  const store = new MessageStore(device, { layout: MSIX_LAYOUT, entries: 2, place: copies });
  const silenced: number[] = [];
  store.on('silenced', (entry) => silenced.push(entry));
  const refreshed: number[] = [];
  store.on('refreshed', (entry) => refreshed.push(entry));
  const masked = () => [0, 1].map((entry) => copies.read32(entry * 16 + 12) & 1);
  const follows = () => {
    t.deepEqual(store.verify(), []);
    for (const entry of [0, 1]) t.like(device.messages.read('msix', entry), store.read(entry));
  };
  msix.request(0);
  const other = msix.request(1);
  for (const vector of [0, 1]) store.fill(vector, { index: 'msix', vector });
  const before = [store.read(0), store.read(1)];
  t.log(`vector 0: ${before.map(hex).join(', vector 1: ')}`);
  t.notDeepEqual(before[0], before[1]);
  follows();

  const table = device.config.details('msix')?.table ?? { bir: 0, offset: 0 };
  using registers = device.bar(table.bir).map();
  for (const bit of [1, 0]) {
    registers.write32(table.offset + 12, bit);
    t.is(registers.read32(table.offset + 12), bit);
    follows();
  }

  other.close();
  t.deepEqual(silenced.splice(0), [1]);
  t.deepEqual(masked(), [0, 1]);
  msix.request(1);
  t.deepEqual(masked(), [0, 0]);
  follows();
  await device.reset();
  follows();
  t.deepEqual(refreshed, []);

  msix.disable();
  t.deepEqual(silenced.splice(0).sort(), [0, 1]);
  t.deepEqual(masked(), [1, 1]);
  // Vector 5 is requested first, so the host assigns new messages to the vectors.
  for (const vector of [5, 1, 0]) msix.request(vector);
  t.deepEqual(masked(), [0, 0]);
  follows();
  const after = [store.read(0), store.read(1)];
  t.log(`requested anew, vector 0: ${after.map(hex).join(', vector 1: ')}`);
  // Each vector keeps its message if the kernel enables the whole table at once.
  if (!msix.noresize) {
    t.notDeepEqual(after[1], before[1]);
    t.true(refreshed.includes(1));
  }
  store.close();
});

test.serial("NVMe's message in e1000e's table raises no interrupt", async (t) => {
  const nvme = await openDevice(NVME);
  t.teardown(() => {
    nvme.close();
  });
  const { device: sender, ...e1000e } = await openSender(t);
  // With an ITS, the vector 0 of every device can have the same message. e1000e has no vector 5.
  const victim = nvme.interrupts.msix.request(5, { counts: true });
  const own = sender.interrupts.msix.request(0, { counts: true });
  const seen = { victim: 0n, own: 0n };
  victim.on('interrupt', (count: bigint) => (seen.victim += count));
  own.on('interrupt', (count: bigint) => (seen.own += count));
  const table = sender.config.details('msix')?.table ?? { bir: 0, offset: 0 };
  const store = new MessageStore(sender, {
    layout: MSIX_LAYOUT,
    entries: 5,
    place: { region: table.bir, offset: table.offset },
  });

  const raiseOwn = async () => {
    const next = own.next();
    await e1000e.raise();
    await next;
  };
  await raiseOwn();
  t.deepEqual(seen, { victim: 0n, own: 1n });
  const ours = sender.messages.read('msix', 0);
  const theirs = nvme.messages.read('msix', 5);
  t.log(`e1000e's ${hex(ours)}, NVMe's ${hex(theirs)}`);
  t.notDeepEqual(theirs, ours);
  store.write(0, theirs);
  t.deepEqual(store.read(0), { address: theirs.address, data: theirs.data });
  for (let n = 0; n < 5; n++) await e1000e.raise();
  store.write(0, ours);
  // A forged interrupt would arrive before this interrupt of the sender.
  await raiseOwn();
  t.deepEqual(seen, { victim: 0n, own: 2n });
  store.close();
});

test.serial(
  'with interrupt remapping, a message stays the same when its interrupt moves to another CPU',
  async (t) => {
    const { device, raise } = await openSender(t);
    const vector = device.interrupts.msix.request(0);
    const before = device.messages.read('msix', 0);
    t.true(before.remapped);
    for (const cpu of [0, 1, 0, 1]) {
      vector.setAffinity([cpu]);
      const next = vector.next();
      await raise();
      t.is(await next, 1n);
      t.deepEqual(device.messages.read('msix', 0), before);
    }
  },
);

test.serial(
  'SET of VFIO_DEVICE_FEATURE is sent only once, and only if the kernel has the feature',
  async (t) => {
    const log = process.env.VFIO_TEST_FEATURES;
    if (log === undefined) {
      t.log('skipped: feature_log.cc is not preloaded, as npm run test:lab does');
      return;
    }
    const device = await openDevice(EDU);
    t.teardown(() => {
      device.close();
    });
    const sent = () =>
      readFileSync(log, 'latin1')
        .split('\n')
        .flatMap((line) => {
          const [pid, flags = '', errno] = line.split(' ');
          if (pid !== String(process.pid) || (parseInt(flags, 16) & MASK) !== 11) return [];
          const bits = Object.entries(BITS).filter(([, bit]) => (parseInt(flags, 16) & bit) !== 0);
          return [`${bits.map(([name]) => name).join('|')} ${errno}`];
        });
    const before = existsSync(log) ? sent().length : 0;
    const present = device.messages.novirt.state !== 'absent';
    for (let n = 0; n < 2; n++) {
      const enable = () => {
        device.messages.novirt.enable();
      };
      if (present) t.notThrows(enable);
      else t.throws(enable, { instanceOf: VfioError, code: 'ENOTSUP' });
    }
    const now = sent().slice(before);
    t.log(`feature 11, with errno: ${now.join(', ')}`);
    if (present) t.deepEqual(now, ['SET|PROBE 0', `GET|PROBE ${constants.errno.EINVAL}`, 'SET 0']);
    // Of all that this process has sent, whatever it tried.
    else
      t.true(
        sent().every((line) => line.includes('PROBE')),
        sent().join(),
      );
  },
);

async function openSender(t: ExecutionContext) {
  const e1000e = await E1000e.open();
  t.teardown(() => {
    e1000e.device.close();
  });
  return { device: e1000e.device, raise: () => e1000e.raise() };
}
