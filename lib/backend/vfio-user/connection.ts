import { constants } from 'node:buffer';
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
import {
  checkCpus,
  checkFeature,
  checkIoeventfdRequest,
  checkVectors,
} from '../../contract/call-arguments.js';
import type {
  CreatedAddressSpace,
  DeviceConnection,
  DeviceInfo,
  Eventfd,
  EventSet,
  HotResetInfo,
  IommuFacts,
  IovaRange,
  IoeventfdRequest,
  IrqInfo,
  IrqSet,
  PasidOptions,
  RegionInfo,
  RegisterWindow,
} from '../../contract/index.js';
import { windowSize } from '../../contract/region-mapping.js';
import { VFIO_DEVICE_FEATURE_GET, VFIO_REGION_INFO_FLAG_MMAP } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { Native } from '../../native/binding.js';
import {
  MAX_TRANSFER,
  VFIO_USER_DEVICE_FEATURE,
  VFIO_USER_DEVICE_RESET,
} from '../../vfio-user/protocol.js';
import { describeError } from '../linux/describe-error.js';
import { fdOf, KernelEventfd } from '../linux/eventfd.js';
import type { MemoryAreas } from '../linux/memory-areas.js';
import { UserAddressSpace } from './address-space.js';
import type { DmaMappings } from './dma-mappings.js';
import { UserEventSet } from './event-set.js';
import { Irqs } from './irqs.js';
import { mapAreas } from './mapped-areas.js';
import type { Negotiated } from './negotiate.js';
import { RegionCalls } from './region-calls.js';
import { Regions } from './regions.js';
import { ignoreReply, LONG_ANSWER_TIME, type Session } from './session.js';
import { UserWindow } from './window.js';

/** Maximum size of a window in bytes, as on the kernel back end. */
const WINDOW_MAX = Math.min(2 ** 32, constants.MAX_LENGTH);
/** Bytes of struct vfio_device_feature without data. */
const FEATURE_SIZE = 8;
const NO_IOMMU: IommuFacts = { name: null, unsafeInterrupts: false };

/** The parts of a connection after the negotiation. */
export interface Opened {
  readonly session: Session;
  readonly mappings: DmaMappings;
  readonly negotiated: Negotiated;
  readonly memoryAreas: MemoryAreas;
  /** The IOVAs that the device can use. */
  readonly ranges: readonly IovaRange[];
}

/**
 * A device behind the socket of a vfio-user server. Calls for which the protocol has no command
 * fail with ENOTTY.
 */
export class UserConnection implements DeviceConnection {
  readonly name: string;
  readonly via = 'vfio-user';
  readonly iommu = NO_IOMMU;
  readonly kernel: string;
  readonly addressSpace: UserAddressSpace;
  readonly #native: Native;
  readonly #memoryAreas: MemoryAreas;
  readonly #session: Session;
  readonly #info: DeviceInfo;
  readonly #regions: Regions;
  readonly #calls: RegionCalls;
  readonly #irqs: Irqs;
  readonly #windows = new Set<UserWindow>();

  constructor(native: Native, name: string, opened: Opened) {
    const { session, mappings, negotiated, memoryAreas, ranges } = opened;
    const { version, capabilities, info } = negotiated;
    this.name = name;
    this.kernel = `vfio-user ${version}`;
    this.#native = native;
    this.#memoryAreas = memoryAreas;
    this.#session = session;
    this.#info = info;
    this.#regions = new Regions(native, session, info.numRegions);
    this.#calls = new RegionCalls(session, this.#regions, capabilities.maxTransfer);
    this.#irqs = new Irqs(session, info.numIrqs, capabilities.maxFds);
    this.addressSpace = new UserAddressSpace(native, session, mappings, ranges);
    session.gone.addEventListener('abort', () => {
      for (const window of this.#windows) window.lose();
    });
  }

  get gone(): AbortSignal {
    return this.#session.gone;
  }

  getInfo(): DeviceInfo {
    this.#session.check();
    return this.#info;
  }

  getRegionInfo(index: number): RegionInfo {
    checkU32(index, 'index');
    return this.#call(() => this.#regions.info(index));
  }

  getIrqInfo(index: number): IrqInfo {
    checkU32(index, 'index');
    return this.#call(() => this.#irqs.info(index));
  }

  setIrqs(set: IrqSet): number {
    return this.#call(() => {
      this.#irqs.set(set);
      return 0;
    });
  }

  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    checkFeature(flags, data, eventfd !== undefined);
    if (eventfd !== undefined) {
      fdOf(eventfd);
      return this.#refuse('VFIO_DEVICE_FEATURE');
    }
    return this.#call(() => this.#feature(flags, data));
  }

  read(region: number, offset: number, into: Uint8Array): number {
    checkBytes(into, 'into');
    return this.#call(() => this.#calls.read(region, offset, into));
  }

  write(region: number, offset: number, from: Uint8Array): number {
    checkBytes(from, 'from');
    return this.#call(() => this.#calls.write(region, offset, from));
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    this.#session.check();
    checkWidth(width);
    try {
      return this.#calls.load(region, offset, width);
    } catch (error) {
      throw describeError(error, this.name);
    }
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    this.#session.check();
    checkWidth(width);
    checkValue(value, width);
    try {
      this.#calls.store(region, offset, width, value);
    } catch (error) {
      throw describeError(error, this.name);
    }
  }

  /** Maps pages of a BAR. Registers that the server does not share are accessed by messages. */
  map(region: number, offset: number, length: number): RegisterWindow {
    checkU32(region, 'region');
    checkPages(offset, 'offset');
    checkInteger(length, 'length', 1, WINDOW_MAX);
    return this.#call(() => {
      const { flags, size } = this.#regions.info(region);
      const bounded = windowSize(offset, length, size);
      const isInside = BigInt(offset) + BigInt(bounded) <= size;
      if ((flags & VFIO_REGION_INFO_FLAG_MMAP) === 0 || !isInside) {
        throw new VfioError({ code: 'EINVAL', syscall: 'mmap' });
      }
      const extent = { path: `${this.name} region ${region}`, region, offset, length: bounded };
      const shared = this.#regions.get(region);
      const areas = mapAreas(this.#native, this.#memoryAreas, shared, extent);
      const window = new UserWindow(this.#calls, extent, areas, (closed) => {
        this.#windows.delete(closed);
      });
      this.#windows.add(window);
      return window;
    });
  }

  async reset(): Promise<void> {
    this.#session.check();
    this.#session.start(VFIO_USER_DEVICE_RESET, 0);
    await this.#session.request(ignoreReply, 0, LONG_ANSWER_TIME);
  }

  resetSync(): void {
    this.#session.start(VFIO_USER_DEVICE_RESET, 0);
    this.#session.exchange(0, LONG_ANSWER_TIME);
  }

  getHotResetInfo(): HotResetInfo {
    return this.#refuse('VFIO_DEVICE_GET_PCI_HOT_RESET_INFO');
  }

  hotReset(others: readonly DeviceConnection[]): void {
    checkArray(others, 'others');
    this.#refuse('VFIO_DEVICE_PCI_HOT_RESET');
  }

  ioeventfd(request: IoeventfdRequest): void {
    checkIoeventfdRequest(request);
    fdOf(request.eventfd);
    this.#refuse('VFIO_DEVICE_IOEVENTFD');
  }

  createAddressSpace(): CreatedAddressSpace {
    return this.#refuse('IOMMU_IOAS_ALLOC');
  }

  attachPasid(pasid: number, options: PasidOptions = {}): void {
    checkPasid(pasid);
    checkOptions(options, ['addressSpace']);
    this.#refuse('VFIO_DEVICE_ATTACH_IOMMUFD_PT');
  }

  detachPasid(pasid: number): void {
    checkPasid(pasid);
    this.#refuse('VFIO_DEVICE_DETACH_IOMMUFD_PT');
  }

  createEventfd(): Eventfd {
    this.#session.check();
    return new KernelEventfd(this.#native);
  }

  createEventSet(capacity: number): EventSet {
    this.#session.check();
    return new UserEventSet(this.#native, capacity, this.#session);
  }

  getAffinity(index: number, vector: number): number[] {
    checkVectors(index, [vector]);
    return this.#refuse('smp_affinity_list');
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    checkVectors(index, [vector]);
    checkCpus(cpus);
    this.#refuse('smp_affinity_list');
  }

  /** Only checks the arguments, because the interrupts of the server use no CPU of this process. */
  synchronizeIrqs(index: number, vectors: readonly number[]): void {
    checkVectors(index, vectors);
    this.#session.check();
  }

  /** Closes the socket. The server then disables the interrupts and removes the mappings. */
  close(hint?: string): void {
    this.#session.close(hint);
    for (const window of this.#windows) window.close(hint);
    this.#regions.close();
    this.addressSpace.close();
  }

  #feature(flags: number, data: Uint8Array): number {
    if (data.length > MAX_TRANSFER) {
      throw new RangeError(`data must have at most ${MAX_TRANSFER} bytes, not ${data.length}`);
    }
    const size = FEATURE_SIZE + data.length;
    const draft = this.#session.start(VFIO_USER_DEVICE_FEATURE, size);
    draft.setU32(0, size).setU32(4, flags).setBytes(FEATURE_SIZE, data);
    try {
      const reply = this.#session.exchange(FEATURE_SIZE);
      const length = Math.min(reply.payloadSize - FEATURE_SIZE, data.length);
      if ((flags & VFIO_DEVICE_FEATURE_GET) !== 0) data.set(reply.bytes(FEATURE_SIZE, length));
      return 0;
    } catch (error) {
      const isUnknown = error instanceof VfioError && error.code === 'ENOTSUP';
      throw isUnknown ? new VfioError({ code: 'ENOTTY', syscall: 'VFIO_DEVICE_FEATURE' }) : error;
    }
  }

  #call<T>(run: () => T): T {
    try {
      return run();
    } catch (error) {
      throw describeError(error, this.name);
    }
  }

  /** Throws the error of a call for which the protocol has no command. */
  #refuse(syscall: string): never {
    this.#session.check();
    throw new VfioError({
      code: 'ENOTTY',
      syscall,
      path: this.name,
      hint: 'The protocol vfio-user has no such command. The call needs a device that the kernel opens.',
    });
  }
}
