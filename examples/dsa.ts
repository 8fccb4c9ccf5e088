/**
 * Intel's Data Streaming Accelerator with PASIDs (registers: drivers/dma/idxd/registers.h of
 * Linux). Each work queue has the PASID of one process. The work in a queue accesses memory with
 * this PASID, and can raise only interrupts of this PASID. The example runs only on the mock. A
 * real DSA receives descriptors by special CPU instructions, which JavaScript cannot run.
 *
 *   npx tsx node_modules/vfio/examples/dsa.ts
 */
import { setImmediate } from 'node:timers/promises';
import { openDevice, type DmaBuffer } from 'vfio';

const TABLE_OFFSET = 0x60;
const CMD = 0xa0;
const CMDSTS = 0xa8;
const CMDSTS_ACTIVE = 2 ** 31;
const ENABLE_DEVICE = 1;
const ENABLE_WQ = 6;
const REQUEST_INT_HANDLE = 13;
const RELEASE_INT_HANDLE = 14;
const WQCFG_SIZE = 32;
const QUEUE_DEPTH = 16;
/**
 * Bits of a queue's configuration: the queue is dedicated to one submitter, and the PASID in bits
 * 27:8 is valid.
 */
const DEDICATED = 1 << 0;
const PASID_ENABLE = 1 << 28;
/**
 * If this bit of an MSIX_PERM entry is set, only work with the PASID in bits 31:12 raises the
 * vector.
 */
const PERM_PASID_ENABLE = 1 << 3;
/**
 * Size of a queue's portals in bytes: four pages. If a program writes a descriptor to the first
 * page, the descriptor's interrupt handle stands for an MSI-X vector.
 */
const PORTALS = 4 * 0x1000;
const DESCRIPTOR = 64;
const MEMMOVE = 3;
/**
 * Flags of a descriptor: completion record address valid, completion record requested, interrupt
 * requested.
 */
const FLAGS = 0x04 | 0x08 | 0x10;
const SUCCESS = 0x01;
const NOT_YOUR_HANDLE = 0x19;

/** Two processes, each with a work queue and a vector. The device itself uses vector 0. */
const PROCESSES = [
  { pasid: 0x101, queue: 0, vector: 1 },
  { pasid: 0x102, queue: 1, vector: 2 },
] as const;

// PASIDs need iommufd, so the example opens the device via its character device.
const device = await openDevice('mock:dsa', { via: 'cdev' });
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = device.bar(0).map();
const portals = device.bar(2).map();
const tables = registers.read64(TABLE_OFFSET);
const table = (i: number) => Number((tables >> BigInt(16 * i)) & 0xffffn) * 0x100;
const [workQueues, permissions] = [table(1), table(2)];

/** Runs a command of the device. @returns the result of the command */
async function command(code: number, operand = 0): Promise<number> {
  registers.write32(CMD, (code << 20) | operand);
  let status = CMDSTS_ACTIVE;
  while (status >= CMDSTS_ACTIVE) {
    await setImmediate();
    status = registers.read32(CMDSTS);
  }
  if ((status & 0xff) !== 0) throw new Error(`command ${code}: 0x${status.toString(16)}`);
  return status >>> 8;
}

/** The memory that a descriptor uses: source, target and completion record. */
interface Memory {
  readonly source: DmaBuffer;
  readonly target: DmaBuffer;
  readonly record: DmaBuffer;
}

/**
 * Copies memory by a descriptor in a work queue.
 * @returns the status of the completion record
 */
async function copy(queue: number, handle: number, memory: Memory, size: number): Promise<number> {
  const bytes = new Uint8Array(DESCRIPTOR);
  const descriptor = new DataView(bytes.buffer);
  descriptor.setUint32(4, ((MEMMOVE << 24) | FLAGS) >>> 0, true);
  descriptor.setBigUint64(8, memory.record.iova, true);
  descriptor.setBigUint64(16, memory.source.iova, true);
  descriptor.setBigUint64(24, memory.target.iova, true);
  descriptor.setUint32(32, size, true);
  descriptor.setUint16(36, handle, true);
  memory.record.bytes.fill(0);
  portals.writeBlock(queue * PORTALS, bytes, 8);
  while (Atomics.load(memory.record.bytes, 0) === 0) await setImmediate();
  return memory.record.bytes[0] ?? 0;
}

await command(ENABLE_DEVICE);
const processes = [];
for (const { pasid, queue, vector } of PROCESSES) {
  // The IOMMU allows requests with this PASID to access the mapped memory.
  device.attachPasid(pasid);
  registers.write32(workQueues + queue * WQCFG_SIZE, QUEUE_DEPTH);
  registers.write32(workQueues + queue * WQCFG_SIZE + 8, DEDICATED | (pasid << 8) | PASID_ENABLE);
  await command(ENABLE_WQ, queue);
  registers.write32(permissions + 8 * vector, (pasid << 12) | PERM_PASID_ENABLE);
  const interrupt = device.interrupts.msix.request(vector);
  processes.push({
    pasid,
    queue,
    vector,
    interrupt,
    handle: await command(REQUEST_INT_HANDLE, vector),
  });
}

const memory: Memory = {
  source: await device.dma.allocate(4096, { access: 'read' }),
  target: await device.dma.allocate(4096, { access: 'write' }),
  record: await device.dma.allocate(4096, { access: 'write' }),
};
for (const { pasid, queue, vector, interrupt, handle } of processes) {
  const text = new TextEncoder().encode(`work of PASID 0x${pasid.toString(16)}`);
  memory.source.bytes.set(text);
  const arrived = interrupt.next();
  const status = await copy(queue, handle, memory, text.length);
  if (status !== SUCCESS) throw new Error(`status 0x${status.toString(16)}`);
  await arrived;
  const copied = new TextDecoder().decode(memory.target.bytes.subarray(0, text.length));
  console.log(`queue ${queue} copied '${copied}' and raised vector ${vector}`);
}

// The device refuses a descriptor with the interrupt handle of the other process.
const [first, second] = processes;
if (first !== undefined && second !== undefined) {
  let raised = 0;
  first.interrupt.on('interrupt', () => raised++);
  const status = await copy(second.queue, first.handle, memory, 1);
  await setImmediate();
  const what = status === NOT_YOUR_HANDLE ? 'refused' : `status 0x${status.toString(16)}`;
  console.log(
    `queue ${second.queue} tried to raise vector ${first.vector}: ${what}, ${raised} interrupts`,
  );
}

for (const { pasid, handle } of processes) {
  await command(RELEASE_INT_HANDLE, handle);
  device.detachPasid(pasid);
}
device.close();
