// Physical messages on a real kernel: what a private copy of a message does, and whom it may reach.
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import {
  createEventfd,
  type DmaBuffer,
  ImsDomain,
  ImsSource,
  memoryStorage,
  type Message,
  messageVectors,
  MessageStore,
  openDevice,
  type PciDevice,
  type RegisterWindow,
  VirtualMsix,
} from 'vfio';
import { E1000e, MSIX_LAYOUT } from '../e1000e.js';

const EDU = process.env.VFIO_LAB_EDU ?? '';
const NVME = process.env.VFIO_LAB_NVME ?? '';
const WRITES = 100;

/** QEMU's edu: DMA of 4 bytes from its buffer, about 0.1 s each. */
const SOURCE = 0x80;
const DESTINATION = 0x88;
const COUNT = 0x90;
const COMMAND = 0x98;
const START = 1n;
const FROM_DEVICE = 2n;
const BUFFER = 0x40000n;

async function transfer(registers: RegisterWindow, from: bigint, to: bigint): Promise<void> {
  registers.write64(SOURCE, from);
  registers.write64(DESTINATION, to);
  registers.write64(COUNT, 4n);
  registers.write64(COMMAND, START | (to >= 0x1000_0000n ? FROM_DEVICE : 0n));
  while ((registers.read64(COMMAND) & START) !== 0n) await sleep(5);
}

/** Brings the data of a message into edu's buffer. */
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
  t.log('skipped: this kernel does not have it');
  return null;
}

const hex = ({ address, data }: Message) => `0x${address.toString(16)} / 0x${data.toString(16)}`;

test.serial(
  "edu's own DMA engine writes the message: the eventfd counts one per write",
  async (t) => {
    t.timeout(120_000);
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
    t.like(physical, { remapped: true, road: 'novirt' });
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
    for (let n = 1; n <= WRITES; n++) {
      await transfer(registers, BUFFER, physical.address);
      await sleep(5);
      if (fired !== BigInt(n)) t.log(`${fired} after ${n} writes`);
    }
    await sleep(100);
    t.log(`${WRITES} writes, ${fired} interrupts`);
    t.is(fired, BigInt(WRITES));
    t.deepEqual(messages.read('msi', 0), physical);
  },
);

test.serial('an IMS domain whose slot is that DMA: it arrives at its virtual vector', async (t) => {
  t.timeout(120_000);
  const device = await openEdu(t);
  if (device === null) return;
  device.messages.novirt.enable();
  using registers = device.bar(0).map();
  using buffer = device.dma.allocateSync(4096);
  const hostVectors = messageVectors(device);
  const words = memoryStorage(new Uint8Array(16));
  const domain = new ImsDomain({
    layout: { name: 'edu', stride: 16, addressLow: 0, addressHigh: 4, data: 8 },
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
  for (let n = 1; n <= 10; n++) {
    await transfer(registers, BUFFER, message.address);
    await sleep(20);
    fired += consumers[2]?.read() ?? 0n;
  }
  t.is(fired, 10n);
  t.deepEqual(
    consumers.map((eventfd) => eventfd.read()),
    [0n, 0n, 0n, 0n],
  );
  ims.close();
  hostVectors.close();
  for (const eventfd of consumers) eventfd.close();
});

test.serial('NVMe: a store follows the message of the MSI-X table', async (t) => {
  const device = await openDevice(NVME);
  t.teardown(() => {
    device.close();
  });
  const { msix } = device.interrupts;
  const store = new MessageStore(device, {
    layout: MSIX_LAYOUT,
    entries: 2,
    place: memoryStorage(new Uint8Array(32)),
  });
  const silenced: number[] = [];
  store.on('silenced', (entry) => silenced.push(entry));
  msix.request(0);
  const other = msix.request(1);
  store.fill(0, { index: 'msix', vector: 0 });
  store.fill(1, { index: 'msix', vector: 1 });
  t.log(`vector 0: ${hex(store.read(0))}, vector 1: ${hex(store.read(1))}`);
  t.deepEqual(store.verify(), []);
  other.close();
  t.deepEqual(silenced, [1]);
  msix.request(1);
  t.deepEqual(store.verify(), []);
  await device.reset();
  t.deepEqual(store.verify(), []);

  msix.disable();
  t.deepEqual(silenced.splice(0).sort(), [0, 1, 1]);
  // The host gives messages out anew: other vectors first.
  for (const vector of [5, 1, 0]) msix.request(vector);
  t.deepEqual(store.verify(), []);
  for (const entry of [0, 1]) t.like(device.messages.read('msix', entry), store.read(entry));
  store.close();
});

test.serial("isolation: NVMe's message in e1000e's own table reaches nobody", async (t) => {
  const nvme = await openDevice(NVME);
  t.teardown(() => {
    nvme.close();
  });
  const { device: sender, ...e1000e } = await openSender(t);
  const victim = nvme.interrupts.msix.request(0, { counts: true });
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

  await e1000e.raise();
  t.deepEqual(seen, { victim: 0n, own: 1n });
  const ours = sender.messages.read('msix', 0);
  const theirs = nvme.messages.read('msix', 0);
  t.log(`e1000e's ${hex(ours)}, NVMe's ${hex(theirs)}`);
  store.write(0, theirs);
  t.deepEqual(store.read(0), { address: theirs.address, data: theirs.data });
  for (let n = 0; n < 5; n++) await e1000e.raise();
  t.deepEqual(seen, { victim: 0n, own: 1n });
  store.write(0, ours);
  await e1000e.raise();
  t.deepEqual(seen, { victim: 0n, own: 2n });
  store.close();
});

test.serial('with remapping a message never moves, whatever CPU its interrupt is on', async (t) => {
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
});

async function openSender(t: ExecutionContext) {
  const e1000e = await E1000e.open();
  t.teardown(() => {
    e1000e.device.close();
  });
  return { device: e1000e.device, raise: () => e1000e.raise() };
}
