import type { DmaBuffer, RegisterWindow } from 'vfio';
import { NVM_READ, NVM_WRITE, PAGE_SIZE } from '../../lib/demo/nvme/registers.js';
import type { Ring } from '../../lib/demo/nvme/ring.js';

/**
 * DISK: number of disk pages that are read. BLOCKS: 512-byte blocks per page. DISK and BLOCKS must
 * have the same values as in bench/c/lab/nvme.c.
 */
const DISK = 1024;
const BLOCKS = PAGE_SIZE / 512;

// Base-2 logarithms of sizes in dwords. V8 checks the results of `*` and `+` for overflow, but not
// the results of `<<` and `|`.
const COMMAND = 4;
const COMPLETION = 2;
const PAGE = 10;
const SLOT = 1;

/**
 * Does random reads of 4 KiB, a fixed number at a time. Like the C program, the reader has its own
 * ring. The loop that consumes a completion also writes the next read command into the ring.
 * Command fields that never change are written only once. The words are signed, because V8 stores
 * every signed 32-bit word as a small integer.
 */
export class Reader {
  readonly #commands: Int32Array;
  readonly #completions: Int32Array;
  readonly #registers: RegisterWindow;
  readonly #tailDoorbell: number;
  readonly #headDoorbell: number;
  /** The memory of the reads: one page for each read. */
  readonly #data: Int32Array;
  /**
   * For each read: the number of the expected disk page, and the low dword of the memory's IOVA.
   */
  readonly #slots: Int32Array;
  /**
   * Number of ring entries minus one. The number of ring entries is a power of two. Head and tail
   * count all entries and do not wrap at the end of the ring.
   */
  readonly #mask: number;
  readonly #lap: number;
  #tail = 0;
  #head = 0;
  #opcode = NVM_READ;
  #random = 1;
  /** Number of reads that are not submitted yet. */
  #left = 0;
  done = 0;

  /**
   * @param ring - a new ring that nothing else uses
   * @param data - memory with one page for each read that runs at the same time
   */
  constructor({ depth, submission, completion, registers, doorbells }: Ring, data: DmaBuffer) {
    this.#mask = depth - 1;
    this.#lap = Math.log2(depth);
    this.#commands = new Int32Array(submission.buffer, 0, depth << COMMAND);
    this.#completions = new Int32Array(completion.buffer, 0, depth << COMPLETION);
    this.#registers = registers;
    this.#tailDoorbell = doorbells.tail;
    this.#headDoorbell = doorbells.head;
    this.#data = new Int32Array(data.buffer);
    const count = data.size / PAGE_SIZE;
    this.#slots = new Int32Array(count << SLOT);
    for (let id = 0; id < count; id++) {
      this.#slots[(id << SLOT) | 1] = Number(BigInt.asIntN(32, data.iova)) + id * PAGE_SIZE;
    }
    const high = Number(data.iova >> 32n);
    if (Number((data.iova + BigInt(data.size - 1)) >> 32n) !== high)
      throw new Error('the memory crosses a 4 GiB boundary');
    for (let at = 0; at < this.#commands.length; at += 1 << COMMAND) {
      this.#commands[at | 1] = 1;
      this.#commands[at | 7] = high;
      this.#commands[at | 12] = BLOCKS - 1;
    }
  }

  /** Writes the number of each disk page to the start of the page. */
  numberPages(): void {
    this.#opcode = NVM_WRITE;
    for (let page = 0; page < DISK; page++) {
      this.#data[0] = page;
      this.#put(0, page);
      this.#submit();
      while (this.drain() === 0);
    }
    this.#opcode = NVM_READ;
  }

  /**
   * Starts to read.
   * @param depth - number of reads at a time
   */
  begin(reads: number, depth: number): void {
    this.done = 0;
    this.#left = reads - depth;
    for (let id = 0; id < depth; id++) this.#put(id, this.#randomPage());
    this.#submit();
  }

  /**
   * Consumes the new completions. For each completed read, submits the next read into the same
   * memory.
   * @returns the number of consumed completions
   */
  drain(): number {
    const end = this.#findEnd();
    const count = (end - this.#head) | 0;
    if (count === 0) return 0;
    const completions = this.#completions;
    const mask = this.#mask;
    const tail = this.#tail;
    for (let head = this.#head; head !== end; head = (head + 1) | 0) {
      const status = completions[((head & mask) << COMPLETION) | 3] ?? 0;
      if (status >>> 17 !== 0) throw new Error(`status ${status >>> 17}`);
      const id = status & 0xffff;
      const page = this.#data[id << PAGE];
      const wanted = this.#slots[id << SLOT];
      if (page !== wanted)
        throw new Error(`a read returned disk page ${page} instead of page ${wanted}`);
      if (this.#left > 0) {
        this.#left--;
        this.#put(id, this.#randomPage());
      }
    }
    this.#head = end;
    this.done += count;
    if (this.#tail !== tail) this.#submit();
    this.#registers.write32(this.#headDoorbell, end & mask);
    return count;
  }

  /**
   * Finds the new completions. Like the ring of `vfio demo`, this method uses Atomics.load only for
   * the last new completion.
   * @returns the head of the ring after the last new completion
   */
  #findEnd(): number {
    const completions = this.#completions;
    const mask = this.#mask;
    let head = this.#head;
    while (this.#isNew(completions[((head & mask) << COMPLETION) | 3] ?? 0, head)) {
      head = (head + 1) | 0;
    }
    const found = head !== this.#head;
    const last = found ? head - 1 : head;
    const status = Atomics.load(completions, ((last & mask) << COMPLETION) | 3);
    return !found && this.#isNew(status, head) ? (head + 1) | 0 : head;
  }

  /**
   * Whether a completion is new. The phase of a new completion is 1 in the first lap of the ring.
   * The phase changes with each lap.
   */
  #isNew(status: number, head: number): boolean {
    return (((status >>> 16) ^ (head >>> this.#lap)) & 1) !== 0;
  }

  #put(id: number, page: number): void {
    const commands = this.#commands;
    const slots = this.#slots;
    const slot = id << SLOT;
    const at = (this.#tail & this.#mask) << COMMAND;
    slots[slot] = page;
    commands[at] = this.#opcode | (id << 16);
    commands[at | 6] = slots[slot | 1] ?? 0;
    commands[at | 10] = page * BLOCKS;
    this.#tail = (this.#tail + 1) | 0;
  }

  #submit(): void {
    this.#registers.write32(this.#tailDoorbell, this.#tail & this.#mask);
  }

  #randomPage(): number {
    let random = this.#random;
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    this.#random = random;
    return (random >>> 0) % DISK;
  }
}
