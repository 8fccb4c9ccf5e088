import { randomFillSync } from 'node:crypto';
import type { DmaBuffer, PciDevice } from '../../index.js';
import type { DemoReport } from '../report.js';
import { type IoQueue, NvmeController } from './controller.js';
import type { NamespaceIdentity } from './identify.js';
import { buildPrp } from './prp.js';
import { NVM_READ, NVM_WRITE, PAGE_SIZE } from './registers.js';

const NSID = 1;
const QUEUES = 2;
const QUEUE_DEPTH = 64;
/** Sizes of the transfers: one page, two pages, and a size that needs a PRP list. */
const TRANSFERS = [PAGE_SIZE, 2 * PAGE_SIZE, 8 * PAGE_SIZE] as const;

interface Transfer {
  readonly io: IoQueue;
  readonly opcode: number;
  readonly firstBlock: bigint;
  readonly length: number;
  readonly data: DmaBuffer;
  readonly list: DmaBuffer;
}

function submit(transfer: Transfer, namespace: NamespaceIdentity): Promise<number> {
  const { io, opcode, firstBlock, length, data, list } = transfer;
  return io.queue.submit({
    opcode,
    nsid: NSID,
    ...buildPrp(data, length, list),
    cdw10: Number(firstBlock & 0xffff_ffffn),
    cdw11: Number(firstBlock >> 32n),
    cdw12: length / namespace.blockSize - 1,
  });
}

/** Result of one transfer. */
interface Verified {
  readonly bytes: number;
  readonly equal: boolean;
}

/**
 * Writes random data, reads the blocks back into other memory and compares the data. At the end,
 * the old contents of the blocks are restored, so the demo keeps the data of the disk.
 */
async function verifyTransfer(
  controller: NvmeController,
  io: IoQueue,
  namespace: NamespaceIdentity,
  firstBlock: bigint,
  length: number,
): Promise<Verified> {
  const list = controller.allocate(PAGE_SIZE);
  const [before, written, read] = [
    controller.allocate(length),
    controller.allocate(length),
    controller.allocate(length),
  ];
  const at = { io, firstBlock, length, list };
  await submit({ ...at, opcode: NVM_READ, data: before }, namespace);
  randomFillSync(written.bytes);
  try {
    await submit({ ...at, opcode: NVM_WRITE, data: written }, namespace);
    await submit({ ...at, opcode: NVM_READ, data: read }, namespace);
  } finally {
    await submit({ ...at, opcode: NVM_WRITE, data: before }, namespace);
  }
  // The memory can be larger than the transfer, because it has whole pages of the machine.
  const sent = written.bytes.subarray(0, length);
  return { bytes: length, equal: Buffer.compare(sent, read.bytes.subarray(0, length)) === 0 };
}

/** Starts an NVMe controller, verifies I/O on two queues and stops the controller. */
export async function nvmeDemo(device: PciDevice): Promise<DemoReport> {
  const { msix } = device.interrupts;
  msix.enable({ vectors: Math.min(1 + QUEUES, msix.count) });
  const controller = await NvmeController.start(device);
  try {
    return await verify(controller);
  } catch (error) {
    controller.abandon(error as Error);
    throw error;
  }
}

async function verify(controller: NvmeController): Promise<DemoReport> {
  const identity = await controller.identifyController();
  const namespace = await controller.identifyNamespace(NSID);
  const queues = await controller.createIoQueues(QUEUES, QUEUE_DEPTH);

  let firstBlock = 0n;
  const transfers: Promise<Verified>[] = [];
  for (const io of queues) {
    for (const length of TRANSFERS) {
      transfers.push(verifyTransfer(controller, io, namespace, firstBlock, length));
      firstBlock += BigInt(length / namespace.blockSize);
    }
  }
  const verified = await Promise.all(transfers);
  const completions = queues.map(({ queue }) => queue.completed);
  const { version } = controller;
  await controller.stop();

  const equal = verified.every((one) => one.equal);
  const bytes = verified.reduce((sum, one) => sum + one.bytes, 0);
  const served = controller.interrupts.every((count) => count > 0);
  const total = controller.interrupts.reduce((sum, count) => sum + count, 0);
  return {
    ok: equal && served,
    data: {
      controller: { ...identity, version },
      namespace: {
        blocks: namespace.blocks,
        blockSize: namespace.blockSize,
        bytes: namespace.blocks * BigInt(namespace.blockSize),
      },
      io: { queues: queues.length, bytesWritten: bytes, verified: equal, completions },
      interrupts: { total, byVector: controller.interrupts },
    },
    lines: [
      ['controller', `${identity.model}, serial ${identity.serial}, firmware ${identity.firmware}`],
      ['NVMe version', version],
      ['namespace 1', `${namespace.blocks} blocks of ${namespace.blockSize} bytes`],
      ['I/O', `${queues.length} queues, ${bytes} bytes written and read back by DMA`],
      ['data', equal ? 'read back as written' : 'DIFFERS from what was written'],
      ['interrupts', `${total} by MSI-X (vector: ${controller.interrupts.join(', ')})`],
    ],
  };
}
