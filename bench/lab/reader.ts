import type { DmaBuffer, RegisterWindow } from 'vfio';
import { NVM_READ, NVM_WRITE, PAGE_SIZE } from '../../lib/demo/nvme/registers.js';
import type { Ring } from '../../lib/demo/nvme/ring.js';

/** As in bench/c/lab/nvme.c: pages of the disk that are read, and their blocks of 512 bytes. */
const DISK = 1024;
const BLOCKS = PAGE_SIZE / 512;

// Dwords, as shifts: what multiplies and adds is checked for overflows, and shifts and ors are not.
const COMMAND = 4;
const COMPLETION = 2;
const PAGE = 10;
const SLOT = 1;

/**
 * Random reads of 4 KiB, so many under way at a time, with a ring of its own as in the C program: a
 * read is put where the completion of the last one is taken. What is the same in every command is
 * written once. Words are signed, because all of those fit into V8's small integers.
 */
export class Reader {
  readonly #commands: Int32Array;
  readonly #completions: Int32Array;
  readonly #registers: RegisterWindow;
  readonly #tailDoorbell: number;
  readonly #headDoorbell: number;
  /** A page for each read under way. */
  readonly #data: Int32Array;
  /** What belongs to each of them: page of the disk that it is to hold, and low dword of its IOVA. */
  readonly #slots: Int32Array;
  /** Entries of a ring, a power of two, less one; head and tail count on beyond it. */
  readonly #mask: number;
  readonly #lap: number;
  #tail = 0;
  #head = 0;
  #opcode = NVM_READ;
  #random = 1;
  /** Reads that are not under way yet. */
  #left = 0;
  done = 0;

  /**
   * @param ring - new, and not used otherwise
   * @param data - a page for each read that is to be under way at most
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
    if (Number((data.iova + BigInt(data.size - 1)) >> 32n) !== high) throw new Error('over 4 GiB');
    for (let at = 0; at < this.#commands.length; at += 1 << COMMAND) {
      this.#commands[at | 1] = 1;
      this.#commands[at | 7] = high;
      this.#commands[at | 12] = BLOCKS - 1;
    }
  }

  /** Each page of the disk begins with its number from now on. */
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

  /** @param depth - reads under way */
  begin(reads: number, depth: number): void {
    this.done = 0;
    this.#left = reads - depth;
    for (let id = 0; id < depth; id++) this.#put(id, this.#randomPage());
    this.#submit();
  }

  /**
   * Takes what is complete, and reads on into the same memory.
   * @returns how many were complete
   */
  drain(): number {
    const end = this.#look();
    const there = (end - this.#head) | 0;
    if (there === 0) return 0;
    const completions = this.#completions;
    const mask = this.#mask;
    const tail = this.#tail;
    for (let head = this.#head; head !== end; head = (head + 1) | 0) {
      const status = completions[((head & mask) << COMPLETION) | 3] ?? 0;
      if (status >>> 17 !== 0) throw new Error(`status ${status >>> 17}`);
      const id = status & 0xffff;
      const page = this.#data[id << PAGE];
      const wanted = this.#slots[id << SLOT];
      if (page !== wanted) throw new Error(`page ${page}, not ${wanted}, was read`);
      if (this.#left > 0) {
        this.#left--;
        this.#put(id, this.#randomPage());
      }
    }
    this.#head = end;
    this.done += there;
    if (this.#tail !== tail) this.#submit();
    this.#registers.write32(this.#headDoorbell, end & mask);
    return there;
  }

  /**
   * As the ring of `vfio demo` does it: one Atomics.load, of the last completion that is there.
   * @returns the head when all of them are taken
   */
  #look(): number {
    const completions = this.#completions;
    const mask = this.#mask;
    let head = this.#head;
    while (this.#isThere(completions[((head & mask) << COMPLETION) | 3] ?? 0, head)) {
      head = (head + 1) | 0;
    }
    const found = head !== this.#head;
    const last = found ? head - 1 : head;
    const status = Atomics.load(completions, ((last & mask) << COMPLETION) | 3);
    return !found && this.#isThere(status, head) ? (head + 1) | 0 : head;
  }

  /** The phase is 1 in the first lap, and changes with every one. */
  #isThere(status: number, head: number): boolean {
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
