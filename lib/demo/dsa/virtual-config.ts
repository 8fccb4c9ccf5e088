import type { VirtualMsix } from '../../index.js';

const SIZE = 4096;
/** Offsets of the capabilities. */
const EXPRESS = 0x40;
const MSIX = 0x80;
const CAP_ID_EXPRESS = 0x10;
const MSIX_SIZE = 12;

const COMMAND = 0x04;
/** I/O space, memory space, bus master, parity error response, SERR# and interrupt disable. */
const COMMAND_WRITABLE = 0x0547;
const STATUS_CAPABILITIES = 1 << 4;
const BAR_0 = 0x10;
/** A memory BAR of 64 bits. */
const BAR_64 = 0x4;
/** A prefetchable memory BAR of 64 bits. */
const BAR_64_PREFETCHABLE = 0xc;

/** Version 2 of a PCI Express endpoint. */
const EXPRESS_ENDPOINT = 2;
const DEVCAP_FLR = 1 << 28;
/** All bits of Device Control, except the bit that starts an FLR. */
const DEVCTL_WRITABLE = 0x7fff;
/** 2.5 GT/s, one lane. */
const LINK = 0x11;

/** The sizes of the BARs in bytes. The upper halves of 64-bit BARs have no size. */
const BAR_SIZES: Readonly<Record<number, number>> = { 0: 0x10000, 2: 0x4000 };

/**
 * The configuration space of a virtual DSA: the header with two BARs, the capability PCI Express with
 * FLR, and the capability MSI-X. No write changes the shared device.
 */
export class VirtualConfig {
  readonly size = SIZE;
  readonly #initial: Uint8Array;
  readonly #bytes: Uint8Array;
  /** The writable bits of each byte. */
  readonly #writable = new Uint8Array(SIZE);

  /** @param msix - the server answers the accesses to the capability of this MSI-X */
  constructor(msix: VirtualMsix) {
    const bytes = new Uint8Array(SIZE);
    const view = new DataView(bytes.buffer);
    view.setUint16(0x00, 0x8086, true);
    view.setUint16(0x02, 0x0b25, true);
    view.setUint16(0x06, STATUS_CAPABILITIES, true);
    view.setUint32(0x08, 0x088000 << 8, true);
    view.setUint32(BAR_0, BAR_64, true);
    view.setUint32(BAR_0 + 8, BAR_64_PREFETCHABLE, true);
    view.setUint16(0x2c, 0x8086, true);
    view.setUint8(0x34, EXPRESS);
    view.setUint8(EXPRESS, CAP_ID_EXPRESS);
    view.setUint8(EXPRESS + 1, MSIX);
    view.setUint16(EXPRESS + 0x02, EXPRESS_ENDPOINT, true);
    view.setUint32(EXPRESS + 0x04, DEVCAP_FLR, true);
    view.setUint32(EXPRESS + 0x0c, LINK, true);
    view.setUint16(EXPRESS + 0x12, LINK, true);
    for (let at = 0; at < MSIX_SIZE; at += 4)
      view.setUint32(MSIX + at, msix.configRead(at, 4), true);
    this.#initial = bytes;
    this.#bytes = bytes.slice();
    const writable = new DataView(this.#writable.buffer);
    writable.setUint16(COMMAND, COMMAND_WRITABLE, true);
    for (const [bar, size] of Object.entries(BAR_SIZES)) {
      writable.setBigUint64(BAR_0 + 4 * Number(bar), BigInt.asUintN(64, -BigInt(size)), true);
    }
    writable.setUint8(0x3c, 0xff);
    writable.setUint16(EXPRESS + 0x08, DEVCTL_WRITABLE, true);
  }

  barSize(bar: number): number {
    return BAR_SIZES[bar] ?? 0;
  }

  read(offset: number, into: Uint8Array): void {
    into.set(this.#bytes.subarray(offset, offset + into.length));
  }

  write(offset: number, from: Uint8Array): void {
    from.forEach((value, i) => {
      const writable = this.#writable[offset + i] ?? 0;
      const old = this.#bytes[offset + i] ?? 0;
      this.#bytes[offset + i] = (old & ~writable) | (value & writable);
    });
  }

  /** Restores the initial contents. */
  reset(): void {
    this.#bytes.set(this.#initial);
  }
}
