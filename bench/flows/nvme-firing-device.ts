import { openDevice, type PciDevice } from 'vfio';
import { VFIO_IRQ_INFO_NORESIZE, VFIO_PCI_MSIX_IRQ_INDEX } from '../../lib/contract/uapi.js';
import type { QueuePair } from '../../lib/demo/nvme/queue.js';
import { PolledNvme } from '../lib/nvme.js';
import type { FiringDevice, FireResult } from './firing-device.js';

const MSIX = VFIO_PCI_MSIX_IRQ_INDEX;
const BIND = 0x24;
const DISABLE = 0x21;
const TIMEOUT_MS = 20_000;
/**
 * Number of vectors that can raise the interrupt pin. QEMU keeps the pin's interrupt status in 32
 * bits. If MSI-X is disabled and a queue with a vector above 31 completes a command, QEMU aborts.
 * While MSI-X is disabled, the benchmark therefore sends no command to queues with a vector above
 * 31.
 */
const VECTORS_BY_PIN = 32;

/**
 * An NVMe controller with a queue for each vector. A command that completes on the queue fires the
 * vector. INTx has no handler. The benchmark reads the state of INTx from the device's status
 * register.
 */
export class NvmeFiringDevice implements FiringDevice {
  private constructor(
    readonly device: PciDevice,
    readonly vectors: number,
    private readonly nvme: PolledNvme,
    private readonly queues: readonly QueuePair[],
  ) {}

  static async open(name: string): Promise<NvmeFiringDevice> {
    const device = await openDevice(name);
    const { vectors } = device.config.details('msix') ?? { vectors: 0 };
    const { connection } = device;
    // QEMU sends messages for a queue only if MSI-X was enabled when the queue was created. The
    // completions of the commands that create the queues signal an unused eventfd.
    const unused = device.createEventfd();
    connection.setIrqs({ index: MSIX, flags: BIND, start: 0, count: 1, eventfds: [unused] });
    const nvme = await PolledNvme.start(device, vectors - 1);
    const queues = [nvme.admin, ...nvme.createQueues(vectors - 1)];
    connection.setIrqs({ index: MSIX, flags: DISABLE, start: 0, count: 0 });
    unused.close();
    return new NvmeFiringDevice(device, vectors, nvme, queues);
  }

  /** Whether the kernel can add vectors one by one. */
  get growable(): boolean {
    return (this.device.connection.getIrqInfo(MSIX).flags & VFIO_IRQ_INFO_NORESIZE) === 0;
  }

  fire(vectors: readonly number[]): FireResult {
    if (this.device.config.fields('msix.control').enable === 1) {
      this.nvme.fireNow(vectors.map((vector) => this.#queue(vector)));
      return { byMessage: vectors, byPin: 0 };
    }
    const possible = vectors.filter((vector) => vector < VECTORS_BY_PIN);
    for (const vector of possible) this.#fireByPin(this.#queue(vector));
    return { byMessage: [], byPin: possible.length };
  }

  /**
   * Raises the interrupt pin for a queue. The pin is deasserted when the completion is consumed.
   */
  #fireByPin(queue: QueuePair): void {
    const { config } = this.device;
    const until = performance.now() + TIMEOUT_MS;
    this.nvme.begin(queue);
    while (config.fields('status').interrupt_status === 0) {
      if (performance.now() > until)
        throw new Error(`queue ${queue.id} did not raise the pin within ${TIMEOUT_MS} ms`);
    }
    this.nvme.finish(queue);
  }

  #queue(vector: number): QueuePair {
    const queue = this.queues[vector];
    if (queue === undefined)
      throw new RangeError(`vector ${vector} has no queue: use 0 to ${this.queues.length - 1}`);
    return queue;
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}
