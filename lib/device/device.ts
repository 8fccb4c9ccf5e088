import { inspect } from 'node:util';
import { type InspectContext, inHex, inspectAs } from '../contract/inspect.js';
import type {
  CreatedAddressSpace,
  DeviceConnection,
  DeviceInfo,
  Eventfd,
  HotResetInfo,
  OpenedVia,
  PasidOptions,
} from '../contract/index.js';
import { REGION_NAMES, VFIO_PCI_BAR5_REGION_INDEX } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { checkInteger, checkOptions, checkPasid } from '../checks.js';
import { type ConfigSpace, createConfigSpace } from './config.js';
import { createDmaSpace, type DmaSpace } from './dma.js';
import { DmaBufs } from './dma-buf.js';
import { createFeatures, type Features } from './features.js';
import { Handle } from './handle.js';
import { closeOnRequest, createInterrupts, type Interrupts } from './interrupts.js';
import { createMessages, type Messages } from './messages/messages.js';
import { addOpenHandle, reportReset } from './open-handles.js';
import { createRegion, type Region, type RegionParts } from './region.js';
import { createSriov, type Sriov } from './sriov.js';
import { Windows } from './windows.js';

/**
 * From this call on, the device closes itself when the host requests the device back, unless the
 * program has requested the REQ vector.
 */
export let closeOnHostRequest: (device: PciDevice) => void;

/** Creates the {@link PciDevice} of a connection. */
export let createDevice: (connection: DeviceConnection) => PciDevice;

/**
 * An open PCI device, created by `openDevice`. {@link close} releases everything that the program
 * acquired through the device. After `close()` every use of the device throws {@link VfioError}
 * EBADF.
 *
 * @example
 * using device = openDeviceSync('mock:nvme');
 * device.config.update('command', { memory: 1, bus_master: 1 });
 * const registers = device.bar(0).map();
 */
export class PciDevice {
  /** The name of the device, such as `'0000:01:00.0'` or `'mock:nvme'`. */
  readonly name: string;
  /** The interface through which the device was opened. */
  readonly via: OpenedVia;
  /** The device information that VFIO_DEVICE_GET_INFO returned. */
  readonly info: DeviceInfo;
  /** Configuration space. */
  readonly config: ConfigSpace;
  /** The memory that the device can reach by DMA. */
  readonly dma: DmaSpace;
  /** The interrupts of the device: INTx, MSI, MSI-X, ERR and REQ. */
  readonly interrupts: Interrupts;
  /**
   * The physical messages. A message is the address and data that the device writes to raise an
   * interrupt.
   */
  readonly messages: Messages;
  /** Optional features of the device, for example VF tokens and low power (VFIO_DEVICE_FEATURE). */
  readonly features: Features;
  readonly #handle: Handle;
  readonly #parts: RegionParts;
  readonly #regions = new Map<number, Region>();
  #sriov: Sriov | undefined;

  static {
    createDevice = (connection) => new PciDevice(connection);
    closeOnHostRequest = (device) => {
      device.#closeOnHostRequest();
    };
  }

  private constructor(connection: DeviceConnection) {
    const handle = new Handle(connection);
    this.#handle = handle;
    this.name = connection.name;
    this.via = connection.via;
    this.info = connection.getInfo();
    this.config = createConfigSpace(handle);
    // A close runs in reverse order: it closes the interrupts, then the windows, then the DMA
    // memory.
    this.dma = createDmaSpace(handle);
    this.#parts = { windows: new Windows(handle), dmaBufs: new DmaBufs(handle) };
    this.interrupts = createInterrupts(handle, this.info.numIrqs);
    this.features = createFeatures(handle);
    this.messages = createMessages({
      handle,
      config: this.config,
      interrupts: this.interrupts,
      region: (index) => this.region(index),
    });
    addOpenHandle(handle);
  }

  /** Whether the device is closed, by {@link close} or by a request of the host. */
  get closed(): boolean {
    return !this.#handle.isOpen;
  }

  /** Returns the text of the object in `console.log`. */
  [inspect.custom](depth: number, options: InspectContext): string {
    const { name, via, closed } = this;
    return inspectAs('PciDevice', { name, via, closed, ...this.#describe() }, depth, options);
  }

  /**
   * The open device file. The connection has one method for each ioctl. The classes for virtual
   * vectors use the connection directly. The other members of the device do not notice a change
   * that is made through the connection.
   *
   * @throws {@link VfioError} EBADF once the device is closed
   */
  get connection(): DeviceConnection {
    return this.#handle.connection;
  }

  /** The virtual functions of the device, or null if the device has no SR-IOV capability. */
  get sriov(): Sriov | null {
    if (this.config.find('sriov') === undefined) return null;
    return (this.#sriov ??= createSriov(this.name, this.config));
  }

  /** The regions of nonzero size, sorted by index. */
  get regions(): readonly Region[] {
    const regions: Region[] = [];
    for (let index = 0; index < this.info.numRegions; index++) {
      const region = this.#findRegion(index);
      if (region !== null && region.size > 0n) regions.push(region);
    }
    return regions;
  }

  /**
   * Returns the region of a base address register. The size of the region is 0 for a missing BAR
   * and for the upper half of a 64-bit BAR.
   *
   * @param n - number of the BAR, 0 to 5
   */
  bar(n: number): Region {
    checkInteger(n, 'BAR', 0, VFIO_PCI_BAR5_REGION_INDEX);
    return this.region(n);
  }

  /**
   * Returns a region by its index (VFIO_DEVICE_GET_REGION_INFO).
   *
   * @param index - 0 to `info.numRegions - 1`
   * @throws {@link VfioError} EINVAL if the device does not have the region (for example the VGA
   *   region)
   */
  region(index: number): Region {
    checkInteger(index, 'region', 0, this.info.numRegions - 1);
    const known = this.#regions.get(index);
    if (known !== undefined && this.#handle.isOpen) return known;
    const region = createRegion(this.#handle, this.#parts, index);
    this.#regions.set(index, region);
    return region;
  }

  /**
   * Resets the function (VFIO_DEVICE_RESET) on another thread, because a reset can take a second.
   * The reset changes the registers of the device, but keeps its interrupts and DMA mappings.
   *
   * @throws {@link VfioError} EINVAL if the function cannot be reset alone; EAGAIN if another reset
   *   is in progress or the host is removing the device
   */
  async reset(): Promise<void> {
    try {
      await this.#handle.connection.reset();
      reportReset([this.name]);
    } catch (error) {
      throw addResetHint(error);
    }
  }

  /** Does the same as {@link reset}, but on the calling thread. */
  resetSync(): void {
    try {
      this.#handle.connection.resetSync();
      reportReset([this.name]);
    } catch (error) {
      throw addResetHint(error);
    }
  }

  /** Returns all devices that a hot reset would reset (VFIO_DEVICE_GET_PCI_HOT_RESET_INFO). */
  hotResetInfo(): HotResetInfo {
    return this.#handle.connection.getHotResetInfo();
  }

  /**
   * Resets the slot or bus of the device (VFIO_DEVICE_PCI_HOT_RESET).
   *
   * @param others - the other devices in the slot or on the bus, which this program must have
   *   opened. A device of the same IOMMU group, or of the same iommufd, can be omitted: the kernel
   *   resets the device anyway, and each open device reports the reset to its messages.
   * @throws {@link VfioError} EINVAL if `others` does not contain every affected device; ENODEV if
   *   neither the slot nor the bus can be reset; EBUSY if an affected device is in use
   */
  hotReset(others: readonly PciDevice[] = []): void {
    if (!Array.isArray(others) || !others.every((other) => other instanceof PciDevice)) {
      throw new TypeError('others must be an array of open devices');
    }
    const connections = others.map((other) => other.connection);
    const affected = this.#affectedByHotReset();
    this.#handle.connection.hotReset(connections);
    reportReset([this.name, ...others.map(({ name }) => name), ...affected]);
  }

  /**
   * Creates an address space for DMA requests with a PASID (IOMMU_IOAS_ALLOC). Memory is mapped and
   * unmapped by the methods of the result. This call needs the VFIO character device and iommufd.
   * The caller closes the address space, after its PASIDs were detached.
   *
   * @throws {@link VfioError} ENOTSUP if the device was opened through its group
   * @example
   * using guest = device.createAddressSpace();
   * const memory = guest.allocate(4096, false);
   * guest.mapSync(memory, 0, 4096n, 0x1000n, 3);
   * device.attachPasid(5, { addressSpace: guest });
   */
  createAddressSpace(): CreatedAddressSpace {
    return this.#handle.connection.createAddressSpace();
  }

  /**
   * Attaches a PASID to an address space (VFIO_DEVICE_ATTACH_IOMMUFD_PT with
   * VFIO_DEVICE_ATTACH_PASID). By default, DMA requests with this PASID reach the same memory as
   * requests without a PASID. With the option `addressSpace`, the requests reach the memory of the
   * given address space. If the PASID is attached already, the new address space replaces the old
   * address space. This call needs the VFIO character device and iommufd.
   *
   * With QEMU's emulated Intel IOMMU, this call succeeds on Linux 7.2 and fails on Linux 6.12.
   * QEMU's devices have no PASID capability and never send a PASID.
   *
   * @param pasid - 20 bits; PASID 0 is reserved for requests without a PASID and fails with EBUSY
   * @throws TypeError if `addressSpace` is not the result of {@link createAddressSpace}
   * @throws {@link VfioError} ENOTSUP if the device was opened through its group, or if the kernel
   *   has no PASIDs; EADDRINUSE if the address space maps an address that the IOMMU cannot
   *   translate; EBADF if the address space is closed
   */
  attachPasid(pasid: number, options: PasidOptions = {}): void {
    checkPasid(pasid);
    checkOptions(options, ['addressSpace']);
    this.#handle.connection.attachPasid(pasid, options);
  }

  /** Detaches the PASID (VFIO_DEVICE_DETACH_IOMMUFD_PT). */
  detachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#handle.connection.detachPasid(pasid);
  }

  /**
   * Creates an eventfd for `ioeventfd()`, `request()` or `enterLowPower()` of this device. The
   * caller must close the eventfd.
   */
  createEventfd(): Eventfd {
    return this.#handle.connection.createEventfd();
  }

  /**
   * Disables interrupts, closes vectors and windows, unmaps and releases DMA memory, and then
   * closes the device file. Idempotent. Never throws. If a step fails, the kernel releases the
   * resources of that step when the device file is closed.
   */
  close(): void {
    this.#handle.close();
  }

  /** Calls {@link close} at the end of a scope with `using device = openDeviceSync(name)`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /**
   * Calls {@link close} at the end of a scope with `await using device = await openDevice(name)`.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    this.close();
  }

  /** Lists the sizes of the regions and the numbers of vectors. A closed device has no lists. */
  #describe(): object {
    if (this.closed) return {};
    const regions = this.regions.map(({ index, size }) => [
      REGION_NAMES[index] ?? `region${index}`,
      inHex(size),
    ]);
    const { intx, msi, msix, err, req } = this.interrupts;
    const vectors = Object.entries({ intx, msi, msix, err, req });
    const counts = vectors.map(([kind, { count }]) => [kind, count] as const);
    return {
      regions: Object.fromEntries(regions) as object,
      interrupts: Object.fromEntries(counts.filter(([, count]) => count > 0)),
    };
  }

  #closeOnHostRequest(): void {
    closeOnRequest(this.interrupts, () => {
      const hint =
        'The host requested the device back. To finish work first, call device.interrupts.req.request() and close the device in the listener of this vector.';
      this.#handle.close(hint);
      process.emitWarning(`${this.name} was closed because the host requested the device back`, {
        type: 'VfioWarning',
        code: 'VFIO_HOST_REQUEST',
        detail: hint,
      });
    });
  }

  /** Returns the names of the functions that a hot reset resets. */
  #affectedByHotReset(): string[] {
    try {
      return this.hotResetInfo().devices.map(({ name }) => name);
    } catch (error) {
      // The hot reset itself fails, and its error says why.
      if (error instanceof VfioError) return [];
      throw error;
    }
  }

  #findRegion(index: number): Region | null {
    try {
      return this.region(index);
    } catch (error) {
      if (error instanceof VfioError && error.code === 'EINVAL') return null;
      throw error;
    }
  }
}

function addResetHint(error: unknown): unknown {
  if (!(error instanceof VfioError && error.code === 'EINVAL')) return error;
  const hint = 'The function cannot be reset alone. Call hotReset() to reset its slot or bus.';
  return error.with({ hint });
}
