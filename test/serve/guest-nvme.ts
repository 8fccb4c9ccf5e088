/** A small NVMe driver in a "guest": memory by descriptor, posted writes, and MSI-X by eventfds. */
import type { ExecutionContext } from 'ava';
import { type RawClient, words } from './raw-client.js';
import { createEventfd, GuestRam, readEventfd } from './support.js';

export const CONFIG = 7;
const MSIX = 2;
const BIND = 0x24;
const [CC, CSTS, AQA, ASQ, ACQ] = [0x14, 0x1c, 0x24, 0x28, 0x30];
const DOORBELL = 0x1000;
const ENTRIES = 16;
const SQ_AT = 0x1000;
const CQ_AT = 0x2000;
const DATA_AT = 0x3000;
/** DMA address of the guest's memory. */
const RAM_IOVA = 0x10_0000n;
export const RAM_SIZE = 0x10_0000;

export class GuestNvme {
  readonly client: RawClient;
  readonly ram: GuestRam;
  readonly vector: number;
  #tail = 0;
  #head = 0;
  #phase = 1;

  constructor(t: ExecutionContext, client: RawClient) {
    this.client = client;
    this.ram = new GuestRam(t, RAM_SIZE);
    this.vector = createEventfd(t);
  }

  /** Maps the memory, binds vector 0 like QEMU, and enables the controller. */
  async start(): Promise<void> {
    const { client, ram } = this;
    await client.mapDma(ram.fd, 0n, RAM_IOVA, BigInt(RAM_SIZE));
    await client.write(CONFIG, 4, Uint8Array.of(0x06, 0x04));
    await client.setIrqs(MSIX, BIND, 0, 1);
    await client.setIrqs(MSIX, BIND, 0, 1, [this.vector]);
    await this.enable();
  }

  /** Enables the controller with an empty admin queue. */
  async enable(): Promise<void> {
    const { client, ram } = this;
    ram.write(SQ_AT, Buffer.alloc(2 * 4096));
    [this.#tail, this.#head, this.#phase] = [0, 0, 1];
    client.post(0, AQA, words(((ENTRIES - 1) << 16) | (ENTRIES - 1)));
    client.post(0, ASQ, words(RAM_IOVA + BigInt(SQ_AT)));
    client.post(0, ACQ, words(RAM_IOVA + BigInt(CQ_AT)));
    client.post(0, CC, words(0x0046_0001));
    while (((await client.read(0, CSTS, 4))[0] ?? 0) % 2 === 0) continue;
  }

  /** Runs an Identify Controller command. @returns the 4096 bytes of data */
  async identify(): Promise<Buffer> {
    const { client, ram } = this;
    const entry = Buffer.alloc(64);
    entry.writeUInt32LE((7 << 16) | 0x06, 0);
    entry.writeBigUInt64LE(RAM_IOVA + BigInt(DATA_AT), 24);
    entry.writeUInt32LE(1, 40);
    ram.write(DATA_AT, Buffer.alloc(4096));
    ram.write(SQ_AT + this.#tail * 64, entry);
    this.#tail = (this.#tail + 1) % ENTRIES;
    client.post(0, DOORBELL, words(this.#tail));
    const status = await this.#completion();
    if (status !== 0) throw new Error(`Identify failed with status ${status}`);
    return ram.read(DATA_AT, 4096);
  }

  /** Waits for the interrupt. @returns the number of interrupts since the last call */
  async interrupts(): Promise<bigint> {
    for (;;) {
      const count = readEventfd(this.vector);
      if (count > 0n) return count;
      await this.client.read(0, CSTS, 4);
    }
  }

  async #completion(): Promise<number> {
    for (;;) {
      const entry = this.ram.read(CQ_AT + this.#head * 16, 16);
      const status = entry.readUInt16LE(14);
      if (status % 2 === this.#phase) {
        this.#head = (this.#head + 1) % ENTRIES;
        if (this.#head === 0) this.#phase = 1 - this.#phase;
        this.client.post(0, DOORBELL + 4, words(this.#head));
        return status >>> 1;
      }
      // An answered read orders this client after the work of the device.
      await this.client.read(0, CSTS, 4);
    }
  }
}
