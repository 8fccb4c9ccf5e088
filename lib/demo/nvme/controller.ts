import {
  type DmaBuffer,
  type PciDevice,
  poll,
  type RegisterWindow,
  type Vector,
  VfioError,
} from '../../index.js';
import * as nvme from './registers.js';
import {
  type ControllerIdentity,
  decodeController,
  decodeNamespace,
  type NamespaceIdentity,
} from './identify.js';
import { QueuePair } from './queue.js';
import { Ring } from './ring.js';

const ADMIN_DEPTH = 32;
/** Timeout of a command, in ms. The time is long enough for an emulated machine on a busy host. */
const COMMAND_TIMEOUT_MS = 20_000;

/**
 * A queue pair and the MSI-X vector that signals its completions. For a polled queue, the vector is
 * null.
 */
export interface IoQueue {
  readonly queue: QueuePair;
  readonly vector: Vector | null;
}

/** Dword 11 of Create I/O Completion Queue: interrupts enabled, physically contiguous. */
const IEN = 0b10;
const PC = 0b01;

/** Drives an NVMe controller. Each queue uses its own vector. The admin queue uses vector 0. */
export class NvmeController {
  readonly #device: PciDevice;
  readonly #window: RegisterWindow;
  readonly #registers: ReturnType<typeof nvme.controllerRegisters.on>;
  /** Maximum number of entries in a queue. */
  readonly #maxQueueEntries: number;
  /** Bytes between doorbells. */
  readonly #doorbellStride: number;
  /** Longest time from a change of the bit `CC.EN` to the change of the bit `CSTS.RDY`, in ms. */
  readonly #wait: { readonly timeout: number };
  readonly #buffers: DmaBuffer[] = [];
  readonly #io: IoQueue[] = [];
  #admin!: IoQueue;
  /** Number of interrupts so far for each vector. */
  readonly interrupts: number[] = [];

  private constructor(device: PciDevice) {
    this.#device = device;
    this.#window = device.bar(0).map();
    this.#registers = nvme.controllerRegisters.on(this.#window);
    const { mqes, dstrd, to } = this.#registers.cap.read();
    this.#maxQueueEntries = mqes + 1;
    this.#doorbellStride = 4 << dstrd;
    this.#wait = { timeout: 500 * Math.max(1, to) };
  }

  /**
   * Disables the controller, then enables the controller with an admin queue. The controller can be
   * in any state before the call.
   */
  static async start(device: PciDevice): Promise<NvmeController> {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const controller = new NvmeController(device);
    await controller.#disable();
    await controller.#enable();
    return controller;
  }

  /** Version of the NVMe specification that the controller supports, as `major.minor.tertiary`. */
  get version(): string {
    const { mjr, mnr, ter } = this.#registers.vs.read();
    return `${mjr}.${mnr}.${ter}`;
  }

  async identifyController(): Promise<ControllerIdentity> {
    return decodeController(await this.#identify(nvme.IDENTIFY_CONTROLLER, 0), nvme.PAGE_SIZE);
  }

  async identifyNamespace(nsid: number): Promise<NamespaceIdentity> {
    return decodeNamespace(await this.#identify(nvme.IDENTIFY_NAMESPACE, nsid));
  }

  /**
   * Creates I/O queue pairs 1 to `count`. Queue n uses vector n.
   *
   * @param polled - if true, the queues have no vectors, and the caller must call `drain()` to read
   *   completions
   */
  async createIoQueues(
    count: number,
    depth: number,
    { polled = false }: { readonly polled?: boolean } = {},
  ): Promise<IoQueue[]> {
    await this.#admin.queue.submit({
      opcode: nvme.ADMIN_SET_FEATURES,
      cdw10: nvme.FEATURE_NUMBER_OF_QUEUES,
      cdw11: ((count - 1) << 16) | (count - 1),
    });
    const entries = Math.min(depth, this.#maxQueueEntries);
    for (let id = 1; id <= count; id += 1) {
      const io = this.#createQueue(id, entries, polled);
      const { submission, completion } = io.queue.ring;
      const size = ((entries - 1) << 16) | id;
      await this.#admin.queue.submit({
        opcode: nvme.ADMIN_CREATE_CQ,
        prp1: completion.iova,
        cdw10: size,
        cdw11: polled ? PC : (id << 16) | IEN | PC,
      });
      await this.#admin.queue.submit({
        opcode: nvme.ADMIN_CREATE_SQ,
        prp1: submission.iova,
        cdw10: size,
        cdw11: (id << 16) | PC,
      });
      this.#io.push(io);
    }
    return this.#io;
  }

  /** Allocates DMA memory. {@link stop} frees this memory. */
  allocate(size: number): DmaBuffer {
    const buffer = this.#device.dma.allocateSync(size);
    this.#buffers.push(buffer);
    return buffer;
  }

  /** Deletes the queues, shuts down the controller and frees the DMA memory. */
  async stop(): Promise<void> {
    for (const { queue } of this.#io) {
      await this.#admin.queue.submit({ opcode: nvme.ADMIN_DELETE_SQ, cdw10: queue.id });
      await this.#admin.queue.submit({ opcode: nvme.ADMIN_DELETE_CQ, cdw10: queue.id });
    }
    this.#registers.cc.update({ shn: nvme.SHN_NORMAL });
    await this.#registers.csts.until({ shst: nvme.SHST_COMPLETE }, this.#wait);
    await this.#disable();
    this.#device.interrupts.msix.disable();
    this.abandon(new VfioError({ code: 'ECANCELED', message: 'the controller was stopped' }));
    for (const buffer of this.#buffers) buffer.free();
    this.#window.close();
  }

  /**
   * Rejects all commands that have no completion. After a failure, no timer of a command must
   * outlive the device.
   */
  abandon(reason: Error): void {
    for (const { queue } of [this.#admin, ...this.#io]) queue.abandon(reason);
  }

  async #identify(cns: number, nsid: number): Promise<Uint8Array> {
    using data = this.#device.dma.allocateSync(nvme.PAGE_SIZE, { access: 'write' });
    await this.#admin.queue.submit({
      opcode: nvme.ADMIN_IDENTIFY,
      nsid,
      prp1: data.iova,
      cdw10: cns,
    });
    return Uint8Array.from(data.bytes);
  }

  async #disable(): Promise<void> {
    this.#registers.cc.write({ en: 0 });
    await this.#registers.csts.until({ rdy: 0 }, this.#wait);
  }

  async #enable(): Promise<void> {
    this.#admin = this.#createQueue(0, ADMIN_DEPTH, false);
    const { submission, completion } = this.#admin.queue.ring;
    this.#registers.aqa.write({ asqs: ADMIN_DEPTH - 1, acqs: ADMIN_DEPTH - 1 });
    this.#registers.asq.value = submission.iova;
    this.#registers.acq.value = completion.iova;
    this.#registers.cc.write({ en: 1, ...nvme.ENTRY_SIZES });
    await poll(() => this.#isReady(), { ...this.#wait, device: this.#device });
  }

  /** @throws VfioError EIO if the controller reports a fatal error. Only a reset ends the error. */
  #isReady(): boolean {
    const { rdy, cfs } = this.#registers.csts.read();
    if (cfs === 1) {
      const message = 'the controller reports a fatal error (CSTS.CFS) and does not become ready';
      throw new VfioError({ code: 'EIO', message, path: this.#device.name });
    }
    return rdy === 1;
  }

  #createQueue(id: number, depth: number, polled: boolean): IoQueue {
    const stride = this.#doorbellStride;
    const ring = new Ring(
      depth,
      this.allocate(depth * nvme.SQ_ENTRY_SIZE),
      this.allocate(depth * nvme.CQ_ENTRY_SIZE),
      this.#window,
      {
        tail: nvme.REG_DOORBELLS + 2 * id * stride,
        head: nvme.REG_DOORBELLS + (2 * id + 1) * stride,
      },
    );
    const queue = new QueuePair(id, ring, COMMAND_TIMEOUT_MS);
    if (polled) return { queue, vector: null };
    const vector = this.#device.interrupts.msix.request(id);
    this.interrupts[id] = 0;
    vector.on('interrupt', () => {
      this.interrupts[id] = (this.interrupts[id] ?? 0) + 1;
      queue.drain();
    });
    return { queue, vector };
  }
}
