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
  decodeVirtio,
  isVirtio,
  updateFields,
  type VirtioCapability,
  walkCapabilities,
} from '../pci/index.js';
import {
  checkAccess,
  checkBytes,
  checkChoice,
  checkExtent,
  checkObject,
  checkString,
  didYouMean,
} from '../checks.js';
import { canReset, didReset, type WrittenByte } from '../pci/function-reset.js';
import type { Handle } from './handle.js';

/** A decoded base address register with its size. */
export interface BarDescription extends Bar {
  /** Size of the BAR's region in bytes. */
  readonly size: bigint;
}

const HEADER_SIZE = 64;

/** Creates the {@link ConfigSpace} of a device. */
export let createConfigSpace: (handle: Handle) => ConfigSpace;

/**
 * The configuration space of a device. Reads use pread and writes use pwrite on region 7. An access
 * outside configuration space throws a RangeError and does not reach the device.
 *
 * The kernel virtualizes some registers and drops writes to other registers. For example, a write
 * to a BAR address or to an MSI message never reaches the hardware.
 *
 * After `device.close()` every access throws {@link VfioError} EBADF.
 *
 * @example
 * device.config.update('command', { bus_master: 1, memory: 1 });
 * const msix = device.config.details('msix');
 * console.log(device.config.header().vendorId, msix?.vectors);
 */
export class ConfigSpace {
  /** Size in bytes: 256, or 4096 for PCI Express. */
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

  /** Reads one byte. @param offset - bytes from the start of configuration space */
  read8(offset: number): number {
    return this.#load(offset, 1);
  }

  /** Reads two bytes in one access. @param offset - a multiple of 2 */
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

  /** Writes two bytes in one access. @param offset - a multiple of 2 @param value - 16 bits */
  write16(offset: number, value: number): void {
    this.#store(offset, 2, value);
  }

  /** Writes four bytes in one access. @param offset - a multiple of 4 @param value - 32 bits */
  write32(offset: number, value: number): void {
    this.#store(offset, 4, value);
  }

  /** Reads a block. The kernel splits the block into accesses of 4, 2 and 1 bytes. */
  read(offset: number, length: number): Uint8Array {
    checkExtent(offset, length, this.size);
    const bytes = new Uint8Array(length);
    const n = this.#handle.connection.read(VFIO_PCI_CONFIG_REGION_INDEX, offset, bytes);
    return bytes.subarray(0, n);
  }

  /**
   * Writes a block. The kernel splits the block into accesses of 4, 2 and 1 bytes.
   * @returns number of bytes that were written
   */
  write(offset: number, bytes: Uint8Array): number {
    checkBytes(bytes, 'bytes');
    checkExtent(offset, bytes.length, this.size);
    const n = this.#handle.connection.write(VFIO_PCI_CONFIG_REGION_INDEX, offset, bytes);
    this.#handle.changes.emit('config', offset, n);
    this.#reportReset(offset, n, (at) => bytes[at] ?? 0);
    return n;
  }

  /** Reads and decodes the header. */
  header(): PciHeader {
    return decodeHeader(this.read(0, HEADER_SIZE));
  }

  /** Returns the base address registers of nonzero size. */
  bars(): BarDescription[] {
    return decodeBars(this.read(0, HEADER_SIZE))
      .map((bar) => ({ ...bar, size: this.#handle.connection.getRegionInfo(bar.index).size }))
      .filter((bar) => bar.size > 0n);
  }

  /**
   * Returns the capabilities of the conventional list and of the extended list. The lists are read
   * only once, because VFIO does not let a program change the links of the lists. If the lists are
   * empty, the next call reads the lists again: a device that does not respond seems to have no
   * capability.
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

  /** Returns the first capability with this name, such as `'msix'`, `'pcie'` or `'aer'`. */
  find(name: string): Capability | undefined {
    return this.findAll(name)[0];
  }

  /**
   * Returns all capabilities with this name, in the order of the lists. A device can have several
   * capabilities `'vendor_specific'` or `'dvsec'`.
   */
  findAll(name: string): readonly Capability[] {
    checkString(name, 'name');
    return this.capabilities().filter((capability) => capability.name === name);
  }

  /**
   * Reads and decodes a capability. Returns undefined if the device does not have the capability.
   * @throws TypeError if the library has no decoder for the capability
   */
  details<N extends keyof CapabilityDetails>(name: N): CapabilityDetails[N] | undefined {
    checkChoice(name, 'name', Object.keys(DECODERS));
    const capability = this.find(name);
    if (capability === undefined) return undefined;
    return DECODERS[name](this.read(0, Math.min(this.size, 256)), capability.offset);
  }

  /**
   * Reads and decodes the capabilities of a virtio device: the places of its structures. The list is
   * empty for any other device. A capability that is too short is omitted.
   * @example
   * const common = device.config.virtioCapabilities().find(({ type }) => type === 'common_cfg');
   */
  virtioCapabilities(): readonly VirtioCapability[] {
    const image = this.read(0, Math.min(this.size, 256));
    if (!isVirtio(image)) return [];
    const decoded = this.findAll('vendor_specific').map((one) => decodeVirtio(image, one.offset));
    return decoded.filter((one) => one !== null);
  }

  /**
   * Reads a register by its name, in one access.
   * @throws TypeError if the name is unknown; {@link VfioError} ENXIO if the device does not have
   *   the register
   */
  get(register: RegisterName): number {
    const { offset, width } = this.#locate(register);
    return this.#load(offset, width);
  }

  /** Writes a register by its name, in one access. Throws the same errors as {@link get}. */
  set(register: RegisterName, value: number): void {
    const { offset, width } = this.#locate(register);
    this.#store(offset, width, value);
  }

  /**
   * Reads a register and decodes its fields. For example, `fields('command').bus_master` is the Bus
   * Master Enable bit. Throws the same errors as {@link get}.
   */
  fields<N extends RegisterName>(register: N): FieldsOf<N> {
    return decodeFields(lookUpRegister(register), this.get(register)) as FieldsOf<N>;
  }

  /**
   * Changes the fields that `changes` contains, by one read and one write of the register. The
   * other fields keep their values. A write-one-to-clear bit (RW1C) is cleared only if `changes`
   * contains this bit.
   *
   * @throws TypeError if a field is unknown; RangeError if a value does not fit into its field; and
   *   the same errors as {@link get}
   */
  update<N extends RegisterName>(register: N, changes: Partial<FieldsOf<N>>): void {
    const definition = lookUpRegister(register);
    checkObject(changes, 'changes');
    updateFields(definition, 0, changes);
    const { offset, width } = this.#locate(register);
    this.#store(offset, width, updateFields(definition, this.#load(offset, width), changes));
  }

  #locate(name: RegisterName): { offset: number; width: 1 | 2 | 4 } {
    const register = lookUpRegister(name);
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
            : `the ${capability} capability has no such register`,
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
    this.#handle.changes.emit('config', offset, width);
    if (canReset(offset, value)) this.#reportReset(offset, width, (n) => value >>> (8 * n));
  }

  #reportReset(offset: number, length: number, byteAt: WrittenByte): void {
    if (didReset(this, offset, length, byteAt)) this.#handle.changes.emit('reset');
  }
}

function lookUpRegister(name: RegisterName): Register {
  if (typeof name !== 'string') throw new TypeError('register must be a name');
  if (!Object.hasOwn(REGISTERS, name)) {
    throw new TypeError(`unknown register '${name}'${didYouMean(name, Object.keys(REGISTERS))}`);
  }
  return REGISTERS[name];
}
