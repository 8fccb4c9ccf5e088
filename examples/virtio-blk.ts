/**
 * Drives a virtio block device over PCI, with a split virtqueue and MSI-X. Section numbers refer to
 * the virtio specification 1.2. Overwrites the first blocks of the disk with a pattern, reads the
 * blocks back and compares. A block has 4096 bytes. On the mock, and in the lab:
 *
 *   node dist/examples/virtio-blk.js mock:virtio-blk 192
 *   vfio lab --device virtio-blk -- sh -c 'node dist/examples/virtio-blk.js $VFIO_LAB_VIRTIO_BLK 192'
 *
 *   node dist/examples/virtio-blk.js <device> <blocks> [requests in flight]     default: 16
 */
import { openDevice, type DmaBuffer, type RegisterWindow } from 'vfio';

// 4.1.4.3: the common configuration.
const DEVICE_FEATURE_SELECT = 0x00;
const DEVICE_FEATURE = 0x04;
const DRIVER_FEATURE_SELECT = 0x08;
const DRIVER_FEATURE = 0x0c;
const DEVICE_STATUS = 0x14;
const QUEUE_SELECT = 0x16;
const QUEUE_SIZE = 0x18;
const QUEUE_MSIX_VECTOR = 0x1a;
const QUEUE_ENABLE = 0x1c;
const QUEUE_NOTIFY_OFF = 0x1e;
const QUEUE_DESC = 0x20;
const QUEUE_DRIVER = 0x28;
const QUEUE_DEVICE = 0x30;

// 2.1: bits of the device status.
const ACKNOWLEDGE = 1;
const DRIVER = 2;
const DRIVER_OK = 4;
const FEATURES_OK = 8;
/** Features 32 and 33 (section 6): the device follows version 1, and its DMA uses the IOMMU. */
const VERSION_1 = 1 << 0;
const ACCESS_PLATFORM = 1 << 1;

/** 2.7.5: bytes of a descriptor, and its flags. */
const DESCRIPTOR = 16;
const NEXT = 1;
const DEVICE_WRITES = 2;

// 5.2.6: requests. Sectors always have 512 bytes.
const READ = 0;
const WRITE = 1;
const HEADER = 16;
const SECTOR = 512;

const BLOCK = 4096;
/** A request has three descriptors: header, data and status. */
const PER_REQUEST = 3;
const ENTRIES = 64;

const [name, blockCount, inFlight = '16'] = process.argv.slice(2);
const blocks = Number(blockCount);
const depth = Number(inFlight);
if (name === undefined || !(blocks > 0) || !(depth > 0 && depth * PER_REQUEST <= ENTRIES)) {
  throw new Error('usage: virtio-blk.js <device> <blocks> [requests in flight, 1 to 21]');
}
const device = await openDevice(name);
device.config.update('command', { memory: 1, bus_master: 1 });

/** Returns the place of a structure in a BAR: section 4.1.4. */
function findStructure(type: string) {
  const found = device.config.virtioCapabilities().find((one) => one.type === type);
  if (found === undefined) throw new Error(`${device.name} has no virtio structure ${type}`);
  return found;
}

/** Maps the BAR of a structure. Each BAR is mapped once. */
const windows = new Map<number, RegisterWindow>();
function windowOf({ bar }: { bar: number }): RegisterWindow {
  const window = windows.get(bar) ?? device.bar(bar).map();
  windows.set(bar, window);
  return window;
}

const commonPlace = findStructure('common_cfg');
const configurationPlace = findStructure('device_cfg');
const notifyPlace = findStructure('notify_cfg');
const common = windowOf(commonPlace);
const configuration = windowOf(configurationPlace);
const notification = windowOf(notifyPlace);
const base = commonPlace.offset;
const start = configurationPlace.offset;

/** 3.1.1: resets the device and negotiates the features. */
function negotiate(): void {
  common.write8(base + DEVICE_STATUS, 0);
  while (common.read8(base + DEVICE_STATUS) !== 0);
  common.write8(base + DEVICE_STATUS, ACKNOWLEDGE | DRIVER);
  common.write32(base + DEVICE_FEATURE_SELECT, 1);
  const offered = common.read32(base + DEVICE_FEATURE);
  if ((offered & VERSION_1) === 0) throw new Error('the device does not follow virtio 1.0');
  common.write32(base + DRIVER_FEATURE_SELECT, 0);
  common.write32(base + DRIVER_FEATURE, 0);
  common.write32(base + DRIVER_FEATURE_SELECT, 1);
  common.write32(base + DRIVER_FEATURE, offered & (VERSION_1 | ACCESS_PLATFORM));
  common.write8(base + DEVICE_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
  if ((common.read8(base + DEVICE_STATUS) & FEATURES_OK) === 0) {
    throw new Error('the device refuses the features');
  }
}

negotiate();
const capacity = configuration.read32(start) + configuration.read32(start + 4) * 2 ** 32;
console.log(`${capacity} sectors`);
if (blocks * BLOCK > capacity * SECTOR) throw new Error(`the disk has fewer than ${blocks} blocks`);

const descriptors = await device.dma.allocate(4096, { access: 'read' });
const available = await device.dma.allocate(4096, { access: 'read' });
const used = await device.dma.allocate(4096, { access: 'write' });
const headers = await device.dma.allocate(4096, { access: 'read' });
const statuses = await device.dma.allocate(4096, { access: 'write' });
const outgoing = await device.dma.allocate(depth * BLOCK, { access: 'read' });
const incoming = await device.dma.allocate(depth * BLOCK, { access: 'write' });

function writeAddress(register: number, address: bigint): void {
  common.write32(base + register, Number(address & 0xffff_ffffn));
  common.write32(base + register + 4, Number(address >> 32n));
}

const vector = device.interrupts.msix.request(0);
common.write16(base + QUEUE_SELECT, 0);
common.write16(base + QUEUE_SIZE, ENTRIES);
common.write16(base + QUEUE_MSIX_VECTOR, 0);
writeAddress(QUEUE_DESC, descriptors.iova);
writeAddress(QUEUE_DRIVER, available.iova);
writeAddress(QUEUE_DEVICE, used.iova);
common.write16(base + QUEUE_ENABLE, 1);
common.write8(base + DEVICE_STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK);
const doorbell =
  notifyPlace.offset +
  common.read16(base + QUEUE_NOTIFY_OFF) * (notifyPlace.notifyOffMultiplier ?? 0);

const table = new DataView(descriptors.buffer);
const requests = new DataView(headers.buffer);
/** 2.7.6 and 2.7.8: both rings begin with 16 bits of flags and a 16-bit index. */
const availableRing = new Uint16Array(available.buffer);
const usedIndex = new Uint16Array(used.buffer);
const usedRing = new Uint32Array(used.buffer);
let published = 0;
let consumed = 0;

function setDescriptor(index: number, address: bigint, length: number, flags: number): void {
  const at = index * DESCRIPTOR;
  table.setBigUint64(at, address, true);
  table.setUint32(at + 8, length, true);
  table.setUint16(at + 12, flags, true);
  table.setUint16(at + 14, (flags & NEXT) === 0 ? 0 : index + 1, true);
}

/** Submits a request with the descriptors and buffers of a slot. */
function submit(slot: number, type: typeof READ | typeof WRITE, block: number): void {
  const data = (type === WRITE ? outgoing : incoming).iova + BigInt(slot * BLOCK);
  const head = slot * PER_REQUEST;
  requests.setUint32(slot * HEADER, type, true);
  requests.setBigUint64(slot * HEADER + 8, BigInt((block * BLOCK) / SECTOR), true);
  setDescriptor(head, headers.iova + BigInt(slot * HEADER), HEADER, NEXT);
  setDescriptor(head + 1, data, BLOCK, type === WRITE ? NEXT : NEXT | DEVICE_WRITES);
  setDescriptor(head + 2, statuses.iova + BigInt(slot), 1, DEVICE_WRITES);
  availableRing[2 + (published % ENTRIES)] = head;
  published = (published + 1) & 0xffff;
  // The device can read the index at any time, so the index is written last.
  Atomics.store(availableRing, 1, published);
  notification.write16(doorbell, 0);
}

/** Returns the slots of the requests that the device has completed since the last call. */
function complete(): number[] {
  const slots: number[] = [];
  while (Atomics.load(usedIndex, 1) !== consumed) {
    const head = usedRing[1 + 2 * (consumed % ENTRIES)] ?? 0;
    const slot = head / PER_REQUEST;
    const status = statuses.bytes[slot];
    if (status !== 0) throw new Error(`request in slot ${slot}: status ${status}`);
    slots.push(slot);
    consumed = (consumed + 1) & 0xffff;
  }
  return slots;
}

/** Runs one request for each block, with up to `depth` requests in flight. */
async function transfer(
  type: typeof READ | typeof WRITE,
  prepare: (block: number, slot: number) => void,
  finish: (block: number, slot: number) => void,
): Promise<void> {
  const blockOf = new Map<number, number>();
  let next = 0;
  const start = (slot: number): void => {
    if (next === blocks) return;
    prepare(next, slot);
    blockOf.set(slot, next);
    submit(slot, type, next++);
  };
  for (let slot = 0; slot < depth; slot++) start(slot);
  while (blockOf.size > 0) {
    await vector.next();
    for (const slot of complete()) {
      finish(blockOf.get(slot) ?? 0, slot);
      blockOf.delete(slot);
      start(slot);
    }
  }
}

/** The contents of a block: every word contains the number of the block and its own number. */
const patternOf = (block: number) =>
  Uint32Array.from({ length: BLOCK / 4 }, (_, i) => (((block + 1) << 16) | i) >>> 0);
const wordsOf = ({ buffer }: DmaBuffer, slot: number) =>
  new Uint32Array(buffer, slot * BLOCK, BLOCK / 4);

let wrong = 0;
await transfer(
  WRITE,
  (block, slot) => {
    wordsOf(outgoing, slot).set(patternOf(block));
  },
  () => undefined,
);
console.log(`${blocks} blocks written, ${depth} requests in flight`);
await transfer(
  READ,
  () => undefined,
  (block, slot) => {
    const words = wordsOf(incoming, slot);
    if (patternOf(block).some((word, i) => words[i] !== word)) wrong++;
  },
);
console.log(`${blocks} blocks read, ${wrong} blocks differ`);

common.write8(base + DEVICE_STATUS, 0);
device.close();
process.exitCode = wrong === 0 ? 0 : 1;
