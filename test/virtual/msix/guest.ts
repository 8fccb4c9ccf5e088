import { createEventfd, type Eventfd, SoftwareSource, VirtualMsix } from 'vfio/mock';
import type { VirtualMsixOptions } from 'vfio/mock';

export const ENABLE = 0x8000;
export const FUNCTION_MASK = 0x4000;
export const CONTROL = 12;
export const DATA = 8;

/** A guest that accesses an MSI-X table and has an eventfd for each vector. */
export class Guest {
  readonly eventfds: Eventfd[] = [];

  constructor(readonly msix: VirtualMsix) {
    for (let vector = 0; vector < msix.vectors; vector++) {
      const eventfd = createEventfd();
      this.eventfds.push(eventfd);
      msix.connect(vector, eventfd);
    }
  }

  control(bits: number): void {
    this.msix.configWrite(2, 2, bits);
  }

  mask(vector: number, masked = true): void {
    this.msix.tableWrite(vector * 16 + CONTROL, 4, masked ? 1 : 0);
  }

  unmask(vector: number): void {
    this.mask(vector, false);
  }

  /** Returns the number of interrupts delivered to a vector since the last call. */
  taken(vector: number): number {
    return Number(this.eventfds[vector]?.read() ?? 0n);
  }
}

export function tableOf(vectors: number, options: Partial<VirtualMsixOptions> = {}): VirtualMsix {
  return new VirtualMsix({
    vectors,
    table: { bar: 0, offset: 0 },
    pba: { bar: 0, offset: 0x10000 },
    ...options,
  });
}

/** Creates a table of emulated vectors, the guest of the table and the software source. */
export function emulated(
  vectors: number,
  options: Partial<VirtualMsixOptions> = {},
): { msix: VirtualMsix; guest: Guest; software: SoftwareSource } {
  const msix = tableOf(vectors, options);
  const software = new SoftwareSource(msix);
  software.emulate(0, vectors);
  return { msix, guest: new Guest(msix), software };
}
