import type {
  DeviceConnection,
  Eventfd,
  Memory,
  RegisterWindow,
} from '../../../../lib/contract/index.js';
import { enableBusMaster } from '../support.js';

const PAGE = 4096;
const ENTRIES = 16;
const CC_ENABLE = 0x0046_0001;

export interface Submission {
  opcode: number;
  flags?: number;
  namespace?: number;
  prp1?: bigint;
  prp2?: bigint;
  /** Dwords 10 to 15 of the command. */
  dwords?: readonly number[];
}

export interface Result {
  status: number;
  result: number;
  id: number;
  head: number;
}

/** A queue pair. Each queue has one page. The driver polls the memory of the completion queue. */
export class QueuePair {
  readonly #window: RegisterWindow;
  readonly #id: number;
  readonly #commands: DataView;
  readonly #completions: DataView;
  readonly #entries: number;
  #tail = 0;
  #head = 0;
  #phase = 1;
  #nextId = 0;

  constructor(window: RegisterWindow, id: number, memory: Memory, page: number, entries = ENTRIES) {
    this.#window = window;
    this.#id = id;
    this.#commands = new DataView(memory.buffer, page * PAGE, PAGE);
    this.#completions = new DataView(memory.buffer, (page + 1) * PAGE, PAGE);
    this.#entries = entries;
  }

  /**
   * Adds a command to the submission queue without a write to the doorbell.
   *
   * @returns the command id
   */
  put({ opcode, flags = 0, namespace = 0, prp1 = 0n, prp2 = 0n, dwords = [] }: Submission): number {
    const at = this.#tail * 64;
    const id = this.#nextId++;
    new Uint8Array(this.#commands.buffer, this.#commands.byteOffset + at, 64).fill(0);
    this.#commands.setUint8(at, opcode);
    this.#commands.setUint8(at + 1, flags);
    this.#commands.setUint16(at + 2, id, true);
    this.#commands.setUint32(at + 4, namespace, true);
    this.#commands.setBigUint64(at + 24, prp1, true);
    this.#commands.setBigUint64(at + 32, prp2, true);
    for (const [i, dword] of dwords.entries())
      this.#commands.setUint32(at + 40 + 4 * i, dword, true);
    this.#tail = (this.#tail + 1) % this.#entries;
    return id;
  }

  ring(): void {
    this.#window.write32(0x1000 + 8 * this.#id, this.#tail);
  }

  /**
   * Returns the next completion, or null. {@link acknowledge} removes the completion from the
   * queue.
   */
  poll(): Result | null {
    const at = this.#head * 16;
    const status = this.#completions.getUint16(at + 14, true);
    if ((status & 1) !== this.#phase) return null;
    this.#head = (this.#head + 1) % this.#entries;
    if (this.#head === 0) this.#phase ^= 1;
    return {
      status: status >>> 1,
      result: this.#completions.getUint32(at, true),
      id: this.#completions.getUint16(at + 12, true),
      head: this.#completions.getUint16(at + 8, true),
    };
  }

  acknowledge(): void {
    this.#window.write32(0x1004 + 8 * this.#id, this.#head);
  }

  run(submission: Submission): Result {
    this.put(submission);
    this.ring();
    const result = this.poll();
    if (result === null) throw new Error('no completion');
    this.acknowledge();
    return result;
  }
}

/**
 * A small NVMe driver for tests. The driver polls the admin queue. The driver's memory is mapped to
 * consecutive IOVA pages.
 */
export class NvmeDriver {
  readonly device: DeviceConnection;
  readonly window: RegisterWindow;
  readonly memory: Memory;
  admin: QueuePair;

  constructor(device: DeviceConnection, pages = 64) {
    this.device = device;
    enableBusMaster(device);
    this.window = device.map(0, 0, 0x4000);
    this.memory = device.addressSpace.allocate(pages * PAGE, false);
    device.addressSpace.mapSync(this.memory, 0, BigInt(this.memory.size), 0n, 3);
    this.window.write32(0x24, (ENTRIES - 1) * 0x10001);
    this.window.write64(0x28, 0n);
    this.window.write64(0x30, BigInt(PAGE));
    this.admin = new QueuePair(this.window, 0, this.memory, 0);
  }

  /** Enables the controller. A test can call this function again after a reset. */
  enable(): this {
    this.page(0, 4).fill(0);
    this.admin = new QueuePair(this.window, 0, this.memory, 0);
    this.window.write32(0x14, CC_ENABLE);
    return this;
  }

  /** Returns a page of the driver's memory. */
  page(n: number, count = 1): Uint8Array {
    return new Uint8Array(this.memory.buffer, n * PAGE, count * PAGE);
  }

  address(page: number): bigint {
    return BigInt(page * PAGE);
  }

  createCompletionQueue(id: number, page: number, vector: number | null, entries = ENTRIES) {
    const flags = vector === null ? 1 : 3 + vector * 0x10000;
    const dwords = [id + (entries - 1) * 0x10000, flags];
    return this.admin.run({ opcode: 5, prp1: this.address(page), dwords });
  }

  createSubmissionQueue(id: number, page: number, completions: number, entries = ENTRIES) {
    const dwords = [id + (entries - 1) * 0x10000, 1 + completions * 0x10000];
    return this.admin.run({ opcode: 1, prp1: this.address(page), dwords });
  }

  /** Creates I/O queue pair 1 in the pages 2 and 3 of the driver's memory. */
  createIo(vector: number | null = null, entries = ENTRIES): QueuePair {
    this.createCompletionQueue(1, 3, vector, entries);
    this.createSubmissionQueue(1, 2, 1, entries);
    return new QueuePair(this.window, 1, this.memory, 2, entries);
  }

  /** Enables MSI-X with `n` vectors. Binds a new eventfd to each vector. */
  enableVectors(n: number): Eventfd[] {
    const eventfds = Array.from({ length: n }, () => this.device.createEventfd());
    this.device.setIrqs({ index: 2, flags: 0x24, start: 0, count: n, eventfds });
    return eventfds;
  }
}
