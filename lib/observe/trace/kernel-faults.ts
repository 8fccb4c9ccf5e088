/** Finds the DMA transfers that the IOMMU refused, in the log of the kernel. */
import { closeSync, constants, openSync, readSync } from 'node:fs';
import type { DmaFaultLine } from './format.js';

const KERNEL_LOG = '/dev/kmsg';
/** Maximum size of a record: PRINTK_MESSAGE_MAX of the kernel. */
const RECORD_SIZE = 2048;

/** Level, sequence number, microseconds of the kernel's clock, flags, and the message. */
const RECORD = /^\d+,\d+,(\d+),[^;]*;(.*)$/m;

/**
 * The messages of the IOMMU drivers of Intel and AMD. The message of an Intel IOMMU contains the
 * reason.
 */
const INTEL =
  /DMAR: \[DMA (Read|Write)[^\]]*\] Request device \[([0-9a-f:.]+)\].* fault addr (?:0x)?([0-9a-f]+) \[fault reason \w+\] (.*)/;
const AMD_DEVICE =
  /AMD-Vi: Event logged \[IO_PAGE_FAULT device=([0-9a-f:.]+) .*address=(?:0x)?([0-9a-f]+) flags=(?:0x)?([0-9a-f]+)/;
const AMD_DRIVER =
  /([0-9a-f:.]+): AMD-Vi: Event logged \[IO_PAGE_FAULT .*address=(?:0x)?([0-9a-f]+) flags=(?:0x)?([0-9a-f]+)/;
/** The bit RW of an event of an AMD IOMMU: the device wrote. */
const AMD_WRITE = 0x20;

/** A refused transfer. The name of the device can lack the domain. */
interface Fault {
  readonly device: string;
  readonly text: string;
}

/** Returns the fault that a message of the kernel reports, or null. */
export function parseFault(message: string): Fault | null {
  const [, kind, device, address = '', reason = ''] = INTEL.exec(message) ?? [];
  if (device !== undefined) return { device, text: describe(kind === 'Write', address, reason) };
  const [, amd, at = '', flags = ''] = AMD_DEVICE.exec(message) ?? AMD_DRIVER.exec(message) ?? [];
  if (amd === undefined) return null;
  const isWrite = (Number.parseInt(flags, 16) & AMD_WRITE) !== 0;
  return { device: amd, text: describe(isWrite, at, 'page fault of the IOMMU') };
}

function describe(isWrite: boolean, address: string, reason: string): string {
  const hex = BigInt(`0x${address}`).toString(16);
  return `${isWrite ? 'write to' : 'read of'} 0x${hex}: ${reason.trim()}`;
}

/** Reads the faults that the kernel logs from now on. */
export class KernelFaults {
  readonly #fd: number | null;
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
      const fault = parseFault(message);
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
