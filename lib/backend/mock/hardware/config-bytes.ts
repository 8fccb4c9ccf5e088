import type { Width } from '../../../contract/index.js';
import { walkCapabilities, type Capability } from '../../../pci/index.js';
import type { ConfigImage, FunctionShape } from './shape.js';
import * as pci from './pci.js';
import { declareConfig } from './declare.js';
import { coverageOf } from './writable.js';

/** Writable bits of the command register, as on QEMU's devices. */
const COMMAND_WRITABLE =
  pci.PCI_COMMAND_IO |
  pci.PCI_COMMAND_MEMORY |
  pci.PCI_COMMAND_MASTER |
  pci.PCI_COMMAND_SERR |
  pci.PCI_COMMAND_INTX_DISABLE;

/**
 * The bytes of the function's configuration space, and the bits that a write can change. Bytes
 * outside of capabilities are writable, as on QEMU's devices.
 */
export class ConfigBytes {
  readonly size: number;
  readonly capabilities: readonly Capability[];
  readonly #bytes: DataView;
  readonly #writable: DataView;
  /** Bits that are cleared by writing 1. */
  readonly #clears: DataView;

  constructor(shape: FunctionShape) {
    const bytes = shape.image === undefined ? declareConfig(shape) : shape.image.bytes.slice();
    this.size = bytes.length;
    this.capabilities = walkCapabilities(bytes);
    this.#bytes = new DataView(bytes.buffer);
    this.#writable = new DataView(new ArrayBuffer(this.size));
    this.#clears = new DataView(new ArrayBuffer(this.size));
    this.#allowHeader(shape);
    for (const capability of this.capabilities) this.#allowCapability(capability);
    this.#allowImage(shape.image);
  }

  /** Returns the offset of a capability, or null if the function does not have it. */
  find(id: number, extended = false): number | null {
    const found = this.capabilities.find((one) => one.id === id && one.extended === extended);
    return found?.offset ?? null;
  }

  /** Reads a naturally aligned value. */
  get(offset: number, width: 1 | 2 | 4): number {
    return load(this.#bytes, offset, width);
  }

  /** Writes a naturally aligned value as a write from the bus does: only writable bits change. */
  write(offset: number, width: 1 | 2 | 4, value: number): void {
    const writable = load(this.#writable, offset, width);
    const cleared = load(this.#clears, offset, width) & value;
    const kept = this.get(offset, width) & ~writable & ~cleared;
    this.set(offset, width, kept | (value & writable));
  }

  /**
   * Writes all bits of a value, including read-only bits. Only the function itself can change
   * read-only bits.
   */
  set(offset: number, width: 1 | 2 | 4, value: number): void {
    store(this.#bytes, offset, width, value);
  }

  #allow(offset: number, width: 1 | 2 | 4, bits: number): void {
    store(this.#writable, offset, width, bits);
  }

  #allowHeader({ bars, rom }: FunctionShape): void {
    new Uint8Array(this.#writable.buffer).fill(0xff, pci.PCI_STD_HEADER_SIZEOF);
    this.#allow(pci.PCI_COMMAND, 2, COMMAND_WRITABLE);
    this.#allow(pci.PCI_CACHE_LINE_SIZE, 1, 0xff);
    this.#allow(pci.PCI_INTERRUPT_LINE, 1, 0xff);
    for (const { index, size, bits } of bars) {
      const mask = BigInt.asUintN(64, -BigInt(size));
      const offset = pci.PCI_BASE_ADDRESS_0 + 4 * index;
      this.#allow(offset, 4, Number(mask & 0xffff_ffffn));
      if (bits === 64) this.#allow(offset + 4, 4, Number(mask >> 32n));
    }
    if (rom !== undefined)
      this.#allow(pci.PCI_ROM_ADDRESS, 4, -rom.size | pci.PCI_ROM_ADDRESS_ENABLE);
  }

  #allowCapability(capability: Capability): void {
    const { length, writable } = coverageOf(capability, this.#bytes);
    const end = Math.min(capability.offset + length, this.size);
    for (let at = capability.offset; at < end; at++) this.#allow(at, 1, 0);
    for (const { offset, width, bits, clears } of writable) {
      const at = capability.offset + offset;
      if (at + width > end) continue;
      if (clears) store(this.#clears, at, width, bits);
      else this.#allow(at, width, bits);
    }
  }

  #allowImage(image: ConfigImage | undefined): void {
    for (const [offset, bits] of image?.writable ?? []) {
      for (const [i, byte] of bits.entries()) this.#allow(offset + i, 1, byte);
    }
  }
}

/** Reads an unsigned little-endian value. */
export function load(view: DataView, offset: number, width: 1 | 2 | 4): number {
  if (width === 4) return view.getUint32(offset, true);
  return width === 2 ? view.getUint16(offset, true) : view.getUint8(offset);
}

/** Writes a little-endian value. */
export function store(view: DataView, offset: number, width: Width, value: number): void {
  if (width === 4) view.setUint32(offset, value, true);
  else if (width === 2) view.setUint16(offset, value, true);
  else view.setUint8(offset, value);
}
