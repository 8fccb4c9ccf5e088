import type { ExecutionContext } from 'ava';
import * as dsa from '../../lib/demo/dsa/registers.js';
import type { DeviceServer } from 'vfio';
import { COMMANDS, type RawClient, words } from '../serve/raw-client.js';
import { connect, createEventfd, GuestRam, readEventfd } from '../serve/support.js';

const MSIX = 2;
const CONFIG = 7;
/** The addresses of the guest's memory: the completion record, the source and the destination. */
const RAM_SIZE = 0x4000;
const BASE = 0x10_0000n;
const RECORD = 0x0000;
export const SOURCE = 0x1000;
export const DESTINATION = 0x2000;
/** Flags of a descriptor: record address valid, record requested, interrupt requested. */
const FLAGS = 0x1c;

/** The fields of a descriptor. Addresses are offsets in the guest's memory. */
export interface Work {
  readonly handle: number;
  readonly opcode?: number;
  readonly source?: number;
  readonly destination?: number;
  readonly size?: number;
  /** Page of the guest's portals: 0 or 1. */
  readonly page?: number;
}

/** A guest with a driver for its virtual DSA. The driver makes the accesses of Linux's idxd. */
export class GuestDsa {
  readonly client: RawClient;
  readonly ram: GuestRam;
  /** The eventfds of the vectors: the misc interrupt, and the interrupt of the queue. */
  readonly #eventfds: readonly number[];

  private constructor(client: RawClient, ram: GuestRam, eventfds: readonly number[]) {
    this.client = client;
    this.ram = ram;
    this.#eventfds = eventfds;
  }

  /** Connects, maps memory, and enables MSI-X, the device and the queue. */
  static async start(t: ExecutionContext, server: Pick<DeviceServer, 'path'>): Promise<GuestDsa> {
    const client = await connect(t, server);
    const guest = new GuestDsa(client, new GuestRam(t, RAM_SIZE), [
      createEventfd(t),
      createEventfd(t),
    ]);
    t.is((await client.mapDma(guest.ram.fd, 0n, BASE, BigInt(RAM_SIZE))).errno, 0);
    await client.write(CONFIG, 4, Buffer.of(6, 0));
    await guest.bindVectors();
    t.is(await guest.command(dsa.IDXD_CMD_ENABLE_DEVICE), 0);
    await guest.enableQueue(t);
    return guest;
  }

  async bindVectors(): Promise<void> {
    await this.client.setIrqs(MSIX, 0x24, 0, 1);
    for (const [vector, fd] of this.#eventfds.entries()) {
      await this.client.setIrqs(MSIX, 0x24, vector, 1, [fd]);
    }
  }

  async enableQueue(t: ExecutionContext): Promise<void> {
    const wqcfg = 0x500;
    await this.write32(wqcfg, 16);
    await this.write32(wqcfg + 8, dsa.WQCFG_MODE_DEDICATED);
    t.is(await this.command(dsa.IDXD_CMD_ENABLE_WQ), 0);
  }

  async read32(offset: number): Promise<number> {
    return (await this.client.read(0, offset, 4)).readUInt32LE();
  }

  async write32(offset: number, value: number): Promise<void> {
    await this.client.write(0, offset, words(value));
  }

  /** Runs a command. @returns CMDSTS */
  async command(code: number, operand = 0): Promise<number> {
    await this.write32(dsa.IDXD_CMD_OFFSET, code * 2 ** 20 + operand);
    return this.read32(dsa.IDXD_CMDSTS_OFFSET);
  }

  /** Requests the interrupt handle of vector 1. */
  async requestHandle(): Promise<number> {
    return (await this.command(dsa.IDXD_CMD_REQUEST_INT_HANDLE, 1)) >>> dsa.IDXD_CMDSTS_RES_SHIFT;
  }

  /** Sets the PASID of vector 1. */
  async setPermission(pasid: number | null): Promise<void> {
    await this.write32(0x5008, pasid === null ? 0 : pasid * 2 ** 12 + 8);
  }

  /** Submits a descriptor by eight stores. @returns the status of the completion record, or 0 */
  async submit(work: Work): Promise<number> {
    const { handle, opcode = dsa.DSA_OPCODE_NOOP, page = 0, size = 0 } = work;
    const { source = SOURCE, destination = DESTINATION } = work;
    const descriptor = Buffer.alloc(dsa.DESCRIPTOR_SIZE);
    descriptor.writeUInt32LE(opcode * 2 ** 24 + FLAGS, 4);
    descriptor.writeBigUInt64LE(BASE + BigInt(RECORD), 8);
    descriptor.writeBigUInt64LE(BASE + BigInt(source), 16);
    descriptor.writeBigUInt64LE(BASE + BigInt(destination), 24);
    descriptor.writeUInt32LE(size, 32);
    descriptor.writeUInt16LE(handle, 36);
    this.ram.write(RECORD, Buffer.alloc(dsa.COMPLETION_SIZE));
    for (let at = 0; at < descriptor.length; at += 8) {
      this.client.post(2, page * dsa.IDXD_PORTAL_SIZE + at, descriptor.subarray(at, at + 8));
    }
    // The first answer arrives after the server has handled the stores. The device performs the work
    // in the next turn of the server's event loop, before the server handles the second read.
    for (let n = 0; n < 2; n++) await this.read32(dsa.IDXD_GENSTATS_OFFSET);
    return this.ram.read(RECORD, 1)[0] ?? 0;
  }

  /** Returns the number of interrupts since the last call: misc, and the interrupt of the queue. */
  takeInterrupts(): number[] {
    return this.#eventfds.map((fd) => Number(readEventfd(fd)));
  }

  reset(): Promise<unknown> {
    return this.client.request(COMMANDS.reset);
  }
}
