import { checkOptions } from '../../checks.js';
import type { GuestMessage } from '../../contract/message.js';
import { checkConfigAccess, checkConfigWrite, joinBytes } from './accesses.js';
import type { Delivery, Route } from './delivery.js';
import { MSI_CONTROL, MSI_ENABLE, MsiRegisters, type MsiShape } from './msi-registers.js';
import { deliveryOf, VirtualVectors } from './virtual-vectors.js';

/** Options of {@link VirtualMsi}. */
export interface VirtualMsiOptions extends MsiShape {
  /**
   * Called with the message of a vector before an interrupt is delivered with that message. A VMM
   * sets its interrupt route in this function. The function is allowed to call {@link
   * VirtualMsi.connect} for the vector.
   */
  readonly route?: Route | undefined;
}

/**
 * Writes to the capability of a {@link VirtualMsi} that SET_IRQS enables and disables. The write
 * does not change Enable, and requests no vector that has no consumer.
 */
export let writeUnderSetIrqs: (
  msi: VirtualMsi,
  offset: number,
  width: 1 | 2 | 4,
  value: number,
) => void;

/**
 * MSI of a virtual device: the capability with its message, mask bits and pending bits (PCI Local
 * Bus Specification 3.0, section 6.8.1). When a guest accesses the capability, the device model
 * calls the read and write methods. Sources are attached and consumers are connected as for a
 * {@link VirtualMsix}.
 *
 * Multiple Message Enable takes effect when a write sets Enable. The vectors that the guest has not
 * enabled are masked. Without per-vector masking, a guest cannot mask a vector, and the capability
 * has no pending bits. Accesses of a guest never cause an exception.
 *
 * @example
 * const msi = new VirtualMsi({ vectors: 8, maskable: true });
 * msi.attach(new PhysicalSource(device.connection));
 * msi.connect(0, eventfd);
 */
export class VirtualMsi extends VirtualVectors {
  readonly #registers: MsiRegisters;
  readonly #delivery: Delivery;

  static {
    writeUnderSetIrqs = (msi, offset, width, value) => {
      msi.#write(offset, width, value, (vector) => msi.#delivery.consumer(vector) !== null);
    };
  }

  /** @throws TypeError if an option is unknown or has a wrong value */
  constructor(options: VirtualMsiOptions) {
    checkOptions(options, ['vectors', 'bits', 'maskable', 'next', 'route']);
    const registers = new MsiRegisters(options);
    super(registers, options.route);
    this.#registers = registers;
    this.#delivery = deliveryOf(this);
  }

  /**
   * The message of vector 0 that the guest has written, and the number of vectors that the guest has
   * enabled. Vector n has the data `data + n`. The number of vectors is 0 while MSI is disabled.
   * {@link recognizeMsi} compares messages with this message.
   */
  get guestMessage(): GuestMessage {
    const message = this.#registers.guestMessage();
    return this.enabled ? message : { ...message, vectors: 0 };
  }

  /** Size of the capability in bytes, rounded up to a multiple of 4: 12, 16, 20 or 24. */
  get size(): number {
    return this.#registers.size;
  }

  /**
   * Reads the capability.
   * @param offset - bytes from the start of the capability
   */
  configRead(offset: number, width: 1 | 2 | 4): number {
    checkConfigAccess(offset, width, this.size);
    return joinBytes((at) => this.#byte(at), offset, width);
  }

  /**
   * Writes the capability. The address, the data, Enable, Multiple Message Enable and the mask bits
   * are writable. If a write sets Enable, all enabled vectors that are unmasked are requested.
   *
   * @param offset - bytes from the start of the capability
   */
  configWrite(offset: number, width: 1 | 2 | 4, value: number): void {
    this.#write(offset, width, value, () => true);
    if (!covers(offset, width, MSI_CONTROL)) return;
    const enable = ((value >>> (8 * (MSI_CONTROL - offset))) & MSI_ENABLE) !== 0;
    if (enable && !this.enabled) this.#registers.enableByGuest();
    this.#delivery.control(enable, false);
  }

  /**
   * Performs a function level reset: disables MSI, clears the message, Multiple Message Enable, the
   * mask bits and the pending bits. Consumers and sources stay connected.
   */
  reset(): void {
    this.#delivery.control(false, false);
    this.#registers.reset();
  }

  #byte(offset: number): number {
    const { maskOffset, maskBits, limit } = this.#registers;
    if (offset === MSI_CONTROL) {
      return this.#registers.byte(offset) | (this.enabled ? MSI_ENABLE : 0);
    }
    if (maskOffset === null || offset < maskOffset) return this.#registers.byte(offset);
    const shift = 8 * (offset & 3);
    if (offset < maskOffset + 4) return (maskBits >>> shift) & 0xff;
    const pending = this.#delivery.pendingWord(0) & (2 ** limit - 1);
    return (pending >>> shift) & 0xff;
  }

  /**
   * Writes the bits of the capability except the Enable bit.
   * @param requests - whether a changed mask bit requests or holds a vector
   */
  #write(
    offset: number,
    width: 1 | 2 | 4,
    value: number,
    requests: (vector: number) => boolean,
  ): void {
    checkConfigWrite(offset, width, value, this.size);
    const { maskOffset, maskBits } = this.#registers;
    let masks = maskBits;
    for (let i = 0; i < width; i++) {
      const byte = (value >>> (8 * i)) & 0xff;
      this.#registers.setByte(offset + i, byte);
      if (maskOffset === null || offset + i < maskOffset || offset + i >= maskOffset + 4) continue;
      const shift = 8 * (offset + i - maskOffset);
      masks = (masks & ~(0xff << shift)) | (byte << shift);
    }
    if (maskOffset !== null && offset + width > maskOffset && offset < maskOffset + 4) {
      this.#setMasks(masks, requests);
    }
    if (offset < (maskOffset ?? this.size) && offset + width > MSI_CONTROL + 2) {
      for (let vector = 0; vector < this.vectors; vector++) this.#delivery.messageChanged(vector);
    }
  }

  #setMasks(masks: number, requests: (vector: number) => boolean): void {
    const before = this.#registers.maskBits;
    this.#registers.maskBits = masks;
    for (let vector = 0; vector < this.#registers.limit; vector++) {
      if (!requests(vector)) continue;
      this.#delivery.maskWritten(vector, (before & (1 << vector)) !== 0);
    }
  }
}

/** Whether an access covers the byte at `byte`. */
function covers(offset: number, width: number, byte: number): boolean {
  return offset <= byte && byte < offset + width;
}
