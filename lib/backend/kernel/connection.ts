import { constants } from 'node:buffer';
import { release } from 'node:os';
import type { Native } from '../../native/binding.js';
import type {
  AddressSpace,
  DeviceConnection,
  DeviceInfo,
  Eventfd,
  EventSet,
  HotResetInfo,
  IommuFacts,
  IoeventfdRequest,
  IrqInfo,
  IrqSet,
  RegionFile,
  PasidOptions,
  RegionInfo,
  RegisterWindow,
  Via,
} from '../../contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../../contract/uapi.js';
import {
  checkCpus,
  checkFeature,
  checkIoeventfdRequest,
  checkVectors,
} from '../../contract/call-arguments.js';
import { Lifetime } from '../../contract/lifetime.js';
import { formatAddress } from '../../contract/names.js';
import { windowSize } from '../../contract/region-mapping.js';
import type { KernelAddressSpace } from './address-space.js';
import { HostInterrupts } from './affinity.js';
import {
  checkArray,
  checkBytes,
  checkInteger,
  checkOptions,
  checkPages,
  checkPasid,
  checkU32,
  checkValue,
  checkWidth,
} from '../../checks.js';
import type { DeviceFile } from './device-file.js';
import { KernelEventSet } from '../linux/event-set.js';
import { fdOf, KernelEventfd } from '../linux/eventfd.js';
import { describeError } from '../linux/describe-error.js';
import { encodeIrqSet } from './irq-set.js';
import { Ioas } from './ioas.js';
import type { Kernel } from './kernel.js';
import { RefCounted } from './ownership.js';
import { Releases } from '../../releases.js';
import { Regions } from './regions.js';
import { MappedWindow } from '../linux/window.js';

/**
 * Maximum size of a window in bytes. Offsets have 32 bits, and Node 20 limits the size of an
 * ArrayBuffer.
 */
const WINDOW_MAX = Math.min(2 ** 32, constants.MAX_LENGTH);
const NO_DATA = new Uint8Array(0);

/** A VFIO device file, with one method for each ioctl. */
export class KernelConnection implements DeviceConnection {
  readonly name: string;
  readonly via: Via | 'noiommu';
  readonly addressSpace: KernelAddressSpace;
  readonly #kernel: Kernel;
  readonly #native: Native;
  readonly #file: DeviceFile;
  readonly #fd: number;
  readonly #regions: Regions;
  readonly #interrupts: HostInterrupts;
  readonly #windows = new Set<MappedWindow>();
  /** Interrupt indexes that this connection has enabled at least once. */
  readonly #enabled = new Set<number>();
  /**
   * References to the connection: one while the connection is open, and one for each call on
   * another thread.
   */
  readonly #users: RefCounted;
  readonly #lifetime: Lifetime;

  constructor(kernel: Kernel, name: string, file: DeviceFile) {
    this.name = name;
    this.via = file.via;
    this.addressSpace = file.addressSpace;
    this.#kernel = kernel;
    this.#interrupts = new HostInterrupts(kernel, name);
    this.#native = kernel.native;
    this.#file = file;
    this.#fd = file.fd;
    this.#regions = new Regions(kernel.native, file.fd);
    const releases = new Releases();
    releases.add(() => {
      file.release();
    });
    this.#users = new RefCounted(releases);
    this.#lifetime = new Lifetime('the device is closed', name);
  }

  get kernel(): string {
    return release();
  }

  get iommu(): IommuFacts {
    return this.#kernel.sysfs.iommu(this.name);
  }

  getInfo(): DeviceInfo {
    return this.#call((native, fd) => native.deviceGetInfo(fd));
  }

  getRegionInfo(index: number): RegionInfo {
    checkU32(index, 'index');
    return this.#call(() => this.#regions.info(index));
  }

  getIrqInfo(index: number): IrqInfo {
    checkU32(index, 'index');
    return this.#call((native, fd) => ({ index, ...native.deviceGetIrqInfo(fd, index) }));
  }

  setIrqs(set: IrqSet): number {
    const { argsz, data } = encodeIrqSet(set);
    const { flags, index, start, count } = set;
    const result = this.#call((native, fd) =>
      native.deviceSetIrqs(fd, argsz, flags, index, start, count, data),
    );
    const enabling = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
    if (result === 0 && flags === enabling) this.#enabled.add(index);
    return result;
  }

  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    checkFeature(flags, data, eventfd !== undefined);
    if (eventfd !== undefined) {
      new DataView(data.buffer, data.byteOffset, data.length).setInt32(0, fdOf(eventfd), true);
    }
    return this.#call((native, fd) => native.deviceFeature(fd, flags, data));
  }

  read(region: number, offset: number, into: Uint8Array): number {
    checkBytes(into, 'into');
    return this.#call((native, fd) =>
      native.pread(fd, this.#regions.position(region, offset), into),
    );
  }

  write(region: number, offset: number, from: Uint8Array): number {
    checkBytes(from, 'from');
    return this.#call((native, fd) =>
      native.pwrite(fd, this.#regions.position(region, offset), from),
    );
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    this.#lifetime.check();
    checkWidth(width);
    try {
      return this.#native.load(this.#fd, this.#regions.position(region, offset), width);
    } catch (error) {
      throw describeError(error, this.name);
    }
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#lifetime.check();
    checkWidth(width);
    checkValue(value, width);
    try {
      this.#native.store(this.#fd, this.#regions.position(region, offset), width, value);
    } catch (error) {
      throw describeError(error, this.name);
    }
  }

  /**
   * Maps whole pages of a region. If the region ends within the last page, the window ends at the
   * end of the region.
   */
  map(region: number, offset: number, length: number): RegisterWindow {
    checkPages(offset, 'offset');
    checkInteger(length, 'length', 1, WINDOW_MAX);
    return this.#call((native, fd) => {
      const { size, writable } = this.#regions.place(region);
      const position = this.#regions.position(region, offset);
      this.#kernel.areas.check();
      const mapping = native.mapRegion(fd, position, windowSize(offset, length, size), writable);
      const path = `${this.name} region ${region}`;
      const window = new MappedWindow(native, mapping, { path, writable }, (closed) => {
        this.#windows.delete(closed);
      });
      this.#windows.add(window);
      return window;
    });
  }

  regionFile(region: number): RegionFile {
    return this.#call((_, fd) => ({ fd, offset: BigInt(this.#regions.place(region).offset) }));
  }

  async reset(): Promise<void> {
    this.#lifetime.check();
    this.#users.retain();
    try {
      await this.#native.deviceResetAsync(this.#fd);
    } catch (error) {
      throw describeError(error, this.name);
    } finally {
      this.#users.release();
    }
  }

  resetSync(): void {
    this.#call((native, fd) => {
      native.deviceReset(fd);
    });
  }

  getHotResetInfo(): HotResetInfo {
    const { flags, devices } = this.#call((native, fd) => native.deviceGetPciHotResetInfo(fd));
    return {
      flags,
      devices: Array.from({ length: devices.length / 4 }, (_, i) => {
        const [id = 0, segment = 0, bus = 0, devfn = 0] = devices.slice(i * 4, i * 4 + 4);
        return { id, name: formatAddress(segment, bus, devfn) };
      }),
    };
  }

  hotReset(others: readonly DeviceConnection[]): void {
    checkArray(others, 'others');
    const groups = new Set<number>();
    for (const device of [this, ...others]) {
      if (!(device instanceof KernelConnection)) {
        throw new TypeError('hotReset accepts only devices of the kernel back end');
      }
      device.#lifetime.check();
      const { groupFd } = device.#file;
      if ((groupFd === null) !== (this.#file.groupFd === null)) {
        throw new TypeError(
          `${device.name} is open via '${device.via}', but ${this.name} via '${this.via}'`,
        );
      }
      if (groupFd !== null) groups.add(groupFd);
    }
    this.#call((native, fd) => {
      native.devicePciHotReset(fd, [...groups]);
    });
  }

  ioeventfd(request: IoeventfdRequest): void {
    checkIoeventfdRequest(request);
    const { region, offset, width, value, eventfd } = request;
    const target = fdOf(eventfd);
    this.#call((native, fd) => {
      // The flags of VFIO_DEVICE_IOEVENTFD contain the access width in bytes.
      const position = BigInt(this.#regions.position(region, offset));
      native.deviceIoeventfd(fd, width, position, value, target);
    });
  }

  createAddressSpace(): Ioas {
    this.#lifetime.check();
    return this.#file.createAddressSpace();
  }

  attachPasid(pasid: number, options: PasidOptions = {}): void {
    checkPasid(pasid);
    checkOptions(options, ['addressSpace']);
    this.#lifetime.check();
    this.#file.attachPasid(pasid, this.#ioasOf(options.addressSpace));
  }

  detachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#lifetime.check();
    this.#file.detachPasid(pasid);
  }

  createEventfd(): Eventfd {
    return this.#call((native) => new KernelEventfd(native));
  }

  createEventSet(capacity: number): EventSet {
    return this.#call((native) => new KernelEventSet(native, capacity));
  }

  getAffinity(index: number, vector: number): number[] {
    checkVectors(index, [vector]);
    this.#lifetime.check();
    return this.#interrupts.getAffinity(index, vector);
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    checkVectors(index, [vector]);
    checkCpus(cpus);
    this.#lifetime.check();
    this.#interrupts.setAffinity(index, vector, cpus);
  }

  synchronizeIrqs(index: number, vectors: readonly number[]): void {
    checkVectors(index, vectors);
    this.#lifetime.check();
    this.#interrupts.synchronize(index, vectors);
  }

  close(hint?: string): void {
    if (!this.#lifetime.end(hint)) return;
    this.addressSpace.setCloseHint(hint);
    const releases = new Releases();
    releases.add(() => {
      this.#users.release();
    });
    for (const window of this.#windows) {
      releases.add(() => {
        window.close(hint);
      });
    }
    // Interrupts are disabled explicitly, because another connection or a descriptor of the caller
    // can keep the device open.
    for (const index of this.#enabled) {
      releases.add(() => {
        this.#disable(index);
      });
    }
    releases.run();
  }

  /** Returns null for the address space of the device. */
  #ioasOf(addressSpace: AddressSpace = this.addressSpace): Ioas | null {
    if (addressSpace === this.addressSpace) return null;
    if (!(addressSpace instanceof Ioas)) {
      throw new TypeError('addressSpace must be the result of createAddressSpace() of a device');
    }
    addressSpace.checkOpen();
    return addressSpace;
  }

  /** Disables an interrupt index. Fails with EINVAL if the index is already disabled. */
  #disable(index: number): void {
    const flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
    this.#native.deviceSetIrqs(this.#fd, 20, flags, index, 0, 0, NO_DATA);
  }

  #call<T>(run: (native: Native, fd: number) => T): T {
    this.#lifetime.check();
    try {
      return run(this.#native, this.#fd);
    } catch (error) {
      throw describeError(error, this.name);
    }
  }
}
