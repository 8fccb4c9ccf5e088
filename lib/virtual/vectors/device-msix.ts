import type { DeviceConnection, RegisterWindow } from '../../contract/index.js';
import {
  VFIO_PCI_CONFIG_REGION_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_REGION_INFO_FLAG_MMAP,
} from '../../contract/uapi.js';
import { PAGE_SIZE } from '../../checks.js';
import { VfioError } from '../../errors.js';
import { DECODERS, walkCapabilities } from '../../pci/index.js';

const CONFIG_SIZE = 256;
const ENTRY_SIZE = 16;
const VECTOR_CONTROL = 12;
const MASKED = 1;

interface Places {
  readonly table: { readonly region: number; readonly offset: number };
  readonly pba: { readonly region: number; readonly offset: number };
  readonly vectors: number;
}

/** The MSI-X table and the pending bits of a device itself. */
export class DeviceMsix {
  readonly #connection: DeviceConnection;
  #places: Places | null | undefined;
  #table: { readonly window: RegisterWindow; readonly start: number } | null | undefined;

  constructor(connection: DeviceConnection) {
    this.#connection = connection;
  }

  /** false as well where the device cannot be asked: its memory is disabled. */
  isPending(vector: number): boolean {
    this.#places ??= this.#find();
    if (this.#places === null) return false;
    const { region, offset } = this.#places.pba;
    try {
      // vfio-pci hides the table from reads of the BAR, not the pending bits.
      const bits = this.#connection.load(region, offset + (vector >>> 5) * 4, 4);
      return (bits & (1 << (vector & 31))) !== 0;
    } catch (error) {
      if (error instanceof VfioError) return false;
      throw error;
    }
  }

  /**
   * Before SET_IRQS takes vectors from their eventfds: masks them in the device, which keeps from
   * then on what fires, and waits for what is on its way to a CPU, which SET_IRQS would drop.
   * Binding the next eventfd unmasks a vector. Where the table cannot be mapped, only the second
   * half is done.
   */
  quiesce(vectors: readonly number[]): void {
    this.#table ??= this.#map();
    if (this.#table !== null) {
      const { window, start } = this.#table;
      for (const vector of vectors) {
        const control = start + vector * ENTRY_SIZE + VECTOR_CONTROL;
        window.write32(control, window.read32(control) | MASKED);
      }
      // The answer to a read comes after the messages that were sent before it.
      window.read32(start);
    }
    this.#connection.synchronizeIrqs(VFIO_PCI_MSIX_IRQ_INDEX, vectors);
  }

  close(): void {
    this.#table?.window.close();
    this.#table = null;
  }

  #map() {
    this.#places ??= this.#find();
    if (this.#places === null) return null;
    const { table, vectors } = this.#places;
    const { region, offset } = table;
    const { flags, size } = this.#connection.getRegionInfo(region);
    if ((flags & VFIO_REGION_INFO_FLAG_MMAP) === 0) return null;
    const first = Math.floor(offset / PAGE_SIZE) * PAGE_SIZE;
    const end = Math.ceil((offset + vectors * ENTRY_SIZE) / PAGE_SIZE) * PAGE_SIZE;
    try {
      const window = this.#connection.map(region, first, Math.min(end, Number(size)) - first);
      return { window, start: offset - first };
    } catch (error) {
      // Linux before 4.16 lets nobody map the table.
      if (error instanceof VfioError) return null;
      throw error;
    }
  }

  #find(): Places | null {
    const config = new Uint8Array(CONFIG_SIZE);
    this.#connection.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
    const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
    if (msix === undefined) return null;
    const { table, pba, vectors } = DECODERS.msix(config, msix.offset);
    return {
      table: { region: table.bir, offset: table.offset },
      pba: { region: pba.bir, offset: pba.offset },
      vectors,
    };
  }
}
