import type { DeviceConnection } from '../backend/contract.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../backend/uapi.js';
import { VfioError } from '../errors.js';
import { DECODERS, walkCapabilities } from '../pci/index.js';

const CONFIG_SIZE = 256;

/**
 * The pending bits of a device itself, read through its file: vfio-pci hides the table from reads
 * of the BAR, not the pending bit array.
 */
export class DevicePba {
  readonly #connection: DeviceConnection;
  #place: { readonly region: number; readonly offset: number } | null | undefined;

  constructor(connection: DeviceConnection) {
    this.#connection = connection;
  }

  /** false as well where the device cannot be asked: its memory is disabled. */
  isPending(vector: number): boolean {
    this.#place ??= this.#find();
    if (this.#place === null) return false;
    const { region, offset } = this.#place;
    try {
      const bits = this.#connection.load(region, offset + (vector >>> 5) * 4, 4);
      return (bits & (1 << (vector & 31))) !== 0;
    } catch (error) {
      if (error instanceof VfioError) return false;
      throw error;
    }
  }

  #find(): { region: number; offset: number } | null {
    const config = new Uint8Array(CONFIG_SIZE);
    this.#connection.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
    const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
    if (msix === undefined) return null;
    const { pba } = DECODERS.msix(config, msix.offset);
    return { region: pba.bir, offset: pba.offset };
  }
}
