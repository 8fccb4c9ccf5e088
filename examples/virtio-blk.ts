/**
 * Drives a virtio block device over PCI, with a split virtqueue and MSI-X. Section numbers refer to
 * the virtio specification 1.2. Overwrites the first blocks of the disk with a pattern, reads the
 * blocks back and compares. A block has 4096 bytes. On the mock, and in the lab:
 *
 *   npx tsx node_modules/vfio/examples/virtio-blk.ts mock:virtio-blk 192
 *
 *   npx esbuild node_modules/vfio/examples/virtio-blk.ts --format=esm --outfile=blk.mjs
 *   npx vfio lab --device virtio-blk -- sh -c 'node blk.mjs $VFIO_LAB_VIRTIO_BLK 192'
 *
 *   npx tsx node_modules/vfio/examples/virtio-blk.ts <device> <blocks> [requests in flight]     default: 16
 */
import { defineRegisters, defineStruct, openDevice, type DmaBuffer } from 'vfio';
import type { RegisterWindow } from 'vfio';

// 4.1.4.3: the common configuration. Addresses are written as two halves.
const commonConfiguration = defineRegisters('common', {
  device_feature_select: { offset: 0x00, width: 4 },
  device_feature: { offset: 0x04, width: 4, access: 'ro' },
  driver_feature_select: { offset: 0x08, width: 4 },
  driver_feature: { offset: 0x0c, width: 4 },
  device_status: { offset: 0x14, width: 1 },
  queue_select: { offset: 0x16, width: 2 },
  queue_size: { offset: 0x18, width: 2 },
  queue_msix_vector: { offset: 0x1a, width: 2 },
  queue_enable: { offset: 0x1c, width: 2 },
  queue_notify_off: { offset: 0x1e, width: 2, access: 'ro' },
  queue_desc: { offset: 0x20, width: 8, split: true },
  queue_driver: { offset: 0x28, width: 8, split: true },
  queue_device: { offset: 0x30, width: 8, split: true },
});
/** 5.2.4: the configuration of a block device. */
const blockConfiguration = defineRegisters('block', {
  capacity: { offset: 0x00, width: 8, access: 'ro', split: true },
});

// 2.1: bits of the device status.
const ACKNOWLEDGE = 1;
const DRIVER = 2;
const DRIVER_OK = 4;
const FEATURES_OK = 8;
/** Features 32 and 33 (section 6): the device follows version 1, and its DMA uses the IOMMU. */
const VERSION_1 = 1 << 0;
const ACCESS_PLATFORM = 1 << 1;

// 2.7.5: a descriptor, and its flags.
const descriptor = defineStruct('descriptor', {
  address: 'u64',
  length: 'u32',
  flags: 'u16',
  next: 'u16',
});
const NEXT = 1;
const DEVICE_WRITES = 2;

// 5.2.6: requests. Sectors always have 512 bytes.
const header = defineStruct('header', { type: 'u32', reserved: 'u32', sector: 'u64' });
const READ = 0;
const WRITE = 1;
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

/** Returns the window of a structure. Each BAR is mapped once. */
const windows = new Map<number, RegisterWindow>();
function windowOf({ bar, offset, length }: ReturnType<typeof findStructure>): RegisterWindow {
  const window = windows.get(bar) ?? device.bar(bar).map();
  windows.set(bar, window);
  return window.sub(offset, length);
}

const commonPlace = findStructure('common_cfg');
const configurationPlace = findStructure('device_cfg');
const notifyPlace = findStructure('notify_cfg');
const common = commonConfiguration.on(windowOf(commonPlace));
const configuration = blockConfiguration.on(windowOf(configurationPlace));
const notification = windowOf(notifyPlace);

/** 3.1.1: resets the device and negotiates the features. */
function negotiate(): void {
  common.device_status.value = 0;
  while (common.device_status.value !== 0);
  common.device_status.value = ACKNOWLEDGE | DRIVER;
  common.device_feature_select.value = 1;
  const offered = common.device_feature.value;
  if ((offered & VERSION_1) === 0) throw new Error('the device does not follow virtio 1.0');
  common.driver_feature_select.value = 0;
  common.driver_feature.value = 0;
  common.driver_feature_select.value = 1;
  common.driver_feature.value = offered & (VERSION_1 | ACCESS_PLATFORM);
  common.device_status.value = ACKNOWLEDGE | DRIVER | FEATURES_OK;
  if ((common.device_status.value & FEATURES_OK) === 0) {
    throw new Error('the device refuses the features');
  }
}

negotiate();
const capacity = Number(configuration.capacity.value);
console.log(`${capacity} sectors`);
if (blocks * BLOCK > capacity * SECTOR) throw new Error(`the disk has fewer than ${blocks} blocks`);

const descriptors = await device.dma.allocate(4096, { access: 'read' });
const available = await device.dma.allocate(4096, { access: 'read' });
const used = await device.dma.allocate(4096, { access: 'write' });
const headers = await device.dma.allocate(4096, { access: 'read' });
const statuses = await device.dma.allocate(4096, { access: 'write' });
const outgoing = await device.dma.allocate(depth * BLOCK, { access: 'read' });
const incoming = await device.dma.allocate(depth * BLOCK, { access: 'write' });

const vector = device.interrupts.msix.request(0);
common.queue_select.value = 0;
common.queue_size.value = ENTRIES;
common.queue_msix_vector.value = 0;
common.queue_desc.value = descriptors.iova;
common.queue_driver.value = available.iova;
common.queue_device.value = used.iova;
common.queue_enable.value = 1;
common.device_status.value = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
const doorbell = common.queue_notify_off.value * (notifyPlace.notifyOffMultiplier ?? 0);

/** 2.7.6 and 2.7.8: both rings begin with 16 bits of flags and a 16-bit index. */
const availableRing = new Uint16Array(available.buffer);
const usedIndex = new Uint16Array(used.buffer);
const usedRing = new Uint32Array(used.buffer);
let published = 0;
let consumed = 0;

function setDescriptor(index: number, address: bigint, length: number, flags: number): void {
  const next = (flags & NEXT) === 0 ? 0 : index + 1;
  const entry = descriptor.on(descriptors, index * descriptor.size);
  Object.assign(entry, { address, length, flags, next });
}

/** Submits a request with the descriptors and buffers of a slot. */
function submit(slot: number, type: typeof READ | typeof WRITE, block: number): void {
  const data = (type === WRITE ? outgoing : incoming).iovaOf(slot * BLOCK);
  const head = slot * PER_REQUEST;
  const request = header.on(headers, slot * header.size);
  Object.assign(request, { type, sector: BigInt((block * BLOCK) / SECTOR) });
  setDescriptor(head, headers.iovaOf(slot * header.size), header.size, NEXT);
  setDescriptor(head + 1, data, BLOCK, type === WRITE ? NEXT : NEXT | DEVICE_WRITES);
  setDescriptor(head + 2, statuses.iovaOf(slot), 1, DEVICE_WRITES);
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

common.device_status.value = 0;
device.close();
process.exitCode = wrong === 0 ? 0 : 1;
