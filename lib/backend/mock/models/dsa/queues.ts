import type { MemoryBlock, Register } from '../../hardware/model.js';
import * as dsa from './registers.js';
import type { Submitter } from './work.js';

const WORDS = dsa.WQCFG_SIZE / 4;
const MODE_WORD = 2;
const STATE_WORD = 6;

/**
 * A work queue and its four portals. While the queue is enabled, the configuration of the queue is
 * read-only.
 */
export class WorkQueue {
  readonly id: number;
  readonly registers: readonly Register[];
  readonly portals: readonly MemoryBlock[];
  readonly #config = new Uint32Array(WORDS);
  readonly #submitterOf: (line: number) => number | null;
  readonly #submit: (descriptor: Uint8Array, submitter: Submitter) => void;
  enabled = false;

  /**
   * @param submitterOf - returns the PASID of the process that owns the given line of the shared
   *   portals
   * @param submit - called with each descriptor that a driver submits
   */
  constructor(
    id: number,
    submitterOf: (line: number) => number | null,
    submit: (descriptor: Uint8Array, submitter: Submitter) => void,
  ) {
    this.id = id;
    this.#submitterOf = submitterOf;
    this.#submit = submit;
    this.registers = Array.from(this.#config, (_, word) => ({
      offset: dsa.WQCFG_OFFSET + id * dsa.WQCFG_SIZE + 4 * word,
      name: `WQCFG ${id} word ${word}`,
      width: 4,
      read: () => (word === STATE_WORD ? this.#state : (this.#config[word] ?? 0)),
      write: (value) => {
        if (!this.enabled && word !== STATE_WORD) this.#config[word] = value;
      },
    }));
    this.portals = Array.from({ length: dsa.PORTALS_PER_WQ }, (_, page) =>
      this.#createPortal(page),
    );
  }

  get size(): number {
    return (this.#config[0] ?? 0) & 0xffff;
  }

  reset(): void {
    this.enabled = false;
    this.#config.fill(0);
  }

  get #state(): number {
    return ((this.enabled ? 1 : 0) << dsa.WQCFG_STATE_SHIFT) >>> 0;
  }

  /**
   * Creates a portal. A driver writes a descriptor to a line of 64 bytes, from the first byte to the
   * last byte. The write of the last byte submits the descriptor. Reads return 0. The first write
   * allocates the page.
   */
  #createPortal(page: number): MemoryBlock {
    let written: DataView | undefined;
    return {
      offset: (this.id * dsa.PORTALS_PER_WQ + page) * dsa.IDXD_PORTAL_SIZE,
      name: `portal ${page} of WQ ${this.id}`,
      size: dsa.IDXD_PORTAL_SIZE,
      load: () => 0,
      store: (offset, width, value) => {
        const view = (written ??= new DataView(new ArrayBuffer(dsa.IDXD_PORTAL_SIZE)));
        if (width === 4) view.setUint32(offset, value, true);
        else if (width === 2) view.setUint16(offset, value, true);
        else view.setUint8(offset, value);
        const end = offset + width;
        if (end % dsa.DESCRIPTOR_SIZE !== 0) return;
        const line = end / dsa.DESCRIPTOR_SIZE - 1;
        const descriptor = view.buffer.slice(end - dsa.DESCRIPTOR_SIZE, end);
        this.#accept(new Uint8Array(descriptor), page, line);
      },
    };
  }

  #accept(descriptor: Uint8Array, page: number, line: number): void {
    const mode = this.#config[MODE_WORD] ?? 0;
    const shared = (mode & dsa.WQCFG_MODE_DEDICATED) === 0;
    let pasid: number | null = null;
    if ((mode & dsa.WQCFG_PASID_EN) !== 0) {
      pasid = shared ? this.#submitterOf(line) : (mode >>> dsa.WQCFG_PASID_SHIFT) & 0xfffff;
      // If no valid PASID is set, the CPU instruction ENQCMD does not submit the descriptor.
      if (pasid === null) return;
    }
    const kind = (page & dsa.PORTAL_IMS) === 0 ? 'msix' : 'ims';
    if (this.enabled) this.#submit(descriptor, { queue: this.id, pasid, kind });
  }
}
