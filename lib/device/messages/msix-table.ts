import type { RegisterWindow } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { MsixDetails } from '../../pci/details.js';
import type { ConfigSpace } from '../config.js';
import { PAGE_SIZE, wholePages } from '../../checks.js';
import type { Region } from '../region.js';
import { readStable } from './message.js';
import { type Message } from '../../contract/message.js';

const ENTRY_SIZE = 16;
const ONES = 0xffff_ffff;

/**
 * The messages in the MSI-X table, read through the mapped BAR: reads through the file give 0xff
 * for its bytes, by design. It is mapped with the first reading, and unmapped with the device.
 */
export class MsixTable {
  readonly #config: ConfigSpace;
  readonly #region: (index: number) => Region;
  #window: { readonly registers: RegisterWindow; readonly offset: number } | undefined;

  constructor(config: ConfigSpace, region: (index: number) => Region) {
    this.#config = config;
    this.#region = region;
  }

  /** Null if it can be read, or why not. */
  get obstacle(): string | null {
    return this.#window === undefined ? this.#findObstacle() : null;
  }

  /** Called where there is no obstacle. @throws {@link VfioError} EIO if the device does not answer */
  read(vector: number): Message {
    const { registers, offset } = (this.#window ??= this.#map());
    const entry = offset + vector * ENTRY_SIZE;
    const message = readStable(() => ({
      address: BigInt(registers.read32(entry)) | (BigInt(registers.read32(entry + 4)) << 32n),
      data: registers.read32(entry + 8),
    }));
    if (registers.lost || (message.data === ONES && message.address === 0xffff_ffff_ffff_ffffn)) {
      throw new VfioError({
        code: 'EIO',
        message: 'the MSI-X table does not answer',
        hint: "The device's memory is off, in low power, or gone: see config.update('command', { memory: 1 }).",
      });
    }
    return message;
  }

  #findObstacle(): string | null {
    const msix = this.#config.details('msix');
    if (msix === undefined) return 'the device has no MSI-X';
    const { bir } = msix.table;
    const { mappable, msixMappable, sparseAreas } = this.#region(bir);
    if (!mappable) return `BAR ${bir}, where the MSI-X table is, cannot be mapped`;
    // A region with areas names all that can be mapped, the table or not.
    if (sparseAreas === null && !msixMappable)
      return `the MSI-X table cannot be mapped in BAR ${bir}`;
    const { offset, length } = pagesOf(msix);
    const within = sparseAreas?.some(
      (area) =>
        BigInt(offset) >= area.offset &&
        BigInt(offset + length) <= area.offset + wholePages(area.size),
    );
    return within === false
      ? `the MSI-X table is in no part of BAR ${bir} that can be mapped`
      : null;
  }

  #map(): { registers: RegisterWindow; offset: number } {
    const msix = this.#config.details('msix');
    if (msix === undefined) throw new VfioError({ code: 'ENXIO', message: 'no msix capability' });
    const { offset, length } = pagesOf(msix);
    const registers = this.#region(msix.table.bir).map({ offset, length });
    return { registers, offset: msix.table.offset - offset };
  }
}

/** The whole pages that the table lies in. */
function pagesOf({ table, vectors }: MsixDetails): { offset: number; length: number } {
  const offset = table.offset - (table.offset % PAGE_SIZE);
  const end = table.offset + vectors * ENTRY_SIZE;
  return { offset, length: Math.ceil((end - offset) / PAGE_SIZE) * PAGE_SIZE };
}
