import type { DeviceConnection } from '../../contract/index.js';
import { MappedMsix, type TableRegion } from '../../contract/mapped-msix.js';
import { regionMapping } from '../../contract/region-mapping.js';
import { VFIO_PCI_MSIX_IRQ_INDEX } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';

/** The MSI-X table and the pending bits of a device itself. */
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

  /** false as well where the device cannot be asked: its memory is disabled. */
  isPending(vector: number): boolean {
    const pba = this.#table.details?.pba;
    if (pba === undefined) return false;
    try {
      // vfio-pci hides the table from reads of the BAR, not the pending bits.
      const bits = this.#connection.load(pba.bir, pba.offset + (vector >>> 5) * 4, 4);
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
    if (this.#table.tryMap()) this.#table.mask(vectors);
    this.#connection.synchronizeIrqs(VFIO_PCI_MSIX_IRQ_INDEX, vectors);
  }

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
