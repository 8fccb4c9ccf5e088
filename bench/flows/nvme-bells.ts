import { openDevice, type PciDevice } from 'vfio';
import { VFIO_IRQ_INFO_NORESIZE, VFIO_PCI_MSIX_IRQ_INDEX } from '../../lib/contract/uapi.js';
import type { QueuePair } from '../../lib/demo/nvme/queue.js';
import { PolledNvme } from '../lib/nvme.js';
import type { Bells, Rung } from './bells.js';

const MSIX = VFIO_PCI_MSIX_IRQ_INDEX;
const BIND = 0x24;
const DISABLE = 0x21;
const PATIENCE_MS = 20_000;
/**
 * Without MSI-X QEMU keeps the causes of the pin in 32 bits, and ends itself when a queue with a
 * vector beyond completes. Those are given no commands then.
 */
const VECTORS_BY_PIN = 32;

/**
 * An NVMe controller with a queue on each of its vectors: a command on the queue completes, and its
 * vector interrupts. Interrupts of the pin have no handler; the status register tells of them.
 */
export class NvmeBells implements Bells {
  private constructor(
    readonly device: PciDevice,
    readonly vectors: number,
    private readonly nvme: PolledNvme,
    private readonly queues: readonly QueuePair[],
  ) {}

  static async open(name: string): Promise<NvmeBells> {
    const device = await openDevice(name);
    const { vectors } = device.config.details('msix') ?? { vectors: 0 };
    const { connection } = device;
    // QEMU sends the messages of a vector only if MSI-X was enabled when its queue was made, and
    // makes no others then. What the commands for that interrupt by goes nowhere.
    const unused = device.createEventfd();
    connection.setIrqs({ index: MSIX, flags: BIND, start: 0, count: 1, eventfds: [unused] });
    const nvme = await PolledNvme.start(device, vectors - 1);
    const queues = [nvme.admin, ...nvme.createQueues(vectors - 1)];
    connection.setIrqs({ index: MSIX, flags: DISABLE, start: 0, count: 0 });
    unused.close();
    return new NvmeBells(device, vectors, nvme, queues);
  }

  /** Whether vectors can be added one by one. */
  get growable(): boolean {
    return (this.device.connection.getIrqInfo(MSIX).flags & VFIO_IRQ_INFO_NORESIZE) === 0;
  }

  ring(vectors: readonly number[]): Rung {
    if (this.device.config.fields('msix.control').enable === 1) {
      this.nvme.fireNow(vectors.map((vector) => this.#queue(vector)));
      return { byMessage: vectors, byPin: 0 };
    }
    const possible = vectors.filter((vector) => vector < VECTORS_BY_PIN);
    for (const vector of possible) this.#ringByPin(this.#queue(vector));
    return { byMessage: [], byPin: possible.length };
  }

  /** Taking the completion lets go of the pin. */
  #ringByPin(queue: QueuePair): void {
    const { config } = this.device;
    const until = performance.now() + PATIENCE_MS;
    this.nvme.begin(queue);
    while (config.fields('status').interrupt_status === 0) {
      if (performance.now() > until) throw new Error(`queue ${queue.id} does not raise the pin`);
    }
    this.nvme.finish(queue);
  }

  #queue(vector: number): QueuePair {
    const queue = this.queues[vector];
    if (queue === undefined) throw new RangeError(`there is no vector ${vector}`);
    return queue;
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}
