import type { Register, WideRegister } from '../../hardware/model.js';
import * as dsa from './registers.js';
import type { Submitter } from './work.js';

const WORDS = dsa.WQCFG_SIZE / 4;
const MODE_WORD = 2;
const STATE_WORD = 6;
const QWORDS = dsa.DESCRIPTOR_SIZE / 8;

/**
 * A work queue and its four portals. While the queue is enabled, the configuration of the queue is
 * read-only.
 */
export class WorkQueue {
  readonly id: number;
  readonly registers: readonly Register[];
  readonly portals: readonly Register[];
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
    ).flat();
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
   * Creates the registers of a portal. A driver writes a descriptor to a line as eight quadwords.
   * The write of the last quadword submits the descriptor.
   */
  #createPortal(page: number): WideRegister[] {
    const start = (this.id * dsa.PORTALS_PER_WQ + page) * dsa.IDXD_PORTAL_SIZE;
    return Array.from({ length: dsa.LINES }, (_, line) => {
      const bytes = new Uint8Array(dsa.DESCRIPTOR_SIZE);
      const view = new DataView(bytes.buffer);
      return Array.from({ length: QWORDS }, (__, qword): WideRegister => ({
        offset: start + line * dsa.DESCRIPTOR_SIZE + 8 * qword,
        name: `portal ${page} of WQ ${this.id}, line ${line}, ${8 * qword}`,
        width: 8,
        widths: [8],
        write: (value) => {
          view.setBigUint64(8 * qword, value, true);
          if (qword === QWORDS - 1) this.#accept(bytes.slice(), page, line);
        },
      }));
    }).flat();
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
    if (this.enabled) this.#submit(descriptor, { pasid, kind });
  }
}
