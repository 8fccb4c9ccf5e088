import { PAGE_SIZE } from '../checks.js';
import { VfioError } from '../errors.js';
import { DECODERS, type MsixDetails, walkCapabilities } from '../pci/index.js';
import type { DeviceConnection } from './index.js';
import { type Message, readStable } from './message.js';
import { MSIX_ENTRY_SIZE, MSIX_MASKED, MSIX_VECTOR_CONTROL } from './msix-table.js';
import { isInArea, type RegionMapping } from './region-mapping.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from './uapi.js';
import type { RegisterWindow } from './window.js';

/** The number of bytes of configuration space that are searched for the MSI-X capability. */
const CONFIG_SIZE = 256;
const ONES = 0xffff_ffff;

/**
 * The BAR that contains the table: the parts of the BAR that can be mapped, and a method that maps
 * a part.
 */
export interface TableRegion extends RegionMapping {
  map(range: { readonly offset: number; readonly length: number }): RegisterWindow;
}

interface Mapped {
  readonly registers: RegisterWindow;
  /** The offset of the table in the window, in bytes. */
  readonly offset: number;
}

/**
 * Accesses the MSI-X table of a device through a mapping of the BAR that contains the table. A read
 * of the table through the device file returns only 0xff bytes. The first access maps the table.
 */
export class MappedMsix {
  readonly #connection: () => DeviceConnection;
  readonly #region: (index: number) => TableRegion;
  #details: MsixDetails | undefined;
  #mapped: Mapped | undefined;

  /**
   * @param connection - a function that returns the connection, or throws VfioError EBADF if the
   *   device is closed
   */
  constructor(connection: () => DeviceConnection, region: (index: number) => TableRegion) {
    this.#connection = connection;
    this.#region = region;
  }

  /** The location of the table and of the pending bits, or undefined if the device has no MSI-X. */
  get details(): MsixDetails | undefined {
    const connection = this.#connection();
    this.#details ??= findMsix(connection);
    return this.#details;
  }

  /** The reason why the table cannot be read, or null if the table can be read. */
  get obstacle(): string | null {
    return this.#mapped === undefined ? this.#findObstacle() : null;
  }

  /** Maps the table if the kernel allows the mapping. @returns whether the table is mapped */
  tryMap(): boolean {
    if (this.#mapped !== undefined) return true;
    const { details } = this;
    if (details === undefined) return false;
    const region = this.#region(details.table.bir);
    if (!region.mappable) return false;
    try {
      this.#mapped = map(details, region);
      return true;
    } catch (error) {
      // Linux before 4.16 refuses to map the pages that contain the table.
      if (error instanceof VfioError) return false;
      throw error;
    }
  }

  /**
   * Reads the message of a vector. Before the call, the caller must check that `obstacle` is null.
   * @throws {@link VfioError} EIO if the device does not respond
   */
  read(vector: number): Message {
    const { registers, offset } = this.#open();
    const entry = offset + vector * MSIX_ENTRY_SIZE;
    const message = readStable(() => ({
      address: BigInt(registers.read32(entry)) | (BigInt(registers.read32(entry + 4)) << 32n),
      data: registers.read32(entry + 8),
    }));
    if (registers.lost || (message.data === ONES && message.address === 0xffff_ffff_ffff_ffffn)) {
      throw new VfioError({
        code: 'EIO',
        message: 'the MSI-X table reads all ones: the device does not respond',
        hint: "Turn on the device's memory: config.update('command', { memory: 1 }).",
      });
    }
    return message;
  }

  /**
   * Masks vectors. When the call returns, all earlier messages of the vectors have left the device.
   */
  mask(vectors: readonly number[]): void {
    const { registers, offset } = this.#open();
    for (const vector of vectors) {
      const control = offset + vector * MSIX_ENTRY_SIZE + MSIX_VECTOR_CONTROL;
      registers.write32(control, registers.read32(control) | MSIX_MASKED);
    }
    // The device completes a read after all earlier messages. The read of the table therefore waits
    // until the messages have left the device.
    registers.read32(offset);
  }

  /** Unmaps the table. Idempotent. */
  close(): void {
    this.#mapped?.registers.close();
    this.#mapped = undefined;
  }

  #open(): Mapped {
    if (this.#mapped !== undefined) return this.#mapped;
    const { details } = this;
    if (details === undefined) {
      throw new VfioError({ code: 'ENXIO', message: 'the device has no MSI-X capability' });
    }
    this.#mapped = map(details, this.#region(details.table.bir));
    return this.#mapped;
  }

  #findObstacle(): string | null {
    const { details } = this;
    if (details === undefined) return 'the device has no MSI-X';
    const { bir } = details.table;
    const { mappable, msixMappable, sparseAreas } = this.#region(bir);
    if (!mappable) return `BAR ${bir} with the MSI-X table cannot be mapped`;
    // If there are sparse areas, the areas list all parts of the BAR that can be mapped. The flag
    // `msixMappable` then has no effect.
    if (sparseAreas === null) {
      return msixMappable ? null : `the MSI-X table cannot be mapped in BAR ${bir}`;
    }
    const { offset, length } = pagesOf(details);
    return isInArea(sparseAreas, offset, length)
      ? null
      : `the MSI-X table is outside of the parts of BAR ${bir} that can be mapped`;
  }
}

function findMsix(connection: DeviceConnection): MsixDetails | undefined {
  const config = new Uint8Array(CONFIG_SIZE);
  connection.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
  const msix = walkCapabilities(config).find(({ name }) => name === 'msix');
  return msix === undefined ? undefined : DECODERS.msix(config, msix.offset);
}

function map(details: MsixDetails, region: TableRegion): Mapped {
  const pages = pagesOf(details);
  return { registers: region.map(pages), offset: details.table.offset - pages.offset };
}

/** Returns the range of whole pages that contains the table. */
function pagesOf({ table, vectors }: MsixDetails): { offset: number; length: number } {
  const offset = table.offset - (table.offset % PAGE_SIZE);
  const end = table.offset + vectors * MSIX_ENTRY_SIZE;
  return { offset, length: Math.ceil((end - offset) / PAGE_SIZE) * PAGE_SIZE };
}
