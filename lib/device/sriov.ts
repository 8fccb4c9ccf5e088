import { formatAddress, mockVirtualFunction, parseAddress } from '../contract/names.js';
import type { ConfigSpace } from './config.js';

/** Creates the {@link Sriov} of a device. */
export let createSriov: (name: string, config: ConfigSpace) => Sriov;

const PAGE_SHIFT = 12;
const PAGE_SIZE_BITS = 32;

/**
 * The virtual functions (VFs) of a physical function: PCI Express Base Specification, section 9.3.3.
 * Each property reads a register of the SR-IOV capability. vfio-pci makes the registers read-only:
 * the kernel creates and removes virtual functions (`vfio vfs`, or a write to the file
 * `sriov_numvfs` in sysfs).
 *
 * If the physical function is bound to vfio-pci, the physical function and its virtual functions
 * are opened with the same VF token (option `vfToken` of `openDevice()`, or
 * {@link Features.setVfToken}).
 */
export class Sriov {
  readonly #name: string;
  readonly #config: ConfigSpace;

  static {
    createSriov = (name, config) => new Sriov(name, config);
  }

  private constructor(name: string, config: ConfigSpace) {
    this.#name = name;
    this.#config = config;
  }

  /** The largest number of virtual functions. */
  get totalVfs(): number {
    return this.#config.get('sriov.total_vfs');
  }

  /** The number of virtual functions at the start: {@link totalVfs}, if VFs cannot migrate. */
  get initialVfs(): number {
    return this.#config.get('sriov.initial_vfs');
  }

  /** The number of virtual functions, which exist only if {@link enabled} is true. */
  get numVfs(): number {
    return this.#config.get('sriov.num_vfs');
  }

  /** Whether the virtual functions exist (VF Enable). */
  get enabled(): boolean {
    return this.#config.fields('sriov.control').vf_enable === 1;
  }

  /** The distance from this function to its first virtual function, in routing ids. */
  get firstVfOffset(): number {
    return this.#config.get('sriov.first_vf_offset');
  }

  /** The distance between two virtual functions, in routing ids. */
  get vfStride(): number {
    return this.#config.get('sriov.vf_stride');
  }

  /** The device id of the virtual functions, 16 bits. */
  get vfDeviceId(): number {
    return this.#config.get('sriov.vf_device_id');
  }

  /** The page sizes that the device supports, in bytes. A VF's BARs are multiples of a page. */
  get supportedPageSizes(): number[] {
    return pageSizes(this.#config.get('sriov.supported_page_sizes'));
  }

  /** The page size that the host has chosen, in bytes; 0 if the host has chosen no page size. */
  get systemPageSize(): number {
    return pageSizes(this.#config.get('sriov.system_page_size'))[0] ?? 0;
  }

  /**
   * The names of the virtual functions, for `openDevice()`: `'0000:01:00.1'`, or
   * `'mock:nvme?vfs=2&vf=0'` for a mock device. The list is empty if no virtual functions exist. The
   * list is also empty for a device whose name is neither an address nor a mock name with `vfs`.
   */
  get virtualFunctions(): string[] {
    if (!this.enabled) return [];
    const address = parseAddress(this.#name);
    if (address === null) {
      const indexes = [...Array(this.numVfs).keys()];
      return indexes.flatMap((index) => mockVirtualFunction(this.#name, index) ?? []);
    }
    const [segment = '', bus = '', device = '', fn = ''] = address.split(/[:.]/);
    const own = (parseInt(bus, 16) << 8) | (parseInt(device, 16) << 3) | Number(fn);
    const { firstVfOffset, vfStride, numVfs } = this;
    return Array.from({ length: numVfs }, (_, i) => {
      // A routing id has 16 bits: the bus, the device and the function.
      const id = (own + firstVfOffset + i * vfStride) & 0xffff;
      return formatAddress(parseInt(segment, 16), id >> 8, id & 0xff);
    });
  }
}

/** Decodes a register of page sizes: bit n is a page of 2^(n + 12) bytes. */
function pageSizes(bits: number): number[] {
  return Array.from({ length: PAGE_SIZE_BITS }, (_, bit) => bit)
    .filter((bit) => ((bits >>> bit) & 1) === 1)
    .map((bit) => 2 ** (bit + PAGE_SHIFT));
}
