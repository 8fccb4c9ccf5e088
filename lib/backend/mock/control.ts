import { VFIO_PCI_ERR_IRQ_INDEX, VFIO_PCI_REQ_IRQ_INDEX } from '../../contract/uapi.js';
import { checkChoice, checkInteger, checkOptions, checkString, checkU64 } from '../../checks.js';
import type { Width } from '../../contract/index.js';
import { checkWidth } from './hardware/check-widths.js';
import type { CommandFaults } from './hardware/command-faults.js';
import type { DeviceFaults, DmaDirection } from './hardware/device-faults.js';
import type { DeviceModel } from './hardware/model.js';
import type { FaultCount } from './machine/fault-list.js';
import { registry } from './models/registry.js';
import type { FaultKind } from './machine/faults.js';
import { defaultInterruptLimits, HANDLES } from './machine/interrupts.js';
import { defaultLimits } from './machine/limits.js';
import type { Machine } from './machine/machine.js';
import type { SriovFunction } from './sriov-card.js';
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

/** The DMA transfers that fail. */
export interface DmaFailOptions extends FaultCount {
  /** Only transfers by which the device reads, or writes, memory of the host. Default: both. */
  readonly access?: DmaDirection | undefined;
}

/** The function that a {@link MockControl} controls. */
export interface ControlledFunction {
  /** The machine, which all functions of the slot share. */
  readonly machine: Machine;
  readonly model: DeviceModel;
  /** The function of a card with SR-IOV; null for every other function. */
  readonly sriov: SriovFunction | null;
  /** The faults of the device that this function is. */
  readonly faults: DeviceFaults;
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

  /**
   * Makes DMA transfers of the device fail. The model gets a {@link DmaFault} with the reason
   * `'aborted'`, and no byte is transferred. One call of `dmaRead` or `dmaWrite` is one transfer.
   *
   * @param options - the transfers that fail; default: the next transfer. `access`: only transfers
   *   by which the device reads memory of the host (`'read'`), or writes memory (`'write'`)
   * @throws TypeError for an unknown access; RangeError if a number is outside of its range
   * @example
   * mockControl('mock:nvme').failDma({ access: 'write', nth: 2 });
   */
  failDma(options: DmaFailOptions = {}): void {
    checkOptions(options, ['access', 'nth', 'times']);
    const { access } = options;
    if (access !== undefined) checkChoice(access, 'access', ['read', 'write']);
    this.#function.faults.failDma(access ?? null, options);
  }

  /**
   * Makes reads of a register return a value. The device still executes the reads with their side
   * effects. If an access overlaps only a part of the register, only the bytes of that part change.
   * If several calls concern the same byte, the last call wins.
   *
   * @param bar - index of the BAR, 0 to 5
   * @param offset - bytes from the start of the BAR, a multiple of `width`
   * @param width - width of the register in bytes: 1, 2, 4 or 8
   * @param value - an unsigned number, or a bigint, that fits into the width
   * @param options - the reads that return the value, counted from now; default: all further reads
   * @throws RangeError for a wrong width or offset, and for a value that does not fit
   * @example
   * mockControl('mock:nvme').overrideRead(0, 0x1c, 4, 0x2); // CSTS: fatal status
   */
  overrideRead(
    bar: number,
    offset: number,
    width: Width,
    value: number | bigint,
    options: FaultCount = {},
  ): void {
    checkOptions(options, ['nth', 'times']);
    checkInteger(bar, 'bar', 0, 5);
    checkWidth(width, () => 'width');
    checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
    if (offset % width !== 0) {
      throw new RangeError(`offset 0x${offset.toString(16)} is not a multiple of ${width}`);
    }
    const bits = typeof value === 'bigint' ? value : BigInt(checkedNumber(value));
    if (bits < 0n || bits >> BigInt(8 * width) !== 0n) {
      throw new RangeError(`value ${value} does not fit into ${width} bytes`);
    }
    const { nth, times = Infinity } = options;
    this.#function.faults.overrideRead({ bar, offset, width, value: bits }, { nth, times });
  }

  /**
   * Makes the device stop responding, as after a crash of its firmware. Registers and the hardware's
   * configuration space read as all ones, and writes are dropped. The device sends no DMA and no
   * interrupts, and its deferred work is lost. The kernel does not know. A reset, {@link clear} or
   * closing the device ends the fault.
   *
   * @throws TypeError if the device is not open
   */
  stopResponding(): void {
    this.#requireDevice().stopResponding();
  }

  /**
   * Faults in the commands of an NVMe controller.
   *
   * @throws TypeError if the device is not of the model `nvme`
   */
  get nvme(): CommandFaults {
    const { model, faults } = this.#function;
    // The functions of a card with SR-IOV have models of their own, with the same logic.
    if (model.create === registry.find('nvme')?.model.create) return faults.commands;
    throw new TypeError(`the model '${model.name}' is not an NVMe controller`);
  }

  /**
   * Changes the number of virtual functions of a physical function (SR-IOV), as `vfio vfs` does on a
   * real device. At first, all virtual functions exist.
   *
   * @param count - from 0 to the number of the setting `vfs`
   * @throws TypeError if the name of the device has no setting `vfs`, or has the setting `vf`;
   *   RangeError for a count that the device does not have; VfioError EBUSY while a virtual function
   *   is open: the kernel waits in this case
   * @example
   * mockControl('mock:nvme?vfs=4').setVirtualFunctions(2);
   */
  setVirtualFunctions(count: number): void {
    const { sriov } = this.#function;
    if (sriov?.index !== null) {
      throw new TypeError('the device is not a physical function: its name needs ?vfs=<number>');
    }
    checkInteger(count, 'count', 0, sriov.card.total);
    sriov.card.setCount(count);
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
    this.#function.faults.clear();
    this.#function.device?.bars.startResponding();
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

function checkedNumber(value: unknown): number {
  checkInteger(value, 'value', 0, Number.MAX_SAFE_INTEGER);
  return value;
}

/** Returns the fields whose value is not undefined. */
function pickDefined<T extends object>(fields: T): Partial<T> {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Partial<T>;
}
