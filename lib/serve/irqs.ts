import type { Eventfd, IrqInfo, IrqSet } from '../contract/index.js';
import {
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_ACTION_UNMASK,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
} from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';
import { ClientEventfd } from './client-eventfd.js';
import { WatchedEventfd } from './watched-eventfd.js';

const BIND = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
const UNMASK_BY_EVENTFD = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK;
const LOOPBACK = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;

/** The interrupts of the served device: its own, or a virtual front end. */
export interface IrqTarget {
  getIrqInfo(index: number): IrqInfo;
  setIrqs(set: IrqSet): number;
}

/** The SET_IRQS command of a client, without eventfds. */
export type IrqCommand = Required<Pick<IrqSet, 'index' | 'flags' | 'start' | 'count' | 'bools'>>;

/** The eventfds of an enabled interrupt index, one for each enabled vector. */
type Bound = (ClientEventfd | null)[];

/**
 * The interrupts of a client. One command has at most 16 eventfds, so a client enables more vectors
 * by several commands. If the device cannot add vectors to an enabled index, the index is disabled
 * and enabled again with all vectors.
 */
export class Irqs {
  readonly #native: Native;
  readonly #target: IrqTarget;
  readonly #numIrqs: number;
  readonly #onError: (error: unknown) => void;
  readonly #bound = new Map<number, Bound>();
  #resample: WatchedEventfd | null = null;

  constructor(
    native: Native,
    target: IrqTarget,
    numIrqs: number,
    onError: (error: unknown) => void,
  ) {
    this.#native = native;
    this.#target = target;
    this.#numIrqs = numIrqs;
    this.#onError = onError;
  }

  /**
   * Returns the properties of an interrupt. An interrupt that the device lacks has 0 vectors. The
   * flag NORESIZE is always clear, because the client can enable vectors in several steps.
   *
   * @throws {@link VfioError} EINVAL if the index is too large
   */
  info(index: number): IrqInfo {
    const { flags, count } = this.#deviceInfo(index);
    return { index, flags: flags & ~VFIO_IRQ_INFO_NORESIZE, count };
  }

  /**
   * Handles SET_IRQS.
   *
   * @param fds - the received descriptors, which this call closes or stores
   * @throws {@link VfioError} EINVAL for a wrong range or number of descriptors; ENOSPC if the host
   *   has too few vectors; or an error of the device
   */
  set(command: IrqCommand, fds: readonly number[]): void {
    const { index, flags, start, count } = command;
    const eventfds = this.#open(fds);
    try {
      const available = this.info(index).count;
      if (start >= available || count > available - start) fail('EINVAL');
      const hasEventfds = (flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0;
      const expected = eventfds.length === 0 || (hasEventfds && eventfds.length === count);
      if (!expected) fail('EINVAL');
      if (flags === BIND) this.#bind(index, start, count, eventfds);
      else if (flags === UNMASK_BY_EVENTFD) this.#setResample(command, eventfds);
      else if (flags === LOOPBACK && count === 0) this.#disable(index);
      else this.#setUnbound(hasEventfds ? withoutEventfds(command) : command, eventfds);
    } catch (error) {
      for (const eventfd of eventfds) eventfd.close();
      throw error;
    }
  }

  /** Disables all indexes, then closes the eventfds. */
  close(): void {
    for (const index of this.#bound.keys()) {
      try {
        this.#disable(index);
      } catch (error) {
        this.#onError(error);
      }
    }
  }

  /** Makes a request that binds nothing, and closes the received eventfds. */
  #setUnbound(set: IrqSet, eventfds: readonly ClientEventfd[]): void {
    this.#target.setIrqs(set);
    for (const eventfd of eventfds) eventfd.close();
  }

  #deviceInfo(index: number): IrqInfo {
    if (index >= this.#numIrqs) fail('EINVAL');
    try {
      return this.#target.getIrqInfo(index);
    } catch (error) {
      // The index ERR exists only for PCI Express. Some clients do not expect an error here.
      if (error instanceof VfioError && error.code === 'EINVAL') {
        return { index, flags: 0, count: 0 };
      }
      throw error;
    }
  }

  #open(fds: readonly number[]): ClientEventfd[] {
    const opened: ClientEventfd[] = [];
    try {
      for (const fd of fds) opened.push(new ClientEventfd(this.#native, fd));
      return opened;
    } catch (error) {
      for (const fd of fds) this.#native.close(fd);
      throw error;
    }
  }

  #bind(index: number, start: number, count: number, eventfds: readonly ClientEventfd[]): void {
    const old = this.#bound.get(index);
    const end = start + count;
    const all: Bound = Array.from({ length: Math.max(old?.length ?? 0, end) }, (_, i) =>
      i < start || i >= end ? (old?.[i] ?? null) : (eventfds[i - start] ?? null),
    );
    if (old !== undefined && end > old.length && this.#isFixed(index)) {
      this.#enableAgain(index, old, all);
    } else {
      this.#enable({ index, flags: BIND, start, count, eventfds: all.slice(start, end) });
    }
    // ERR and REQ are enabled by their eventfd. INTx and messages are enabled without an eventfd.
    if (index > VFIO_PCI_MSIX_IRQ_INDEX && all.every((eventfd) => eventfd === null)) {
      this.#bound.delete(index);
    } else {
      this.#bound.set(index, all);
    }
    for (const eventfd of old?.slice(start, end) ?? []) eventfd?.close();
  }

  /**
   * Enables an index with more vectors than before. If this fails, the old vectors are enabled again.
   * If this also fails, the index stays disabled.
   */
  #enableAgain(index: number, old: Bound, all: Bound): void {
    const enable = (eventfds: Bound) => {
      this.#enable({ index, flags: BIND, start: 0, count: eventfds.length, eventfds });
    };
    this.#target.setIrqs({ index, flags: LOOPBACK, start: 0, count: 0 });
    this.#bound.delete(index);
    try {
      enable(all);
    } catch (error) {
      try {
        enable(old);
      } catch {
        for (const eventfd of old) eventfd?.close();
        throw error;
      }
      this.#bound.set(index, old);
      throw error;
    }
  }

  #enable(set: IrqSet & { readonly eventfds: readonly (Eventfd | null)[] }): void {
    const available = this.#target.setIrqs(set);
    if (available <= 0) return;
    throw new VfioError({
      code: 'ENOSPC',
      message: `the host has ${available} of ${set.start + set.count} interrupt vectors`,
      syscall: 'VFIO_DEVICE_SET_IRQS',
      available,
    });
  }

  #isFixed(index: number): boolean {
    return (this.#deviceInfo(index).flags & VFIO_IRQ_INFO_NORESIZE) !== 0;
  }

  /** Disables an index. Succeeds if the index is already disabled. */
  #disable(index: number): void {
    const eventfds = this.#bound.get(index);
    if (eventfds === undefined) return;
    if (index === VFIO_PCI_INTX_IRQ_INDEX) this.#closeResample();
    this.#bound.delete(index);
    try {
      this.#target.setIrqs({ index, flags: LOOPBACK, start: 0, count: 0 });
    } finally {
      for (const eventfd of eventfds) eventfd?.close();
    }
  }

  /**
   * Sets the eventfd that unmasks INTx. The kernel drops such an eventfd when its last owner closes
   * the eventfd. Here, the received duplicate is an owner, so a second eventfd replaces the first.
   */
  #setResample({ index, start, count }: IrqCommand, eventfds: readonly ClientEventfd[]): void {
    if (index !== VFIO_PCI_INTX_IRQ_INDEX) fail('ENOTTY');
    if (!this.#bound.has(index) || start !== 0 || count !== 1) fail('EINVAL');
    this.#closeResample();
    const [eventfd] = eventfds;
    if (eventfd === undefined) return;
    const flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK;
    this.#resample = new WatchedEventfd(this.#native, eventfd, () => {
      try {
        this.#target.setIrqs({ index, flags, start, count });
      } catch (error) {
        this.#onError(error);
      }
    });
  }

  #closeResample(): void {
    this.#resample?.close();
    this.#resample = null;
  }
}

/** Returns a command whose eventfds are all absent. A device of this library refuses the command. */
function withoutEventfds({ index, flags, start, count }: IrqCommand): IrqSet {
  return { index, flags, start, count, eventfds: new Array<null>(count).fill(null) };
}

function fail(code: string): never {
  throw new VfioError({ code, syscall: 'VFIO_USER_DEVICE_SET_IRQS' });
}
