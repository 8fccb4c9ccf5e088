import type { DmaBuffer } from 'vfio';
import { NVM_READ, NVM_WRITE, PAGE_SIZE } from '../../lib/demo/nvme/registers.js';
import type { NvmeCommand, Ring } from '../../lib/demo/nvme/ring.js';

/** As in bench/c/lab/nvme.c: pages of the disk that are read, and their blocks of 512 bytes. */
const DISK = 1024;
const BLOCKS = PAGE_SIZE / 512;

type Reused = { -readonly [Key in keyof NvmeCommand]: NvmeCommand[Key] };

/** Random reads of 4 KiB, so many under way at a time; nothing is allocated for one. */
export class Reader {
  readonly #ring: Ring;
  /** A page each for the reads under way, seen as words. */
  readonly #data: Uint32Array;
  readonly #commands: Reused[];
  /** Page of the disk that each buffer is to hold. */
  readonly #pages: Uint32Array;
  #random = 1;
  #wanted = 0;
  #underWay = 0;
  #more = false;
  done = 0;

  /** @param data - a page for each read that is to be under way at most */
  constructor(ring: Ring, data: DmaBuffer) {
    const depth = data.size / PAGE_SIZE;
    this.#ring = ring;
    this.#data = new Uint32Array(data.buffer);
    this.#pages = new Uint32Array(depth);
    this.#commands = Array.from({ length: depth }, (_, id) => {
      const prp1 = data.iova + BigInt(id * PAGE_SIZE);
      return { opcode: NVM_READ, nsid: 1, prp1, prp2: 0n, cdw10: 0, cdw11: 0, cdw12: BLOCKS - 1 };
    });
  }

  /** Each page of the disk begins with its number from now on. */
  numberPages(): void {
    for (const command of this.#commands) command.opcode = NVM_WRITE;
    for (let page = 0; page < DISK; page++) {
      this.#data[0] = page;
      this.begin(1, 1, page);
      while (this.drain() === 0);
    }
    for (const command of this.#commands) command.opcode = NVM_READ;
  }

  /** @param depth - reads under way */
  begin(reads: number, depth: number, page = this.#randomPage()): void {
    this.done = 0;
    this.#wanted = reads;
    for (let id = 0; id < depth; id++) this.#put(id, id === 0 ? page : this.#randomPage());
    this.#ring.submit();
  }

  /**
   * Takes what is complete, and reads on into the same memory.
   * @returns how many were complete
   */
  drain(): number {
    const taken = this.#ring.drain(this.#complete);
    if (this.#more) {
      this.#more = false;
      this.#ring.submit();
    }
    return taken;
  }

  readonly #complete = (id: number, status: number): void => {
    if (status !== 0) throw new Error(`status ${status}`);
    const page = this.#data[id * (PAGE_SIZE / 4)];
    if (page !== this.#pages[id]) throw new Error(`page ${page}, not ${this.#pages[id]}, was read`);
    this.#underWay--;
    this.done++;
    if (this.done + this.#underWay >= this.#wanted) return;
    this.#put(id, this.#randomPage());
    this.#more = true;
  };

  #put(id: number, page: number): void {
    const command = this.#commands[id];
    if (command === undefined) throw new RangeError(`no memory for read ${id}`);
    this.#pages[id] = page;
    command.cdw10 = page * BLOCKS;
    this.#ring.put(id, command);
    this.#underWay++;
  }

  #randomPage(): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % DISK;
  }
}
