import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import {
  type Bar,
  type Capability,
  type CapabilityDetails,
  decodeBars,
  decodeFields,
  decodeHeader,
  DECODERS,
  type FieldsOf,
  type PciHeader,
  type Register,
  type RegisterName,
  registerOffset,
  REGISTERS,
  updateFields,
  walkCapabilities,
} from '../pci/index.js';
import { checkAccess, checkBytes, checkChoice, checkExtent, checkObject } from '../checks.js';
import { didReset, type WrittenByte } from './function-reset.js';
import type { Handle } from './handle.js';

/** A base address register that the device has. */
export interface BarDescription extends Bar {
  /** Bytes, from the region of that index. */
  readonly size: bigint;
}

const HEADER_SIZE = 64;

/** Creates the {@link ConfigSpace} of a device. */
export let createConfigSpace: (handle: Handle) => ConfigSpace;

/**
 * Configuration space, by pread and pwrite on region 7. Every access is checked against its size
 * (RangeError) before it is made. The kernel shows a device's own view of some registers and drops
 * writes to others: BAR addresses and MSI messages never reach the hardware, and so on.
 *
 * After `device.close()` everything here throws {@link VfioError} EBADF.
 *
 * @example
 * device.config.update('command', { bus_master: 1, memory: 1 });
 * const msix = device.config.details('msix');
 * console.log(device.config.header().vendorId, msix?.vectors);
 */
export class ConfigSpace {
  /** Bytes: 256, or 4096 for PCI Express. */
  readonly size: number;
  readonly #handle: Handle;
  #capabilities: readonly Capability[] = [];

  static {
    createConfigSpace = (handle) => new ConfigSpace(handle);
  }

  private constructor(handle: Handle) {
    this.#handle = handle;
    this.size = Number(handle.connection.getRegionInfo(VFIO_PCI_CONFIG_REGION_INDEX).size);
  }

  /** Reads one byte. @param offset - bytes from the start of configuration space, as below */
  read8(offset: number): number {
    return this.#load(offset, 1);
  }

  /** Reads two bytes in one access. @param offset - even */
  read16(offset: number): number {
    return this.#load(offset, 2);
  }

  /** Reads four bytes in one access. @param offset - a multiple of 4 */
  read32(offset: number): number {
    return this.#load(offset, 4);
  }

  /** Writes one byte. @param value - 0 to 255 */
  write8(offset: number, value: number): void {
    this.#store(offset, 1, value);
  }

  /** Writes two bytes at once. @param offset - even @param value - 0 to 2^16 - 1 */
  write16(offset: number, value: number): void {
    this.#store(offset, 2, value);
  }

  /** Writes four bytes at once. @param offset - a multiple of 4 @param value - 0 to 2^32 - 1 */
  write32(offset: number, value: number): void {
    this.#store(offset, 4, value);
  }

  /** Reads a block; the kernel splits it into accesses of 4, 2 and 1 bytes. */
  read(offset: number, length: number): Uint8Array {
    checkExtent(offset, length, this.size);
    const bytes = new Uint8Array(length);
    const n = this.#handle.connection.read(VFIO_PCI_CONFIG_REGION_INDEX, offset, bytes);
    return bytes.subarray(0, n);
  }

  /**
   * Writes a block.
   * @returns bytes written
   */
  write(offset: number, bytes: Uint8Array): number {
    checkBytes(bytes, 'bytes');
    checkExtent(offset, bytes.length, this.size);
    const n = this.#handle.connection.write(VFIO_PCI_CONFIG_REGION_INDEX, offset, bytes);
    this.#onWritten(offset, n, (at) => bytes[at] ?? 0);
    return n;
  }

  /** The header, decoded. */
  header(): PciHeader {
    return decodeHeader(this.read(0, HEADER_SIZE));
  }

  /** The base address registers behind which there is something, with their sizes. */
  bars(): BarDescription[] {
    return decodeBars(this.read(0, HEADER_SIZE))
      .map((bar) => ({ ...bar, size: this.#handle.connection.getRegionInfo(bar.index).size }))
      .filter((bar) => bar.size > 0n);
  }

  /**
   * Both capability lists. They are read once, since VFIO lets nobody relink them; none at all may
   * be a device that does not answer just now, and is asked again.
   */
  capabilities(): readonly Capability[] {
    const { connection } = this.#handle;
    if (this.#capabilities.length === 0) {
      const bytes = new Uint8Array(this.size);
      const n = connection.read(VFIO_PCI_CONFIG_REGION_INDEX, 0, bytes);
      this.#capabilities = walkCapabilities(bytes.subarray(0, n));
    }
    return this.#capabilities;
  }

  /** The first capability of that name: `'msix'`, `'pcie'`, `'aer'`. */
  find(name: string): Capability | undefined {
    if (typeof name !== 'string') throw new TypeError('name must be a string');
    return this.capabilities().find((capability) => capability.name === name);
  }

  /**
   * What a capability says, decoded; undefined if the device does not have it.
   * @throws TypeError for one that is not decoded
   */
  details<N extends keyof CapabilityDetails>(name: N): CapabilityDetails[N] | undefined {
    checkChoice(name, 'name', Object.keys(DECODERS));
    const capability = this.find(name);
    if (capability === undefined) return undefined;
    return DECODERS[name](this.read(0, Math.min(this.size, 256)), capability.offset);
  }

  /**
   * Reads a register by its name, in one access of its width.
   * @throws TypeError for an unknown name; {@link VfioError} ENXIO if the device does not have it
   */
  get(register: RegisterName): number {
    const { offset, width } = this.#locate(register);
    return this.#load(offset, width);
  }

  /** Writes a register by its name, in one access of its width. Errors as {@link get}. */
  set(register: RegisterName, value: number): void {
    const { offset, width } = this.#locate(register);
    this.#store(offset, width, value);
  }

  /** Reads a register and takes it apart: `fields('command').bus_master`. Errors as {@link get}. */
  fields<N extends RegisterName>(register: N): FieldsOf<N> {
    return decodeFields(lookUp(register), this.get(register)) as FieldsOf<N>;
  }

  /**
   * Changes the named fields by one read and one write. The other fields keep their value, and
   * status bits that are cleared by writing one are not touched unless they are named.
   *
   * @throws TypeError for an unknown field; RangeError for a value it cannot hold; as {@link get}
   */
  update<N extends RegisterName>(register: N, changes: Partial<FieldsOf<N>>): void {
    const definition = lookUp(register);
    checkObject(changes, 'changes');
    updateFields(definition, 0, changes);
    const { offset, width } = this.#locate(register);
    this.#store(offset, width, updateFields(definition, this.#load(offset, width), changes));
  }

  #locate(name: RegisterName): { offset: number; width: 1 | 2 | 4 } {
    const register = lookUp(name);
    const width = register.width === 8 ? 1 : register.width === 16 ? 2 : 4;
    const { capability } = register;
    if (capability === null) return { offset: registerOffset(register, 0) ?? 0, width };
    const base = this.find(capability)?.offset;
    const control =
      base === undefined || typeof register.offset === 'number' ? 0 : this.read16(base + 2);
    const within = registerOffset(register, control);
    if (base === undefined || within === null) {
      throw new VfioError({
        code: 'ENXIO',
        message:
          base === undefined
            ? `no ${capability} capability`
            : `no such register in its ${capability}`,
        path: `${this.#handle.name} ${name}`,
      });
    }
    return { offset: base + within, width };
  }

  #load(offset: number, width: 1 | 2 | 4): number {
    checkAccess(offset, width, this.size);
    return this.#handle.connection.load(VFIO_PCI_CONFIG_REGION_INDEX, offset, width);
  }

  #store(offset: number, width: 1 | 2 | 4, value: number): void {
    checkAccess(offset, width, this.size);
    this.#handle.connection.store(VFIO_PCI_CONFIG_REGION_INDEX, offset, width, value);
    this.#onWritten(offset, width, (n) => value >>> (8 * n));
  }

  #onWritten(offset: number, length: number, byteAt: WrittenByte): void {
    const { changes } = this.#handle;
    changes.emit('config', offset, length);
    if (didReset(this, offset, length, byteAt)) changes.emit('reset');
  }
}

function lookUp(name: RegisterName): Register {
  if (typeof name !== 'string') throw new TypeError('register must be a name');
  if (!Object.hasOwn(REGISTERS, name)) throw new TypeError(`unknown register '${name}'`);
  return REGISTERS[name];
}
