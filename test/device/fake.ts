import type {
  AddressSpace,
  DeviceConnection,
  Eventfd,
  EventSet,
  HotResetInfo,
  HugePages,
  IoeventfdRequest,
  IovaRange,
  IrqInfo,
  IrqSet,
  Memory,
  RegionInfo,
  RegisterWindow,
  Via,
} from '../../lib/backend/contract.js';
import { PciDevice } from '../../lib/device/device.js';
import { VfioError } from '../../lib/errors.js';

/** What was asked of the fake, one line a call, and what shall fail. */
export class Script {
  readonly calls: string[] = [];
  closed = false;
  readonly #failures: { kind: string; nth: number; error: unknown }[] = [];

  /** The nth call of that kind from now on throws. */
  fail(kind: string, error: unknown = new VfioError({ code: 'EIO' }), nth = 1): void {
    this.#failures.push({ kind, nth, error });
  }

  enter(kind: string, ...details: unknown[]): void {
    if (this.closed) throw new Error(`'${kind}' after the connection was closed`);
    this.calls.push([kind, ...details].join(' '));
    for (const failure of this.#failures) {
      if (failure.kind === kind && --failure.nth === 0) throw failure.error;
    }
  }

  /** Forgets the calls so far, and returns them. */
  take(): string[] {
    return this.calls.splice(0);
  }
}

export class FakeEventfd implements Eventfd {
  closed = false;
  pending = 0n;

  constructor(
    readonly script: Script,
    readonly fd: number,
  ) {}

  signal(count = 1n): void {
    this.pending += count;
  }

  read(): bigint {
    const count = this.pending;
    this.pending = 0n;
    return count;
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.script.calls.push(`eventfd.close ${this.fd}`);
  }
}

/** Fires by hand: by `fire` while it is served, or out of what was queued while it is polled. */
export class FakeEventSet implements EventSet {
  readonly fired: Uint32Array;
  readonly counts: BigUint64Array;
  readonly slots = new Map<number, { eventfd: Eventfd; counted: boolean }>();
  readonly queue: (readonly [slot: number, count: bigint])[][] = [];
  served: ((n: number) => void) | null = null;
  referenced = false;
  closed = false;

  constructor(
    readonly script: Script,
    capacity: number,
  ) {
    this.fired = new Uint32Array(capacity);
    this.counts = new BigUint64Array(capacity);
  }

  add(slot: number, eventfd: Eventfd, counted: boolean): void {
    this.script.enter('set.add', slot, counted ? 'counted' : 'plain');
    if (slot >= this.fired.length) throw new RangeError('slot');
    if (this.slots.has(slot)) throw new Error(`slot ${slot} is taken`);
    this.slots.set(slot, { eventfd, counted });
  }

  remove(slot: number): void {
    this.script.enter('set.remove', slot);
    if (!this.slots.delete(slot)) throw new Error(`slot ${slot} is free`);
  }

  serve(onFired: (n: number) => void): void {
    this.script.enter('set.serve');
    this.served = onFired;
    this.referenced = false;
  }

  pause(): void {
    this.script.enter('set.pause');
    this.served = null;
  }

  wait(timeoutMs: number): number {
    this.script.enter('set.wait', timeoutMs);
    return this.#next();
  }

  spin(timeoutUs: number): number {
    this.script.enter('set.spin', timeoutUs);
    return this.#next();
  }

  ref(): void {
    this.script.enter('set.ref');
    this.referenced = true;
  }

  unref(): void {
    this.script.enter('set.unref');
    this.referenced = false;
  }

  close(): void {
    this.script.enter('set.close');
    this.closed = true;
    this.served = null;
  }

  /** One wake of the event loop, with what these eventfds hold. */
  fire(...eventfds: readonly Eventfd[]): void {
    const n = this.#load(eventfds.map((eventfd) => [this.slotOf(eventfd), 1n]));
    this.served?.(n);
  }

  /** One wake with counts. */
  fireCounted(...events: readonly (readonly [Eventfd, bigint])[]): void {
    this.served?.(this.#load(events.map(([eventfd, count]) => [this.slotOf(eventfd), count])));
  }

  slotOf(eventfd: Eventfd): number {
    for (const [slot, entry] of this.slots) if (entry.eventfd === eventfd) return slot;
    throw new Error('not watched');
  }

  #next(): number {
    return this.#load(this.queue.shift() ?? []);
  }

  #load(events: readonly (readonly [slot: number, count: bigint])[]): number {
    for (const [i, [slot, count]] of events.entries()) {
      this.fired[i] = slot;
      this.counts[i] = count;
    }
    return events.length;
  }
}

export class FakeMemory implements Memory {
  readonly buffer: ArrayBuffer | SharedArrayBuffer;
  released = false;

  constructor(
    readonly script: Script,
    readonly what: string,
    readonly size: number,
    buffer?: SharedArrayBuffer,
  ) {
    this.buffer = buffer ?? new ArrayBuffer(size);
  }

  release(): void {
    if (this.released) throw new Error('released twice');
    this.released = true;
    this.script.calls.push(`memory.release ${this.what}`);
    if (this.buffer instanceof ArrayBuffer)
      structuredClone(this.buffer, { transfer: [this.buffer] });
  }
}

export class FakeAddressSpace implements AddressSpace {
  pageSizes = 0xffff_ffff_ffff_f000n;
  usable: IovaRange[] = [{ start: 0n, end: 0xfedf_ffffn }];
  readonly mapped = new Map<bigint, bigint>();
  readonly memories: FakeMemory[] = [];
  /** Resolves the maps under way. */
  readonly gates: (() => void)[] = [];
  gated = false;

  constructor(readonly script: Script) {}

  ranges(): IovaRange[] {
    this.script.enter('ranges');
    return this.usable;
  }

  allocate(size: number, hugePages: HugePages): Memory {
    this.script.enter('allocate', size, hugePages);
    return this.#remember(new FakeMemory(this.script, `${size}`, size));
  }

  fromFd(fd: number, offset: number, size: number, writable: boolean): Memory {
    this.script.enter('fromFd', fd, offset, size, writable);
    return this.#remember(new FakeMemory(this.script, `fd${fd}`, size));
  }

  fromShared(buffer: SharedArrayBuffer): Memory {
    this.script.enter('fromShared', buffer.byteLength);
    return this.#remember(new FakeMemory(this.script, 'shared', buffer.byteLength, buffer));
  }

  async map(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number) {
    if (this.gated) await new Promise<void>((resolve) => this.gates.push(resolve));
    else await Promise.resolve();
    // A call that was begun is finished, also when the device was closed meanwhile.
    const { closed } = this.script;
    this.script.closed = false;
    try {
      this.mapSync(memory, offset, size, iova, flags);
    } finally {
      this.script.closed = closed;
    }
  }

  mapSync(memory: Memory, offset: number, size: bigint, iova: bigint, flags: number): void {
    this.script.enter('map', hex(iova), size, `flags=${flags}`, `offset=${offset}`);
    if (memory.size < Number(size)) throw new Error('memory is too small');
    this.mapped.set(iova, size);
  }

  unmap(iova: bigint, size: bigint, flags: number): bigint {
    this.script.enter('unmap', hex(iova), size, `flags=${flags}`);
    let unmapped = 0n;
    for (const [start, bytes] of this.mapped) {
      if (start < iova || start + bytes > iova + size) continue;
      this.mapped.delete(start);
      unmapped += bytes;
    }
    return unmapped;
  }

  #remember(memory: FakeMemory): FakeMemory {
    this.memories.push(memory);
    return memory;
  }
}

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
  /** Answers of the next enabling SET_IRQS calls; 0 when used up. */
  readonly irqAnswers: (number | VfioError)[] = [];

  constructor(addressSpace?: FakeAddressSpace) {
    this.addressSpace = addressSpace ?? new FakeAddressSpace(this.script);
  }

  /** The one event set of the device. */
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

  feature(flags: number, data: Uint8Array): number {
    this.script.enter('feature', hex(flags), `[${data.join()}]`);
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

  close(): void {
    this.script.enter('close');
    this.script.closed = true;
  }
}

/** An open device over a fake that has forgotten how it was opened. */
export function openFake(change: (connection: FakeConnection) => void = () => undefined) {
  const connection = new FakeConnection();
  change(connection);
  const device = new PciDevice(connection);
  const { script, addressSpace } = connection;
  script.take();
  return { device, connection, script, space: addressSpace };
}

function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
