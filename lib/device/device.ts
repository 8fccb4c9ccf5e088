import type {
  DeviceConnection,
  DeviceInfo,
  Eventfd,
  HotResetInfo,
  Via,
} from '../contract/index.js';
import { VFIO_PCI_BAR5_REGION_INDEX } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { checkInteger, checkPasid } from '../checks.js';
import { type ConfigSpace, createConfigSpace } from './config.js';
import { createDmaSpace, type DmaSpace } from './dma.js';
import { createFeatures, type Features } from './features.js';
import { Handle } from './handle.js';
import { answerHostRequests, createInterrupts, type Interrupts } from './interrupts.js';
import { createMessages, type Messages } from './messages/messages.js';
import { createRegion, type Region } from './region.js';
import { Windows } from './windows.js';

/** Closes the device when the host requests it, unless the program requests REQ. */
export let closeOnHostRequest: (device: PciDevice) => void;

/** Creates the {@link PciDevice} of a connection. */
export let createDevice: (connection: DeviceConnection) => PciDevice;

/**
 * An open PCI device. Made by `openDevice`; closed by {@link close}, which gives back everything
 * that was taken through it. After that all of it throws {@link VfioError} EBADF.
 *
 * @example
 * using device = openDeviceSync('mock:nvme');
 * device.config.update('command', { memory: 1, bus_master: 1 });
 * const registers = device.bar(0).map();
 */
export class PciDevice {
  /** The name it is opened by: `'0000:01:00.0'`, `'mock:nvme'`. */
  readonly name: string;
  /** The way it was reached. */
  readonly via: Via | 'noiommu';
  /** VFIO_DEVICE_GET_INFO. */
  readonly info: DeviceInfo;
  /** Configuration space. */
  readonly config: ConfigSpace;
  /** Memory that the device can reach. */
  readonly dma: DmaSpace;
  readonly interrupts: Interrupts;
  /** What the device writes, and where, to raise a vector. */
  readonly messages: Messages;
  /** VFIO_DEVICE_FEATURE: VF tokens, low power, and whatever else by number. */
  readonly features: Features;
  readonly #handle: Handle;
  readonly #windows: Windows;
  readonly #regions = new Map<number, Region>();

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
    // Closed in reverse order: interrupts, windows, DMA memory.
    this.dma = createDmaSpace(handle);
    this.#windows = new Windows(handle);
    this.interrupts = createInterrupts(handle, this.info.numIrqs);
    this.features = createFeatures(handle);
    this.messages = createMessages({
      handle,
      config: this.config,
      interrupts: this.interrupts,
      region: (index) => this.region(index),
    });
  }

  /** Whether it was closed: by {@link close}, or for the host. */
  get closed(): boolean {
    return !this.#handle.isOpen;
  }

  /**
   * The device at the level of its file, for what stands on that: a source of virtual vectors. What
   * is done by it, the other parts of this object do not know of.
   *
   * @throws {@link VfioError} EBADF once the device is closed
   */
  get connection(): DeviceConnection {
    return this.#handle.connection;
  }

  /** The regions there are, by ascending index; those of size 0 are left out. */
  get regions(): readonly Region[] {
    const regions: Region[] = [];
    for (let index = 0; index < this.info.numRegions; index++) {
      const region = this.#find(index);
      if (region !== null && region.size > 0n) regions.push(region);
    }
    return regions;
  }

  /**
   * A base address register's region. Of size 0 if the device does not have it, and for the upper
   * half of a 64-bit one.
   *
   * @param n - 0 to 5
   */
  bar(n: number): Region {
    checkInteger(n, 'BAR', 0, VFIO_PCI_BAR5_REGION_INDEX);
    return this.region(n);
  }

  /**
   * A region by its index (VFIO_DEVICE_GET_REGION_INFO).
   *
   * @param index - 0 to `info.numRegions - 1`
   * @throws {@link VfioError} EINVAL for one the device does not have, such as VGA
   */
  region(index: number): Region {
    checkInteger(index, 'region', 0, this.info.numRegions - 1);
    const known = this.#regions.get(index);
    if (known !== undefined && this.#handle.isOpen) return known;
    const region = createRegion(this.#handle, this.#windows, index);
    this.#regions.set(index, region);
    return region;
  }

  /**
   * Resets the function (VFIO_DEVICE_RESET), on another thread since it can take a second.
   * Interrupts and DMA mappings stay as they are; the device's own registers do not.
   *
   * @throws {@link VfioError} EINVAL if the device has no reset of its own, EAGAIN if another reset
   *   is under way, or the host is taking the device back
   */
  async reset(): Promise<void> {
    try {
      await this.#handle.connection.reset();
      this.#handle.changes.emit('reset');
    } catch (error) {
      throw explainReset(error);
    }
  }

  /** As {@link reset}, on this thread. */
  resetSync(): void {
    try {
      this.#handle.connection.resetSync();
      this.#handle.changes.emit('reset');
    } catch (error) {
      throw explainReset(error);
    }
  }

  /** The devices a hot reset would reset with this one (VFIO_DEVICE_GET_PCI_HOT_RESET_INFO). */
  hotResetInfo(): HotResetInfo {
    return this.#handle.connection.getHotResetInfo();
  }

  /**
   * Resets the slot or bus (VFIO_DEVICE_PCI_HOT_RESET).
   *
   * @param others - every other device it resets, open in this program
   * @throws {@link VfioError} EINVAL if one of the affected devices is not among them, ENODEV if
   *   neither slot nor bus can be reset, EBUSY if one of them is in use
   */
  hotReset(others: readonly PciDevice[] = []): void {
    if (!Array.isArray(others) || !others.every((other) => other instanceof PciDevice)) {
      throw new TypeError('others must be an array of open devices');
    }
    this.#handle.connection.hotReset(others.map((other) => other.#handle.connection));
    for (const device of [this, ...others]) device.#handle.changes.emit('reset');
  }

  /**
   * Lets the device use its address space by requests with a PASID as well
   * (VFIO_DEVICE_ATTACH_IOMMUFD_PT with VFIO_DEVICE_ATTACH_PASID). Needs the character device and
   * iommufd. Seen on QEMU's emulated Intel IOMMU: Linux 7.2 attaches, 6.12 refuses; QEMU's devices
   * have no PASID capability and never send one.
   *
   * @param pasid - 20 bits; 0 is the device's own and EBUSY
   * @throws {@link VfioError} ENOTSUP where the device was opened through its group
   */
  attachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#handle.connection.attachPasid(pasid);
  }

  /** Takes it back (VFIO_DEVICE_DETACH_IOMMUFD_PT). */
  detachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#handle.connection.detachPasid(pasid);
  }

  /** An eventfd for this device: for `ioeventfd`, `request` or low power. The caller closes it. */
  createEventfd(): Eventfd {
    return this.#handle.connection.createEventfd();
  }

  /**
   * Disables interrupts and closes their vectors, closes the windows, unmaps and releases DMA
   * memory, then leaves the device. Idempotent; never throws, since leaving the device takes
   * away whatever could not be taken away before.
   */
  close(): void {
    this.#handle.close();
  }

  /** As {@link close}: `using device = openDeviceSync(name)`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** As {@link close}: `await using device = await openDevice(name)`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.resolve();
    this.close();
  }

  #closeOnHostRequest(): void {
    answerHostRequests(this.interrupts, () => {
      const hint =
        'The host wanted it back. To finish first, listen to device.interrupts.req.request() and close the device there.';
      this.#handle.close(hint);
      process.emitWarning(`${this.name} was closed: the host wants it back`, {
        type: 'VfioWarning',
        code: 'VFIO_HOST_REQUEST',
        detail: hint,
      });
    });
  }

  #find(index: number): Region | null {
    try {
      return this.region(index);
    } catch (error) {
      if (error instanceof VfioError && error.code === 'EINVAL') return null;
      throw error;
    }
  }
}

function explainReset(error: unknown): unknown {
  if (!(error instanceof VfioError && error.code === 'EINVAL')) return error;
  const hint =
    'The device has no reset of its own. A program can reset its slot or bus: hotReset().';
  return error.with({ hint });
}
