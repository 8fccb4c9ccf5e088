import { VFIO_PCI_CONFIG_REGION_INDEX } from '../../contract/uapi.js';
import { walkCapabilities } from '../../pci/capabilities.js';
import { DECODERS } from '../../pci/details.js';
import type { Call } from '../index.js';
import type { ConfigLine } from './format.js';

const SIZE = 256;
const COMMAND = 0x04;
/** The Power Management Control and Status register, in the PM capability. */
const PMCSR = 4;
const POWER_STATE = 3;

/** The facts of a {@link ConfigLine}. */
export type ConfigFacts = Omit<ConfigLine, 'type' | 'at' | 'device'>;

/** The bytes of configuration space that the program has read or written. */
export class ConfigImage {
  readonly #bytes = new Uint8Array(SIZE);
  readonly #known = new Uint8Array(SIZE);
  #last = '';

  /**
   * Notes a successful access to configuration space.
   *
   * @returns the facts of configuration space if the access changed them; otherwise null
   */
  note({ method, args }: Call, value: unknown): ConfigFacts | null {
    if (args[0] !== VFIO_PCI_CONFIG_REGION_INDEX) return null;
    const offset = args[1] as number;
    if (method === 'load' || method === 'store') {
      const number = (method === 'load' ? value : args[3]) as number;
      this.#setNumber(offset, args[2] as number, number);
    } else if (method === 'read' || method === 'write') {
      this.#set(offset, (args[2] as Uint8Array).subarray(0, value as number));
    } else {
      return null;
    }
    const facts = this.#facts();
    const text = JSON.stringify(facts);
    if (text === this.#last) return null;
    this.#last = text;
    return facts;
  }

  #setNumber(offset: number, width: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value >>> 0);
    this.#set(offset, bytes.subarray(0, width));
  }

  #set(offset: number, from: Uint8Array): void {
    if (offset >= SIZE) return;
    const bytes = from.subarray(0, SIZE - offset);
    this.#bytes.set(bytes, offset);
    this.#known.fill(1, offset, offset + bytes.length);
  }

  #facts(): ConfigFacts {
    const capabilities = walkCapabilities(this.#bytes);
    const pm = capabilities.find(({ name }) => name === 'pm');
    const msix = capabilities.find(({ name }) => name === 'msix');
    return {
      command: this.#word(COMMAND),
      powerState: pm === undefined ? null : (this.#word(pm.offset + PMCSR) ?? 0) & POWER_STATE,
      msixTable: msix === undefined ? null : this.#findTable(msix.offset),
    };
  }

  /** Returns a register of two bytes, or null if a byte is unknown. */
  #word(offset: number): number | null {
    if (this.#known[offset] !== 1 || this.#known[offset + 1] !== 1) return null;
    return (this.#bytes[offset] ?? 0) | ((this.#bytes[offset + 1] ?? 0) << 8);
  }

  #findTable(capability: number): ConfigFacts['msixTable'] {
    if (this.#known[capability + 7] !== 1) return null;
    const { table, vectors } = DECODERS.msix(this.#bytes, capability);
    return { region: table.bir, offset: table.offset, vectors };
  }
}
