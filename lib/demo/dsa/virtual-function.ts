import type {
  AddressSpace,
  DeviceInfo,
  IrqInfo,
  IrqSet,
  RegionInfo,
  ServableDevice,
  VirtualIrqs,
} from '../../index.js';
import { VirtualConfig } from './virtual-config.js';

const CONFIG = 7;
const READ_WRITE = 3;
const RESET_AND_PCI = 3;
const REGIONS = 9;
const IRQS = 5;

/** The parts of a {@link VirtualFunction}. */
export interface VirtualFunctionParts {
  readonly name: string;
  /** The memory that the guest gives to the device. */
  readonly addressSpace: AddressSpace;
  readonly interrupts: VirtualIrqs;
  readonly config: VirtualConfig;
  /** Resets the guest's part of the device. */
  readonly reset: () => void;
}

/**
 * The PCI function of a virtual device, as a server sees the function: a configuration space, an
 * address space and interrupts of its own. The registers in the BARs are traps of the server. Reads
 * outside of the traps return 0, and writes outside of the traps are dropped.
 */
export class VirtualFunction implements ServableDevice {
  readonly name: string;
  readonly addressSpace: AddressSpace;
  readonly #interrupts: VirtualIrqs;
  readonly #config: VirtualConfig;
  readonly #reset: () => void;

  constructor({ name, addressSpace, interrupts, config, reset }: VirtualFunctionParts) {
    this.name = name;
    this.addressSpace = addressSpace;
    this.#interrupts = interrupts;
    this.#config = config;
    this.#reset = reset;
  }

  getInfo(): DeviceInfo {
    return { flags: RESET_AND_PCI, numRegions: REGIONS, numIrqs: IRQS };
  }

  getRegionInfo(index: number): RegionInfo {
    const size = index === CONFIG ? this.#config.size : this.#config.barSize(index);
    return { index, flags: size === 0 ? 0 : READ_WRITE, size: BigInt(size), capabilities: [] };
  }

  getIrqInfo(index: number): IrqInfo {
    return this.#interrupts.getIrqInfo(index);
  }

  setIrqs(set: IrqSet): number {
    return this.#interrupts.setIrqs(set);
  }

  read(region: number, offset: number, into: Uint8Array): number {
    if (region === CONFIG) this.#config.read(offset, into);
    else into.fill(0);
    return into.length;
  }

  write(region: number, offset: number, from: Uint8Array): number {
    if (region === CONFIG) this.#config.write(offset, from);
    return from.length;
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    const bytes = new Uint8Array(4);
    this.read(region, offset, bytes.subarray(0, width));
    return new DataView(bytes.buffer).getUint32(0, true);
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    this.write(region, offset, bytes.subarray(0, width));
  }

  reset(): Promise<void> {
    this.#reset();
    return Promise.resolve();
  }
}
