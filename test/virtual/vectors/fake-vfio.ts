import {
  type DeviceConnection,
  type Eventfd,
  type IrqSet,
  type RegisterWindow,
  VfioError,
} from 'vfio/mock';
import type { Schedule } from './schedule.js';

const MSIX = 2;
const NORESIZE = 8;
const NONE = 1;
const PBA = 0x3000;
const MMAP = 4;
const CONTROL = 12;

export interface FakeOptions {
  readonly vectors: number;
  readonly growable?: boolean;
  /** The largest number of vectors that the host can serve at the same time. */
  readonly capacity?: number;
  /** Index of the bind that fails, counted from 0. */
  readonly failAt?: number;
  /**
   * Whether CPUs handle a message only when `synchronize` is called or the event loop turns. As on
   * a real machine, a message is lost if its vector has no handler when the CPU handles the
   * message.
   */
  readonly slowCpus?: boolean;
}

interface Entry {
  masked: boolean;
  pending: boolean;
  eventfd: Eventfd | null;
  allocated: boolean;
  /** Number of messages that no CPU has handled yet. */
  sent: number;
}

/**
 * A device with MSI-X and its vfio-pci driver. A bind performs the steps of the kernel: mask the
 * vector, free the handler, request the next handler, unmask the vector. While a vector is masked,
 * its interrupts are pending in the device. While MSI-X is disabled, the device uses INTx.
 */
export class FakeVfio {
  readonly calls: IrqSet[] = [];
  /** Number of handlers that were freed because the index was disabled. */
  torn = 0;
  enabled = false;
  /** Whether the guest's driver has enabled MSI-X. */
  driverEnabled = false;
  binds = 0;
  readonly affinity = new Map<number, readonly number[]>();
  readonly entries: Entry[];
  readonly connection: DeviceConnection;

  constructor(
    readonly schedule: Schedule,
    readonly options: FakeOptions,
  ) {
    this.entries = Array.from({ length: options.vectors }, () => ({
      masked: true,
      pending: false,
      eventfd: null,
      allocated: false,
      sent: 0,
    }));
    this.connection = this.#connect();
  }

  fire(vector: number): void {
    const entry = this.#entry(vector);
    if (!this.enabled) {
      // INTx is expected after the driver itself has disabled MSI-X.
      if (this.driverEnabled) this.schedule.fired(vector, 'pin');
      return;
    }
    this.schedule.fired(vector);
    entry.pending = true;
    this.#deliver(entry);
  }

  #deliver(entry: Entry): void {
    if (!this.enabled || entry.masked || !entry.pending) return;
    entry.pending = false;
    entry.sent++;
    if (this.options.slowCpus !== true) this.#take(entry);
  }

  /** Lets the CPUs handle all messages that were sent. */
  take(): void {
    for (const entry of this.entries) this.#take(entry);
  }

  #take(entry: Entry): void {
    const { sent } = entry;
    entry.sent = 0;
    for (let i = 0; i < sent; i++) entry.eventfd?.signal();
  }

  #set(set: IrqSet): number {
    this.calls.push(set);
    this.schedule.step();
    if ((set.flags & NONE) !== 0) {
      this.#disable();
      return 0;
    }
    if (!this.enabled) {
      for (let v = 0; v < set.start + set.count; v++) this.#entry(v).allocated = true;
      this.schedule.step();
      this.enabled = true;
      this.schedule.step();
    }
    for (let i = 0; i < set.count; i++) this.#bind(set.start + i, set.eventfds?.[i] ?? null);
    return 0;
  }

  #bind(vector: number, eventfd: Eventfd | number | null): void {
    const entry = this.#entry(vector);
    entry.masked = true;
    this.schedule.step();
    entry.eventfd = null;
    entry.sent = 0;
    this.schedule.step();
    if (eventfd === null || typeof eventfd === 'number') return;
    if (!entry.allocated && this.options.growable !== true) throw error('EINVAL');
    const full = this.#served >= (this.options.capacity ?? Infinity);
    if (this.binds++ === this.options.failAt || full) throw error('ENOSPC');
    entry.allocated = true;
    entry.eventfd = eventfd;
    this.schedule.step();
    entry.masked = false;
    this.#deliver(entry);
    this.schedule.step();
  }

  #disable(): void {
    if (!this.enabled) throw error('EINVAL');
    for (const entry of this.entries) {
      entry.masked = true;
      if (entry.eventfd !== null) this.torn++;
      entry.eventfd = null;
      entry.sent = 0;
      entry.allocated = false;
      this.schedule.step();
    }
    this.enabled = false;
    this.schedule.step();
  }

  get #served(): number {
    return this.entries.filter(({ eventfd }) => eventfd !== null).length;
  }

  #entry(vector: number): Entry {
    const entry = this.entries[vector];
    if (entry === undefined) throw new RangeError(`vector ${vector}`);
    return entry;
  }

  /** Returns the mapped page of the table. */
  #window(): RegisterWindow {
    const at = (offset: number) => this.#entry((offset - CONTROL) / 16);
    const parts: Partial<RegisterWindow> = {
      read32: (offset) => (offset % 16 === CONTROL && at(offset).masked ? 1 : 0),
      write32: (offset, value) => {
        this.schedule.step();
        at(offset).masked = (value & 1) !== 0;
        this.#deliver(at(offset));
        this.schedule.step();
      },
      close: () => undefined,
    };
    return parts as RegisterWindow;
  }

  #connect(): DeviceConnection {
    const { growable, vectors } = this.options;
    const parts: Partial<DeviceConnection> = {
      name: 'fake',
      getIrqInfo: () => ({
        index: MSIX,
        flags: 1 | (growable === true ? 0 : NORESIZE),
        count: vectors,
      }),
      setIrqs: (set) => this.#set(set),
      synchronizeIrqs: (_index, vectors) => {
        this.schedule.step();
        for (const vector of vectors) this.#take(this.#entry(vector));
        this.schedule.step();
      },
      getRegionInfo: (index) => ({ index, flags: MMAP, size: 0x4000n, capabilities: [] }),
      map: () => this.#window(),
      setAffinity: (_index, vector, cpus) => {
        this.affinity.set(vector, cpus);
      },
      createEventfd: () => this.schedule.createEventfd(),
      createEventSet: (capacity) => this.schedule.createEventSet(capacity),
      read: (_region, _offset, into) => {
        into.set([0x10], 0x06);
        into.set([0x40], 0x34);
        into.set([0x11, 0, vectors - 1, 0, 0, 0x20, 0, 0, 0, PBA >> 8, 0, 0], 0x40);
        return into.length;
      },
      load: (_region, offset) => {
        const first = (offset - PBA) * 8;
        return this.entries
          .slice(first, first + 32)
          .reduce((bits, { pending }, i) => (pending ? bits | (1 << i) : bits), 0);
      },
    };
    return parts as DeviceConnection;
  }
}

function error(code: string): VfioError {
  return new VfioError({ code, syscall: 'VFIO_DEVICE_SET_IRQS' });
}
