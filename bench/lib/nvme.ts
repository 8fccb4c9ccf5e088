import type { PciDevice, RegisterWindow } from 'vfio';
import { QueuePair } from '../../lib/demo/nvme/queue.js';
import * as nvme from '../../lib/demo/nvme/registers.js';
import { type NvmeCommand, Ring } from '../../lib/demo/nvme/ring.js';

const DEPTH = 16;
const TIMEOUT_MS = 20_000;
const NVM_FLUSH = 0x00;
const ADMIN_GET_FEATURES = 0x0a;

/** An NVMe controller whose completions are polled, so that a test can observe its interrupts. */
export class PolledNvme {
  readonly admin: QueuePair;

  private constructor(
    readonly device: PciDevice,
    readonly window: RegisterWindow,
    readonly registers: ReturnType<typeof nvme.controllerRegisters.on>,
    readonly stride: number,
  ) {
    this.admin = this.#queue(0);
  }

  /**
   * Starts the controller.
   * @param queues - maximum number of I/O queues
   */
  static async start(device: PciDevice, queues = 16): Promise<PolledNvme> {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const window = device.bar(0).map();
    const registers = nvme.controllerRegisters.on(window);
    const controller = new PolledNvme(device, window, registers, 4 << registers.cap.read().dstrd);
    await controller.#start(queues);
    return controller;
  }

  /**
   * Creates an I/O queue. A completion on the queue raises `vector`. By default the vector has the
   * number of the queue.
   */
  async createQueue(id: number, vector = id): Promise<QueuePair> {
    const queue = this.#queue(id);
    for (const command of creationCommands(queue, vector)) await this.run(this.admin, command);
    return queue;
  }

  /** Synchronously creates I/O queues 1 to `count`. A completion on queue n raises vector n. */
  createQueues(count: number): QueuePair[] {
    const queues = Array.from({ length: count }, (_, i) => this.#queue(i + 1));
    for (const queue of queues) {
      for (const command of creationCommands(queue, queue.id)) void this.admin.submit(command);
      this.finish(this.admin);
    }
    return queues;
  }

  /** Runs one command. The completion of the command raises one interrupt. */
  async fire(queue: QueuePair): Promise<void> {
    await this.run(queue, this.#harmless(queue));
  }

  /** Calls {@link fire} synchronously for each queue. */
  fireNow(queues: readonly QueuePair[]): void {
    for (const queue of queues) this.begin(queue);
    for (const queue of queues) this.finish(queue);
  }

  /** The first half of {@link fireNow}: submits a command. */
  begin(queue: QueuePair): void {
    void queue.submit(this.#harmless(queue));
  }

  /** The second half of {@link fireNow}: consumes the completion of the command. */
  finish(queue: QueuePair): void {
    const until = performance.now() + TIMEOUT_MS;
    while (queue.outstanding > 0) {
      if (queue.drain() === 0 && performance.now() > until) {
        throw new Error(`queue ${queue.id} did not complete within ${TIMEOUT_MS} ms`);
      }
    }
  }

  #harmless(queue: QueuePair): NvmeCommand {
    if (queue !== this.admin) return { opcode: NVM_FLUSH, nsid: 1 };
    return { opcode: ADMIN_GET_FEATURES, cdw10: nvme.FEATURE_NUMBER_OF_QUEUES };
  }

  async run(queue: QueuePair, command: NvmeCommand): Promise<number> {
    const done = queue.submit(command);
    // The completion is polled, because the tests observe the interrupt.
    const polling = setInterval(() => queue.drain(), 1);
    try {
      return await done;
    } finally {
      clearInterval(polling);
    }
  }

  async #start(queues: number): Promise<void> {
    const { registers } = this;
    registers.cc.write({ en: 0 });
    await registers.csts.until({ rdy: 0 });
    registers.aqa.write({ asqs: DEPTH - 1, acqs: DEPTH - 1 });
    registers.asq.value = this.admin.ring.submission.iova;
    registers.acq.value = this.admin.ring.completion.iova;
    registers.cc.write({ en: 1, ...nvme.ENTRY_SIZES });
    await registers.csts.until({ rdy: 1 });
    await this.run(this.admin, {
      opcode: nvme.ADMIN_SET_FEATURES,
      cdw10: nvme.FEATURE_NUMBER_OF_QUEUES,
      cdw11: ((queues - 1) << 16) | (queues - 1),
    });
  }

  #queue(id: number): QueuePair {
    const ring = new Ring(
      DEPTH,
      this.device.dma.allocateSync(DEPTH * nvme.SQ_ENTRY_SIZE),
      this.device.dma.allocateSync(DEPTH * nvme.CQ_ENTRY_SIZE),
      this.window,
      {
        tail: nvme.REG_DOORBELLS + 2 * id * this.stride,
        head: nvme.REG_DOORBELLS + (2 * id + 1) * this.stride,
      },
    );
    return new QueuePair(id, ring, TIMEOUT_MS);
  }
}

/** The commands that create a completion queue and its submission queue. */
function creationCommands({ id, ring }: QueuePair, vector: number): NvmeCommand[] {
  const size = ((DEPTH - 1) << 16) | id;
  return [
    {
      opcode: nvme.ADMIN_CREATE_CQ,
      prp1: ring.completion.iova,
      cdw10: size,
      cdw11: (vector << 16) | 0b11,
    },
    {
      opcode: nvme.ADMIN_CREATE_SQ,
      prp1: ring.submission.iova,
      cdw10: size,
      cdw11: (id << 16) | 0b1,
    },
  ];
}
