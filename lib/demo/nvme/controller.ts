import { setTimeout as delay } from 'node:timers/promises';
import {
  type DmaBuffer,
  type PciDevice,
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
  readonly #registers: RegisterWindow;
  readonly #capabilities: nvme.ControllerCapabilities;
  readonly #buffers: DmaBuffer[] = [];
  readonly #io: IoQueue[] = [];
  #admin!: IoQueue;
  /** Number of interrupts so far for each vector. */
  readonly interrupts: number[] = [];

  private constructor(device: PciDevice) {
    this.#device = device;
    this.#registers = device.bar(0).map();
    this.#capabilities = nvme.decodeCapabilities(this.#registers.read64(nvme.REG_CAP));
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
    const vs = this.#registers.read32(nvme.REG_VS);
    return `${vs >>> 16}.${(vs >>> 8) & 0xff}.${vs & 0xff}`;
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
    const entries = Math.min(depth, this.#capabilities.maxQueueEntries);
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
    const cc = this.#registers.read32(nvme.REG_CC);
    this.#registers.write32(nvme.REG_CC, cc | nvme.CC_SHN_NORMAL);
    await this.#waitForStatus(nvme.CSTS_SHST_MASK, nvme.CSTS_SHST_COMPLETE);
    await this.#disable();
    this.#device.interrupts.msix.disable();
    this.abandon(new VfioError({ code: 'ECANCELED', message: 'the controller was stopped' }));
    for (const buffer of this.#buffers) buffer.free();
    this.#registers.close();
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
    this.#registers.write32(nvme.REG_CC, 0);
    await this.#waitForStatus(nvme.CSTS_RDY, 0);
  }

  async #enable(): Promise<void> {
    this.#admin = this.#createQueue(0, ADMIN_DEPTH, false);
    const { submission, completion } = this.#admin.queue.ring;
    this.#registers.write32(nvme.REG_AQA, ((ADMIN_DEPTH - 1) << 16) | (ADMIN_DEPTH - 1));
    this.#registers.write64(nvme.REG_ASQ, submission.iova);
    this.#registers.write64(nvme.REG_ACQ, completion.iova);
    const cc = nvme.CC_EN | nvme.CC_IOSQES_64 | nvme.CC_IOCQES_16;
    this.#registers.write32(nvme.REG_CC, cc);
    await this.#waitForStatus(nvme.CSTS_RDY, nvme.CSTS_RDY);
  }

  /** Waits until the bits of `CSTS` selected by `mask` are equal to `value`. */
  async #waitForStatus(mask: number, value: number): Promise<void> {
    const until = performance.now() + this.#capabilities.readyTimeoutMs;
    for (;;) {
      const csts = this.#registers.read32(nvme.REG_CSTS);
      if ((csts & mask) === value) return;
      if ((csts & nvme.CSTS_CFS) !== 0 || performance.now() > until) {
        throw new VfioError({
          code: 'ETIMEDOUT',
          message: `the controller status (CSTS) stays 0x${csts.toString(16)}`,
          path: this.#device.name,
        });
      }
      await delay(1);
    }
  }

  #createQueue(id: number, depth: number, polled: boolean): IoQueue {
    const { doorbellStride } = this.#capabilities;
    const ring = new Ring(
      depth,
      this.allocate(depth * nvme.SQ_ENTRY_SIZE),
      this.allocate(depth * nvme.CQ_ENTRY_SIZE),
      this.#registers,
      {
        tail: nvme.REG_DOORBELLS + 2 * id * doorbellStride,
        head: nvme.REG_DOORBELLS + (2 * id + 1) * doorbellStride,
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
