/** Finds the DMA transfers that the IOMMU refused, in the log of the kernel. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import { FaultMessages } from './fault-messages.js';
import type { DmaFaultLine } from './format.js';

const KERNEL_LOG = '/dev/kmsg';
/** Maximum size of a record: PRINTK_MESSAGE_MAX of the kernel. */
const RECORD_SIZE = 2048;

/** Level, sequence number, microseconds of the kernel's clock, flags, and the message. */
const RECORD = /^\d+,\d+,(\d+),[^;]*;(.*)$/m;

/** Reads the faults that the kernel logs from now on. */
export class KernelFaults {
  readonly #fd: number | null;
  readonly #messages = new FaultMessages();
  /** The error code if the log cannot be read; otherwise null. */
  readonly obstacle: string | null = null;

  constructor() {
    this.#fd = null;
    try {
      this.#fd = openSync(KERNEL_LOG, constants.O_RDONLY | constants.O_NONBLOCK);
      while (this.#readRecord() !== null);
    } catch (error) {
      this.obstacle = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    }
  }

  /** Returns the new faults of the devices with these names. */
  take(devices: readonly string[]): DmaFaultLine[] {
    const faults: DmaFaultLine[] = [];
    for (let record = this.#readRecord(); record !== null; record = this.#readRecord()) {
      const [, microseconds = '0', message = ''] = RECORD.exec(record) ?? [];
      const fault = this.#messages.add(message);
      const device = devices.find((name) => fault !== null && name.endsWith(fault.device));
      if (fault === null || device === undefined) continue;
      const at = Number(microseconds) * 1000;
      faults.push({ type: 'dmaFault', at, device, text: fault.text });
    }
    return faults;
  }

  [Symbol.dispose](): void {
    if (this.#fd !== null) closeSync(this.#fd);
  }

  /** Reads one record; null if no further record is present. */
  #readRecord(): string | null {
    if (this.#fd === null || this.obstacle !== null) return null;
    const buffer = Buffer.alloc(RECORD_SIZE);
    for (;;) {
      try {
        return buffer.toString('utf8', 0, readSync(this.#fd, buffer));
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        // EPIPE: the kernel has overwritten records that were not read yet.
        if (code === 'EPIPE') continue;
        if (code === 'EAGAIN') return null;
        throw error;
      }
    }
  }
}
