import { VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } from '../../contract/uapi.js';
import { checkInteger, checkOptions, checkU64 } from '../../checks.js';
import type { FaultKind } from './machine/faults.js';
import { defaultInterruptLimits, HANDLES } from './machine/interrupts.js';
import { defaultLimits } from './machine/limits.js';
import type { Machine } from './machine/machine.js';
import type { VfioDevice } from './vfio/device.js';
import type { Clock } from './machine/work.js';

const MS_MAX = 2 ** 31 - 1;
const COUNT_MAX = 2 ** 32 - 1;
/** How often the host asks for its device: vfio_unregister_group_dev(). */
const REQUEST_PERIOD_MS = 10_000;

/** What the host has less of. What is left out stays. */
export interface HostLimits {
  /** Interrupt messages; SET_IRQS answers how many there are where it asks for more. */
  readonly messages?: number | undefined;
  /** Vectors of the CPUs: binding an eventfd beyond them is ENOSPC. */
  readonly vectors?: number | undefined;
  /** RLIMIT_MEMLOCK in bytes: mapping more for DMA is ENOMEM. */
  readonly memlock?: bigint | undefined;
  /** Mappings of a container: one more is ENOSPC. Group and container only. */
  readonly dmaEntries?: number | undefined;
}

/** The slot that a control acts on. */
export interface Controlled {
  readonly machine: Machine;
  /** The function while it is open. */
  readonly device: VfioDevice | null;
}

/** Makes things go wrong with one imitated device, open or not. */
export class MockControl {
  /** The time that the device goes by. */
  readonly clock: Clock;
  readonly #slot: Controlled;

  /** @internal */
  constructor(slot: Controlled) {
    this.#slot = slot;
    this.clock = slot.machine.work;
  }

  /**
   * Lets calls of a kind fail, before they have any effect.
   *
   * @param code - errno by name, `'EBUSY'`
   * @param options - `nth`: the first that fails, counted from now; `times`: how many fail then,
   *   Infinity for all
   * @throws TypeError for a kind or an errno that is not known
   * @example
   * mockControl('mock:nvme').fail('map', 'ENOMEM', { nth: 3 });
   */
  fail(kind: FaultKind, code: string, options: { nth?: number; times?: number } = {}): void {
    checkOptions(options, ['nth', 'times']);
    const { nth = 1, times = 1 } = options;
    this.#slot.machine.faults.add(kind, code, nth, times);
  }

  /** Takes from what the host has; who has more already keeps it. */
  limit(has: HostLimits): void {
    checkOptions(has, ['messages', 'vectors', 'memlock', 'dmaEntries'], 'limits');
    const { messages, vectors, memlock, dmaEntries } = has;
    const { interrupts, limits } = this.#slot.machine;
    if (messages !== undefined) checkInteger(messages, 'messages', 0, HANDLES);
    if (vectors !== undefined) checkInteger(vectors, 'vectors', 0, HANDLES);
    if (memlock !== undefined) checkU64(memlock, 'memlock');
    if (dmaEntries !== undefined) checkInteger(dmaEntries, 'dmaEntries', 0, COUNT_MAX);
    Object.assign(interrupts.limits, defined({ messages, vectors }));
    Object.assign(limits, defined({ memlock, dmaEntries }));
  }

  /**
   * The device interrupts without cause: MSI-X, MSI or its pin, whichever is in use.
   *
   * @param options - `times`: how often, and `every`: milliseconds of the clock between; with 0, the
   *   default, all at once. Many make an interrupt storm.
   * @throws TypeError if the device is not open
   */
  interrupt(vector = 0, options: { times?: number; every?: number } = {}): void {
    checkOptions(options, ['times', 'every']);
    const { times = 1, every = 0 } = options;
    checkInteger(vector, 'vector', 0, 2047);
    checkInteger(times, 'times', 1, COUNT_MAX);
    checkInteger(every, 'every', 0, MS_MAX);
    const device = this.#device();
    if (every > 0) {
      this.#repeat(device, every, times, () => {
        device.bars.interrupt(vector);
      });
      return;
    }
    for (let i = 0; i < times; i++) device.bars.interrupt(vector);
  }

  /** Lets each interrupt take that long from the device to the host, in ms of the clock. */
  delayInterrupts(ms: number): void {
    checkInteger(ms, 'ms', 0, MS_MAX);
    this.#slot.machine.faults.interruptDelay = ms;
  }

  /**
   * Loses the next interrupt messages on their way to the host. INTx is a level, which is not lost.
   */
  dropInterrupts(count = 1): void {
    if (count !== Infinity) checkInteger(count, 'count', 0, COUNT_MAX);
    this.#slot.machine.faults.interruptsLost = count;
  }

  /**
   * Switches memory decode off in the function, behind the back of the kernel: registers read as
   * all-ones until the command register is written. @throws TypeError if it is not open
   */
  disableMemory(): void {
    this.#device().bars.disableMemory();
  }

  /** The device reports an uncorrectable error (AER): ERR fires. @throws TypeError if not open */
  reportError(): void {
    this.#device().interrupts.notify(VFIO_PCI_ERR_IRQ_INDEX);
  }

  /** Something wakes the device from low power, as its PME would. @throws TypeError if not open */
  wakeUp(): void {
    this.#device().wake();
  }

  /**
   * The host wants the device back, to bind another driver: REQ fires now and every 10 s until the
   * device is closed. From now on a reset is EAGAIN and opening it ENOENT, until {@link clear}.
   */
  requestDevice(): void {
    this.#slot.machine.faults.away = 'unbound';
    this.#ask();
  }

  /**
   * A driver of the host takes another device of its IOMMU group, which is not viable then: opening
   * it is EBUSY until {@link clear}. Who has it open keeps it.
   */
  takeGroup(): void {
    this.#slot.machine.faults.away = 'taken';
  }

  /**
   * Surprise removal: the registers and the hardware's configuration space read as all-ones, what
   * is written goes nowhere, a reset is EAGAIN, and REQ fires as in {@link requestDevice}. Opening
   * it is ENODEV until {@link clear} puts in another one.
   */
  unplug(): void {
    this.#slot.machine.faults.away = 'unplugged';
    this.#slot.device?.unplug();
    this.#ask();
  }

  /**
   * Ends everything that goes wrong. A device that was unplugged is gone for who holds it; who opens
   * it after the last close has a new one. The clock stays as it is.
   */
  clear(): void {
    const { faults, interrupts, limits, work } = this.#slot.machine;
    work.drop(this);
    faults.clear();
    Object.assign(interrupts.limits, defaultInterruptLimits());
    Object.assign(limits, defaultLimits());
  }

  #ask(): void {
    const { device } = this.#slot;
    if (device === null) return;
    const ask = () => {
      device.interrupts.notify(VFIO_PCI_REQ_IRQ_INDEX);
    };
    ask();
    this.#repeat(device, REQUEST_PERIOD_MS, Infinity, ask);
  }

  /** As long as the device is open. */
  #repeat(device: VfioDevice, every: number, times: number, run: () => void): void {
    if (times === 0) return;
    const next = () => {
      if (this.#slot.device !== device) return;
      run();
      this.#repeat(device, every, times - 1, run);
    };
    this.#slot.machine.work.defer(this, next, every);
  }

  #device(): VfioDevice {
    const { device } = this.#slot;
    if (device === null) throw new TypeError('the device is not open');
    return device;
  }
}

/** The fields that are given. */
function defined<T extends object>(fields: T): Partial<T> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<T>;
}
