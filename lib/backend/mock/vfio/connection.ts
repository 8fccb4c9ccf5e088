import type { DeviceClock } from '../../../contract/clock.js';
import { VfioError } from '../../../errors.js';
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
  PasidOptions,
  RegionInfo,
  RegisterWindow,
  Via,
} from '../../../contract/index.js';
import { VFIO_IRQ_SET_ACTION_TRIGGER, VFIO_IRQ_SET_DATA_EVENTFD } from '../../../contract/uapi.js';
import {
  checkCpus,
  checkFeature,
  checkIoeventfdRequest,
  checkVectors,
} from '../../../contract/call-arguments.js';
import { Lifetime } from '../../../contract/lifetime.js';
import { windowSize } from '../../../contract/region-mapping.js';
import { Affinity } from '../machine/affinity.js';
import { IOMMU } from '../machine/platform.js';
import {
  checkArray,
  checkBytes,
  checkInteger,
  checkOptions,
  checkValue,
  checkWidth,
  checkPasid,
  checkPages,
  checkU32,
} from '../../../checks.js';
import { fail } from '../machine/errno.js';
import { MockEventfd, mockEventfd } from '../machine/eventfd.js';
import type { FaultKind } from '../machine/faults.js';
import { MockEventSet } from '../machine/event-set.js';
import { load, store } from '../hardware/config-bytes.js';
import type { MockAddressSpace } from '../machine/address-space.js';
import { MockCreatedAddressSpace } from '../machine/created-address-space.js';
import type { VfioDevice } from './device.js';
import type { Machine } from '../machine/machine.js';
import { MockWindow } from './window.js';

/** Largest offset in a region. The regions of a device file are 1 TiB apart. */
const REGION_MAX = 2 ** 40 - 1;
const WINDOW_MAX = 2 ** 32;

/** Called once at the close, with the hint that was passed to `close()`. */
type OnClose = (hint: string | undefined) => void;

/** A mock of an open device file. Several connections can share one device. */
export class MockConnection implements DeviceConnection {
  readonly name: string;
  readonly via: Via;
  readonly kernel: string;
  readonly addressSpace: MockAddressSpace;
  /**
   * The device, and the callback of the close. Null after {@link close}, so that a closed connection
   * does not keep the device in memory.
   */
  #opened: { readonly device: VfioDevice; readonly onClose: OnClose } | null;
  readonly #machine: Machine;
  readonly #affinity: Affinity;
  readonly #windows = new Set<MockWindow>();
  /** Interrupt indexes that this connection has ever enabled. */
  readonly #enabled = new Set<number>();
  readonly #scratch = new Uint8Array(4);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  readonly #lifetime: Lifetime;

  constructor(name: string, device: VfioDevice, machine: Machine, onClose: OnClose) {
    this.name = name;
    this.via = device.via;
    this.#machine = machine;
    this.#opened = { device, onClose };
    this.kernel = device.kernel;
    this.#lifetime = new Lifetime('the device is closed', name);
    this.addressSpace = device.addressSpace;
    this.#affinity = new Affinity((index, vector) => this.#device.interrupts.serves(index, vector));
  }

  /** Describes the IOMMU of the mock's platform. */
  get iommu(): IommuFacts {
    return IOMMU;
  }

  get clock(): DeviceClock {
    return this.#machine.work;
  }

  getInfo(): DeviceInfo {
    return this.#call('getInfo', (device) => device.info());
  }

  getRegionInfo(index: number): RegionInfo {
    checkU32(index, 'index');
    return this.#call('getRegionInfo', (device) => device.regions.info(index));
  }

  getIrqInfo(index: number): IrqInfo {
    checkU32(index, 'index');
    return this.#call('getIrqInfo', (device) => device.interrupts.info(index));
  }

  setIrqs(set: IrqSet): number {
    const result = this.#call('setIrqs', (device) => device.interrupts.set(set));
    const enabling = VFIO_IRQ_SET_ACTION_TRIGGER | VFIO_IRQ_SET_DATA_EVENTFD;
    if (result === 0 && set.flags === enabling) this.#enabled.add(set.index);
    return result;
  }

  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    checkFeature(flags, data, eventfd !== undefined);
    return this.#call('feature', (device) => device.features.use(flags, data, eventfd));
  }

  read(region: number, offset: number, into: Uint8Array): number {
    checkPosition(region, offset);
    checkBytes(into, 'into');
    return this.#call('read', (device) => device.regions.read(region, offset, into));
  }

  write(region: number, offset: number, from: Uint8Array): number {
    checkPosition(region, offset);
    checkBytes(from, 'from');
    return this.#call('write', (device) => device.regions.write(region, offset, from));
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    this.#lifetime.check();
    this.#device.wake();
    checkPosition(region, offset);
    const bytes = this.#scratchBytes(width);
    try {
      this.#machine.faults.check('read');
      if (this.#device.regions.read(region, offset, bytes) !== width) fail('EIO', 'read');
    } catch (error) {
      throw this.#addPath(error);
    }
    return load(this.#scratchView, 0, width);
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#lifetime.check();
    this.#device.wake();
    checkPosition(region, offset);
    const bytes = this.#scratchBytes(width);
    checkValue(value, width);
    store(this.#scratchView, 0, width, value);
    try {
      this.#machine.faults.check('write');
      if (this.#device.regions.write(region, offset, bytes) !== width) fail('EIO', 'write');
    } catch (error) {
      throw this.#addPath(error);
    }
  }

  map(region: number, offset: number, length: number): RegisterWindow {
    checkU32(region, 'region');
    checkPages(offset, 'offset');
    checkInteger(length, 'length', 1, WINDOW_MAX);
    return this.#call('mmap', (device) => {
      const { size } = device.regions.info(region);
      const bounded = windowSize(offset, length, size);
      device.regions.checkMap(region, offset, length);
      const path = `${this.name} region ${region}`;
      const extent = { path, bar: region, offset, length: bounded };
      const window = new MockWindow(device, extent, (closed) => {
        this.#windows.delete(closed);
      });
      this.#windows.add(window);
      return window;
    });
  }

  reset(): Promise<void> {
    return new Promise((resolve) => {
      this.resetSync();
      resolve();
    });
  }

  resetSync(): void {
    this.#call('reset', (device) => {
      device.reset();
    });
  }

  getHotResetInfo(): HotResetInfo {
    return this.#call('getHotResetInfo', (device) => device.hotResetInfo());
  }

  hotReset(others: readonly DeviceConnection[]): void {
    checkArray(others, 'others');
    const groups = new Set<number>();
    for (const other of [this, ...others]) {
      if (!(other instanceof MockConnection)) {
        throw new TypeError('hotReset accepts only mock devices');
      }
      other.#lifetime.check();
      if (other.via !== this.via) {
        throw new TypeError(
          `${other.name} is open via '${other.via}', but ${this.name} via '${this.via}'`,
        );
      }
      groups.add(other.#device.group);
    }
    this.#call('hotReset', (device) => {
      device.hotReset(groups.size);
    });
  }

  ioeventfd(request: IoeventfdRequest): void {
    checkIoeventfdRequest(request);
    if (request.eventfd !== null) mockEventfd(request.eventfd);
    this.#call('ioeventfd', (device) => {
      device.ioeventfds.set(request);
    });
  }

  createAddressSpace(): MockCreatedAddressSpace {
    return this.#call('createAddressSpace', (device) => device.createAddressSpace(this.name));
  }

  attachPasid(pasid: number, options: PasidOptions = {}): void {
    checkPasid(pasid);
    checkOptions(options, ['addressSpace']);
    const space = this.#spaceOf(options.addressSpace);
    this.#call('attachPasid', (device) => {
      device.pasids.attach(pasid, space);
    });
  }

  detachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#call('detachPasid', (device) => {
      device.pasids.detach(pasid);
    });
  }

  createEventfd(): Eventfd {
    this.#lifetime.check();
    try {
      this.#machine.faults.check('createEventfd');
    } catch (error) {
      throw this.#addPath(error);
    }
    return new MockEventfd();
  }

  createEventSet(capacity: number): EventSet {
    this.#lifetime.check();
    return new MockEventSet(capacity, this.#machine.work);
  }

  getAffinity(index: number, vector: number): number[] {
    checkVectors(index, [vector]);
    return this.#call(null, () => this.#affinity.get(index, vector));
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    checkVectors(index, [vector]);
    checkCpus(cpus);
    this.#call(null, () => {
      this.#affinity.set(index, vector, cpus);
    });
  }

  /**
   * Only checks the arguments. No wait is needed, because a message of a mock device signals its
   * eventfd synchronously.
   */
  synchronizeIrqs(index: number, vectors: readonly number[]): void {
    checkVectors(index, vectors);
    this.#lifetime.check();
  }

  close(hint?: string): void {
    if (!this.#lifetime.end(hint) || this.#opened === null) return;
    const { device, onClose } = this.#opened;
    for (const window of this.#windows) window.close(hint);
    // If another connection keeps the device open, the interrupts of this connection must still be
    // disabled.
    for (const index of this.#enabled) device.interrupts.disable(index);
    this.#opened = null;
    onClose(hint);
  }

  get #device(): VfioDevice {
    if (this.#opened === null) throw this.#lifetime.error();
    return this.#opened.device;
  }

  #spaceOf(addressSpace: AddressSpace = this.addressSpace): MockAddressSpace {
    if (addressSpace === this.addressSpace) return this.addressSpace;
    if (addressSpace instanceof MockCreatedAddressSpace) return addressSpace;
    throw new TypeError('addressSpace must be the result of createAddressSpace() of a device');
  }

  #scratchBytes(width: number): Uint8Array {
    checkWidth(width);
    return width === 4 ? this.#scratch : this.#scratch.subarray(0, width);
  }

  /**
   * @param kind - kind of the call, for injected faults. Null means that no fault can be injected
   *   into the call.
   */
  #call<T>(kind: FaultKind | null, run: (device: VfioDevice) => T): T {
    this.#lifetime.check();
    this.#device.wake();
    try {
      if (kind !== null) this.#machine.faults.check(kind);
      return run(this.#device);
    } catch (error) {
      throw this.#addPath(error);
    }
  }

  #addPath(error: unknown): unknown {
    return error instanceof VfioError ? error.with({ path: this.name }) : error;
  }
}

function checkPosition(region: number, offset: number): void {
  checkU32(region, 'region');
  checkInteger(offset, 'offset', 0, REGION_MAX);
}
