import type { Message } from '../../../contract/message.js';
import * as pci from './pci.js';
import type { ConfigBytes } from './config-bytes.js';

/** The MSI capability of a function, with its mask and pending bits. */
export class Msi {
  /** Offset of the capability in configuration space. */
  readonly offset: number;
  /** Number of vectors that the capability supports. */
  readonly vectors: number;
  /** Whether each vector has a mask bit. */
  readonly maskable: boolean;
  readonly #config: ConfigBytes;
  readonly #send: (message: Message) => void;
  readonly #wide: boolean;

  constructor(config: ConfigBytes, offset: number, send: (message: Message) => void) {
    const control = config.get(offset + pci.PCI_MSI_FLAGS, 2);
    this.offset = offset;
    this.vectors = 1 << ((control & pci.PCI_MSI_FLAGS_QMASK) >> 1);
    this.maskable = (control & pci.PCI_MSI_FLAGS_MASKBIT) !== 0;
    this.#wide = (control & pci.PCI_MSI_FLAGS_64BIT) !== 0;
    this.#config = config;
    this.#send = send;
  }

  get enabled(): boolean {
    return (this.#control & pci.PCI_MSI_FLAGS_ENABLE) !== 0;
  }

  /**
   * Offsets of the message registers in configuration space. `high` is null for 32-bit addresses.
   */
  get registers(): { low: number; high: number | null; data: number } {
    const { offset } = this;
    return {
      low: offset + pci.PCI_MSI_ADDRESS_LO,
      high: this.#wide ? offset + pci.PCI_MSI_ADDRESS_HI : null,
      data: offset + (this.#wide ? pci.PCI_MSI_DATA_64 : pci.PCI_MSI_DATA_32),
    };
  }

  /** Offset of the mask bits. The pending bits begin 4 bytes after the mask bits. */
  get maskRegister(): number {
    return this.offset + (this.#wide ? pci.PCI_MSI_MASK_64 : pci.PCI_MSI_MASK_32);
  }

  /**
   * Sends the message of a vector. If the vector is masked, no message is sent, and the pending bit
   * of the vector is set.
   */
  notify(vector: number): void {
    if (!this.enabled) return;
    const enabled = 1 << ((this.#control & pci.PCI_MSI_FLAGS_QSIZE) >> 4);
    const number = vector & (enabled - 1);
    if (this.maskable && (this.#mask & (1 << number)) !== 0) {
      this.#pending |= 1 << number;
    } else {
      this.#deliver(number, enabled);
    }
  }

  /** Sends the pending messages of unmasked vectors. */
  deliverPending(): void {
    if (!this.maskable || !this.enabled) return;
    const due = this.#pending & ~this.#mask;
    if (due === 0) return;
    this.#pending &= this.#mask;
    for (let vector = 0; vector < this.vectors; vector++) {
      if ((due & (1 << vector)) !== 0) this.notify(vector);
    }
  }

  reset(): void {
    if (this.maskable) this.#pending = 0;
  }

  /**
   * Sends a message with the vector number in the low data bits.
   *
   * @param enabled - number of enabled vectors
   */
  #deliver(vector: number, enabled: number): void {
    const { low, high, data } = this.registers;
    const upper = high === null ? 0n : BigInt(this.#config.get(high, 4)) << 32n;
    const base = this.#config.get(data, 2) & ~(enabled - 1);
    this.#send({ address: upper | BigInt(this.#config.get(low, 4)), data: base | vector });
  }

  get #control(): number {
    return this.#config.get(this.offset + pci.PCI_MSI_FLAGS, 2);
  }

  get #mask(): number {
    return this.#config.get(this.maskRegister, 4);
  }

  get #pending(): number {
    return this.#config.get(this.maskRegister + 4, 4);
  }

  set #pending(bits: number) {
    this.#config.set(this.maskRegister + 4, 4, bits);
  }
}
