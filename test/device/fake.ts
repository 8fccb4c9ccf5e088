import type {
  DeviceConnection,
  Eventfd,
  EventSet,
  HotResetInfo,
  IoeventfdRequest,
  IrqInfo,
  IrqSet,
  RegionInfo,
  RegisterWindow,
  Via,
} from '../../lib/contract/index.js';
import { checkValue } from '../../lib/checks.js';
import { createDevice } from '../../lib/device/device.js';
import type { Vector } from '../../lib/device/vector.js';
import { VfioError } from '../../lib/errors.js';
import { FakeEventfd, FakeEventSet } from './fake-events.js';
import { FakeAddressSpace } from './fake-memory.js';
import { hex, Script } from './fake-script.js';

const FLAGS: Readonly<Record<number, string>> = {
  1: 'none',
  2: 'bool',
  4: 'eventfd',
  8: 'mask',
  16: 'unmask',
  32: 'trigger',
};
const IRQS = ['intx', 'msi', 'msix', 'err', 'req'];

export class FakeConnection implements DeviceConnection {
  name = 'fake:device';
  via: Via = 'cdev';
  kernel = '6.12.0';
  iommu = { name: 'dmar0', unsafeInterrupts: false };
  readonly script = new Script();
  readonly addressSpace: FakeAddressSpace;
  readonly config = new Uint8Array(4096);
  readonly eventfds: FakeEventfd[] = [];
  readonly sets: FakeEventSet[] = [];
  regions: Partial<RegionInfo>[] = [];
  irqs: Partial<IrqInfo>[] = [
    { count: 1, flags: 7 },
    { count: 4, flags: 9 },
    { count: 8, flags: 1 },
    { count: 1, flags: 9 },
    { count: 1, flags: 9 },
  ];
  /**
   * The return values or errors of the next calls that enable an index. If the list is empty, a
   * call returns 0.
   */
  readonly irqAnswers: (number | VfioError)[] = [];

  constructor(addressSpace?: FakeAddressSpace) {
    this.addressSpace = addressSpace ?? new FakeAddressSpace(this.script);
  }

  /** The only event set of the device. */
  get set(): FakeEventSet {
    const [set] = this.sets;
    if (set === undefined || this.sets.length > 1)
      throw new Error(`${this.sets.length} event sets`);
    return set;
  }

  getInfo() {
    this.script.enter('getInfo');
    return { flags: 3, numRegions: 10, numIrqs: 5 };
  }

  getRegionInfo(index: number): RegionInfo {
    this.script.enter('getRegionInfo', index);
    if (index === 8)
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_REGION_INFO' });
    const config = index === 7 ? { size: BigInt(this.config.length), flags: 3 } : {};
    return { index, flags: 0, size: 0n, capabilities: [], ...config, ...this.regions[index] };
  }

  getIrqInfo(index: number): IrqInfo {
    this.script.enter('getIrqInfo', index);
    return { index, flags: 0, count: 0, ...this.irqs[index] };
  }

  setIrqs({ index, flags, start, count, eventfds }: IrqSet): number {
    const names = [1, 2, 4, 8, 16, 32].filter((bit) => flags & bit).map((bit) => FLAGS[bit]);
    const fds = eventfds?.map((eventfd) =>
      eventfd === null || typeof eventfd === 'number' ? `${eventfd}` : `e${eventfd.fd}`,
    );
    const data =
      fds === undefined ? '' : ` [${fds.length > 2 ? `${fds[0]} x ${fds.length}` : fds.join()}]`;
    this.script.enter('irqs', `${IRQS[index]} ${names.join('|')} ${start}+${count}${data}`);
    if (fds === undefined || fds.some((fd) => fd !== 'null')) return 0;
    const answer = this.irqAnswers.shift() ?? 0;
    if (typeof answer !== 'number') throw answer;
    return answer;
  }

  feature(flags: number, data: Uint8Array, eventfd?: Eventfd): number {
    const first = eventfd === undefined ? [] : [`e${eventfd.fd}`];
    this.script.enter('feature', hex(flags), `[${data.join()}]`, ...first);
    data.fill(0xab);
    return 0;
  }

  read(region: number, offset: number, into: Uint8Array): number {
    this.script.enter('read', region, offset, into.length);
    if (region === 7) into.set(this.config.subarray(offset, offset + into.length));
    return region === 7 ? into.length : Math.min(into.length, 6);
  }

  write(region: number, offset: number, from: Uint8Array): number {
    this.script.enter('write', region, offset, `[${from.join()}]`);
    if (region === 7) this.config.set(from, offset);
    return from.length;
  }

  load(region: number, offset: number, width: 1 | 2 | 4): number {
    this.script.enter('load', region, offset, width);
    const view = new DataView(this.config.buffer);
    if (width === 1) return view.getUint8(offset);
    return width === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
  }

  store(region: number, offset: number, width: 1 | 2 | 4, value: number): void {
    checkValue(value, width);
    this.script.enter('store', region, offset, width, hex(value));
    const view = new DataView(this.config.buffer);
    if (width === 1) view.setUint8(offset, value);
    else if (width === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  }

  map(region: number, offset: number, length: number): RegisterWindow {
    this.script.enter('mmap', region, hex(offset), hex(length));
    const close = () => {
      this.script.enter('window.close', region, hex(offset));
    };
    return { size: length, close } as unknown as RegisterWindow;
  }

  async reset(): Promise<void> {
    await Promise.resolve();
    this.script.enter('reset');
  }

  resetSync(): void {
    this.script.enter('resetSync');
  }

  getHotResetInfo(): HotResetInfo {
    this.script.enter('getHotResetInfo');
    return { flags: 0, devices: [] };
  }

  hotReset(others: readonly DeviceConnection[]): void {
    this.script.enter('hotReset', others.map(({ name }) => name).join());
  }

  ioeventfd({ region, offset, width, value, eventfd }: IoeventfdRequest): void {
    this.script.enter('ioeventfd', region, offset, width, value, eventfd?.fd ?? 'null');
  }

  createAddressSpace(): never {
    throw new Error('not faked');
  }

  attachPasid(pasid: number): void {
    this.script.enter('attachPasid', pasid);
  }

  detachPasid(pasid: number): void {
    this.script.enter('detachPasid', pasid);
  }

  createEventfd(): FakeEventfd {
    this.script.enter('createEventfd');
    const eventfd = new FakeEventfd(this.script, this.eventfds.length);
    this.eventfds.push(eventfd);
    return eventfd;
  }

  createEventSet(capacity: number): EventSet {
    this.script.enter('createEventSet', capacity);
    const set = new FakeEventSet(this.script, capacity);
    this.sets.push(set);
    return set;
  }

  getAffinity(index: number, vector: number): number[] {
    this.script.enter('getAffinity', index, vector);
    return [0, 1];
  }

  setAffinity(index: number, vector: number, cpus: readonly number[]): void {
    this.script.enter('setAffinity', index, vector, cpus.join());
  }

  synchronizeIrqs(index: number, vectors: readonly number[]): void {
    this.script.enter('synchronizeIrqs', index, vectors.join());
  }

  close(): void {
    this.script.enter('close');
    this.script.closed = true;
  }
}

/** Opens a device with a fake connection, and clears the recorded calls. */
export function openFake(change: (connection: FakeConnection) => void = () => undefined) {
  const connection = new FakeConnection();
  change(connection);
  const device = createDevice(connection);
  const { script, addressSpace } = connection;
  script.take();
  return { device, connection, script, space: addressSpace };
}

/** Opens a device and requests `count` MSI-X vectors. */
export function withVectors(count: number, options = {}) {
  const fake = openFake();
  const { msix } = fake.device.interrupts;
  const vectors = Array.from({ length: count }, (_, n) => msix.request(n, options));
  const [a, b, c, d] = vectors as [Vector, Vector, Vector, Vector];
  fake.script.take();
  return { ...fake, msix, vectors, a, b, c, d, set: fake.connection.set };
}

export const fds = (vectors: readonly Vector[]) => vectors.map(({ eventfd }) => eventfd);
