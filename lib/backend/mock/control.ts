import { VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } from '../../contract/uapi.js';
import { checkInteger, checkOptions, checkString, checkU64 } from '../../checks.js';
import type { FaultKind } from './machine/faults.js';
import { defaultInterruptLimits, HANDLES } from './machine/interrupts.js';
import { defaultLimits } from './machine/limits.js';
import type { Machine } from './machine/machine.js';
import type { VfioDevice } from './vfio/device.js';
import type { Clock } from './machine/work.js';

const MS_MAX = 2 ** 31 - 1;
const COUNT_MAX = 2 ** 32 - 1;
/** Interval between two device requests of the host, as in vfio_unregister_group_dev(). */
const REQUEST_PERIOD_MS = 10_000;

/** Limits of the host. An omitted limit does not change. */
export interface HostLimits {
  /**
   * Number of interrupt messages. If too few messages are available, SET_IRQS returns the available
   * number.
   */
  readonly messages?: number | undefined;
  /** Number of CPU vectors. If no vector is left, binding an eventfd fails with ENOSPC. */
  readonly vectors?: number | undefined;
  /** RLIMIT_MEMLOCK in bytes. A DMA mapping that exceeds this limit fails with ENOMEM. */
  readonly memlock?: bigint | undefined;
  /**
   * Maximum number of DMA mappings in a container. A mapping above this number fails with ENOSPC.
   * An iommufd does not limit the number of mappings.
   */
  readonly dmaEntries?: number | undefined;
}

/** The function that a {@link MockControl} controls. */
export interface ControlledFunction {
  /** The machine, which all functions of the slot share. */
  readonly machine: Machine;
  /** The open function, or null while the function is not open. */
  readonly device: VfioDevice | null;
  /** All open functions of the slot. */
  readonly slotDevices: readonly VfioDevice[];
}

/** Creates the {@link MockControl} for a function. */
export let createControl: (controlled: ControlledFunction) => MockControl;

/**
 * Injects faults into one mock device. The device can be open or closed. If a card has two
 * functions, both functions have the same clock, limits and failing calls, and both are unplugged,
 * requested back or blocked together.
 */
export class MockControl {
  /** Clock of the device. */
  readonly clock: Clock;
  readonly #function: ControlledFunction;

  static {
    createControl = (controlled) => new MockControl(controlled);
  }

  private constructor(controlled: ControlledFunction) {
    this.#function = controlled;
    this.clock = controlled.machine.work;
  }

  /**
   * Makes calls of one kind fail. A failed call has no effect.
   *
   * @param code - name of an errno, for example `'EBUSY'`
   * @param options - `nth`: number of the first call that fails, counted from now, default 1;
   *   `times`: number of calls that fail, default 1, Infinity if all further calls fail
   * @throws TypeError for an unknown kind or errno
   * @example
   * mockControl('mock:nvme').fail('map', 'ENOMEM', { nth: 3 });
   */
  fail(kind: FaultKind, code: string, options: { nth?: number; times?: number } = {}): void {
    checkOptions(options, ['nth', 'times']);
    checkString(kind, 'kind');
    checkString(code, 'code');
    const { nth = 1, times = 1 } = options;
    this.#function.machine.faults.add(kind, code, nth, times);
  }

  /** Sets limits of the host. A limit does not release resources that are already in use. */
  limit(has: HostLimits): void {
    checkOptions(has, ['messages', 'vectors', 'memlock', 'dmaEntries'], 'limits');
    const { messages, vectors, memlock, dmaEntries } = has;
    const { interrupts, limits } = this.#function.machine;
    if (messages !== undefined) checkInteger(messages, 'messages', 0, HANDLES);
    if (vectors !== undefined) checkInteger(vectors, 'vectors', 0, HANDLES);
    if (memlock !== undefined) checkU64(memlock, 'memlock');
    if (dmaEntries !== undefined) checkInteger(dmaEntries, 'dmaEntries', 0, COUNT_MAX);
    Object.assign(interrupts.limits, pickDefined({ messages, vectors }));
    Object.assign(limits, pickDefined({ memlock, dmaEntries }));
  }

  /**
   * Raises interrupts without a cause in the device. If MSI-X or MSI is enabled, the device sends
   * messages. Otherwise the device uses its interrupt pin. A large value of `times` emulates an
   * interrupt storm.
   *
   * @param options - `times`: the number of interrupts, default 1; `every`: milliseconds of the
   *   clock between two interrupts, default 0, which raises all interrupts at once
   * @throws TypeError if the device is not open
   */
  interrupt(vector = 0, options: { times?: number; every?: number } = {}): void {
    checkOptions(options, ['times', 'every']);
    const { times = 1, every = 0 } = options;
    checkInteger(vector, 'vector', 0, 2047);
    checkInteger(times, 'times', 1, COUNT_MAX);
    checkInteger(every, 'every', 0, MS_MAX);
    const device = this.#requireDevice();
    if (every > 0) {
      this.#repeat(device, every, times, () => {
        device.bars.interrupt(vector);
      });
      return;
    }
    for (let i = 0; i < times; i++) device.bars.interrupt(vector);
  }

  /** Delays each interrupt on its way to the host. @param ms - milliseconds of the clock */
  delayInterrupts(ms: number): void {
    checkInteger(ms, 'ms', 0, MS_MAX);
    this.#function.machine.faults.interruptDelay = ms;
  }

  /**
   * Drops the next interrupt messages on their way to the host. This method does not drop INTx
   * interrupts, because INTx is level-triggered.
   */
  dropInterrupts(count = 1): void {
    if (count !== Infinity) checkInteger(count, 'count', 0, COUNT_MAX);
    this.#function.machine.faults.interruptsLost = count;
  }

  /**
   * Disables memory decode in the function without the kernel's knowledge. Registers read as all
   * ones until the driver enables memory decode again.
   *
   * @throws TypeError if the device is not open
   */
  disableMemory(): void {
    this.#requireDevice().bars.disableMemory();
  }

  /**
   * Reports an uncorrectable error (AER). The eventfd of the ERR index is signalled.
   *
   * @throws TypeError if the device is not open
   */
  reportError(): void {
    this.#requireDevice().interrupts.notify(VFIO_PCI_ERR_IRQ_INDEX);
  }

  /**
   * Wakes the device from low power, as a power management event (PME) does.
   *
   * @throws TypeError if the device is not open
   */
  wakeUp(): void {
    this.#requireDevice().wake();
  }

  /**
   * Emulates a host that requests the device for another driver. The eventfd of the REQ index is
   * signalled now and every 10 s until the device is closed. Until {@link clear}, a reset fails
   * with EAGAIN, and an open fails with ENOENT.
   */
  requestDevice(): void {
    this.#function.machine.faults.away = 'unbound';
    this.#fireRequests();
  }

  /**
   * Makes the IOMMU group not viable, as if another device of the group had a host driver. Until
   * {@link clear}, an open fails with EBUSY. An open device stays open.
   */
  blockGroup(): void {
    this.#function.machine.faults.away = 'blocked';
  }

  /**
   * Emulates the surprise removal of the device. The registers and the hardware's configuration
   * space read as all ones, and writes are dropped. A reset fails with EAGAIN. The eventfd of the
   * REQ index is signalled now and every 10 s until the device is closed. An open fails with ENODEV
   * until {@link clear} plugs in a new device.
   */
  unplug(): void {
    this.#function.machine.faults.away = 'unplugged';
    for (const device of this.#function.slotDevices) device.unplug();
    this.#fireRequests();
  }

  /**
   * Ends all faults and resets all limits. If a device was unplugged, its open connections stay
   * unusable. The first open after the last close creates a new device. The clock of the device
   * does not change.
   */
  clear(): void {
    const { faults, interrupts, limits, work } = this.#function.machine;
    work.drop(this);
    faults.clear();
    Object.assign(interrupts.limits, defaultInterruptLimits());
    // The usable IOVA ranges are a property of the device, and no fault changes the ranges.
    const { dmaEntries, memlock } = defaultLimits();
    Object.assign(limits, { dmaEntries, memlock });
  }

  #fireRequests(): void {
    for (const device of this.#function.slotDevices) {
      const fireRequest = () => {
        device.interrupts.notify(VFIO_PCI_REQ_IRQ_INDEX);
      };
      fireRequest();
      this.#repeat(device, REQUEST_PERIOD_MS, Infinity, fireRequest);
    }
  }

  /**
   * Runs a function `times` times, with `every` milliseconds of the clock between two runs. Closing
   * the device ends the runs.
   */
  #repeat(device: VfioDevice, every: number, times: number, run: () => void): void {
    if (times === 0) return;
    const next = () => {
      if (!this.#function.slotDevices.includes(device)) return;
      run();
      this.#repeat(device, every, times - 1, run);
    };
    this.#function.machine.work.defer(this, next, every);
  }

  #requireDevice(): VfioDevice {
    const { device } = this.#function;
    if (device === null) throw new TypeError('the device is not open: open the device first');
    return device;
  }
}

/** Returns the fields whose value is not undefined. */
function pickDefined<T extends object>(fields: T): Partial<T> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<T>;
}
