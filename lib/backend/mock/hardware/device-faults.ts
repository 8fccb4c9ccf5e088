import type { Width } from '../../../contract/index.js';
import { InjectedFaults } from './command-faults.js';
import { type FaultCount, FaultList } from '../machine/fault-list.js';

/** A value that a read of a BAR returns instead of the value of the device. */
export interface ReadOverride {
  readonly bar: number;
  /** Bytes from the start of the BAR. */
  readonly offset: number;
  readonly width: Width;
  readonly value: bigint;
}

/** Whether the device reads or writes the memory of the host. */
export type DmaDirection = 'read' | 'write';

/** Faults of one function. A test can inject the faults before the function is opened. */
export class DeviceFaults {
  readonly commands = new InjectedFaults();
  /** For each fault, the direction of the transfers that fail; null for both directions. */
  readonly #dma = new FaultList<DmaDirection | null>();
  readonly #reads = new FaultList<ReadOverride>();

  failDma(direction: DmaDirection | null, count: FaultCount): void {
    this.#dma.add(direction, count);
  }

  overrideRead(override: ReadOverride, count: FaultCount): void {
    this.#reads.add(override, count);
  }

  /** Counts a DMA transfer. Returns whether the transfer fails. */
  takeDma(direction: DmaDirection): boolean {
    return this.#dma.take((only) => only === null || only === direction) !== undefined;
  }

  /** Whether {@link applyOverrides} can change a value. */
  get hasOverrides(): boolean {
    return !this.#reads.isEmpty;
  }

  /** Counts a read of a BAR. Returns the value that the program reads. */
  applyOverrides(bar: number, offset: number, width: Width, value: bigint): bigint {
    let result = value;
    const overlapping = this.#reads.takeAll(
      (one) => one.bar === bar && one.offset < offset + width && offset < one.offset + one.width,
    );
    for (const one of overlapping) {
      const shift = BigInt(8 * (one.offset - offset));
      const ones = (1n << BigInt(8 * one.width)) - 1n;
      result = (result & ~(ones << shift)) | (one.value << shift);
    }
    return BigInt.asUintN(8 * width, result);
  }

  clear(): void {
    this.commands.clear();
    this.#dma.clear();
    this.#reads.clear();
  }
}
