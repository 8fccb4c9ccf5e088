import type { DeviceConnection } from '../../contract/index.js';
import { MappedMsix, type TableRegion } from '../../contract/mapped-msix.js';
import { regionMapping } from '../../contract/region-mapping.js';
import { VFIO_PCI_MSIX_IRQ_INDEX } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';

/** The physical MSI-X table and pending bits of a device. */
export class DeviceMsix {
  readonly #connection: DeviceConnection;
  readonly #table: MappedMsix;

  constructor(connection: DeviceConnection) {
    this.#connection = connection;
    this.#table = new MappedMsix(
      () => connection,
      (index) => tableRegion(connection, index),
    );
  }

  /**
   * Whether the pending bit of a vector is set. Returns false if the pending bits cannot be read,
   * for example because the device's memory is disabled.
   */
  isPending(vector: number): boolean {
    const pba = this.#table.details?.pba;
    if (pba === undefined) return false;
    try {
      // vfio-pci hides the MSI-X table from reads of the BAR, but does not hide the pending bits.
      const bits = this.#connection.load(pba.bir, pba.offset + (vector >>> 5) * 4, 4);
      return (bits & (1 << (vector & 31))) !== 0;
    } catch (error) {
      if (error instanceof VfioError) return false;
      throw error;
    }
  }

  /**
   * Masks vectors in the device, then waits for the interrupts that are under way to a CPU. The
   * caller then unbinds the eventfds of the vectors, or binds other eventfds. Without the wait,
   * SET_IRQS would drop an interrupt that is still under way. The device holds later interrupts
   * until SET_IRQS binds another eventfd. When SET_IRQS binds an eventfd, the vector is unmasked.
   * If the table cannot be mapped, the vectors are not masked.
   */
  quiesce(vectors: readonly number[]): void {
    if (this.#table.tryMap()) this.#table.mask(vectors);
    this.#connection.synchronizeIrqs(VFIO_PCI_MSIX_IRQ_INDEX, vectors);
  }

  /** Unmaps the table. */
  close(): void {
    this.#table.close();
  }
}

function tableRegion(connection: DeviceConnection, index: number): TableRegion {
  return {
    ...regionMapping(connection.getRegionInfo(index)),
    map: ({ offset, length }) => connection.map(index, offset, length),
  };
}
