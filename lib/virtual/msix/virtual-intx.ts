import { checkBoolean, checkMethods } from '../../checks.js';
import type { Eventfd, EventfdFactory } from '../../contract/index.js';
import { Intx, type Resample } from '../../contract/intx.js';
import { irqEventfds } from './irq-eventfds.js';

/** Returns the SET_IRQS state of a {@link VirtualIntx}. */
export let intxOf: (intx: VirtualIntx) => Intx<Eventfd>;

/**
 * INTx of a virtual device: one interrupt line that software asserts. While the line is asserted
 * and unmasked, the line signals the eventfd of the INTx index once and is masked. If the line is
 * still asserted when the user unmasks the line, the line signals again.
 *
 * @example
 * const intx = new VirtualIntx(device.connection);
 * const irqs = new VirtualIrqs({ intx, msix });
 * intx.assert();
 */
export class VirtualIntx {
  readonly #intx: Intx<Eventfd>;
  #asserted = false;
  #disabled = false;

  static {
    intxOf = (intx) => intx.#intx;
  }

  /**
   * @param events - creates the event sets that watch resample eventfds. The eventfds of SET_IRQS
   *   and the event sets must belong to the same back end.
   */
  constructor(events: Pick<EventfdFactory, 'createEventSet'>) {
    checkMethods(events, 'events', 'EventfdFactory', ['createEventSet']);
    const isAsserted = () => this.#asserted;
    const isDisabled = () => this.#disabled;
    const pin = {
      get asserted() {
        return isAsserted();
      },
      get disabledByUser() {
        return isDisabled();
      },
      // A software line has no hardware to disable.
      disable: () => undefined,
    };
    this.#intx = new Intx(pin, {
      ...irqEventfds,
      watch: (eventfd, onSignal) => watch(events, eventfd, onSignal),
    });
  }

  /** Whether the line is asserted: bit 3 (interrupt status) of the status register. */
  get asserted(): boolean {
    return this.#asserted;
  }

  /** Asserts the line, as a device does when it sets an interrupt status bit. */
  assert(): void {
    this.#asserted = true;
    this.#intx.interrupt();
  }

  /** Deasserts the line, as a device does when its driver has cleared all interrupt status bits. */
  deassert(): void {
    this.#asserted = false;
  }

  /** Whether bit 10 (INTx disable) of the command register is set. */
  get disabled(): boolean {
    return this.#disabled;
  }

  /**
   * Applies a write to bit 10 (INTx disable) of the command register. While the bit is set, the
   * line is masked and signals no eventfd.
   */
  setDisabled(disabled: boolean): void {
    checkBoolean(disabled, 'disabled');
    if (disabled === this.#disabled) return;
    this.#disabled = disabled;
    this.#intx.userDisabled(disabled);
  }
}

/**
 * Watches a resample eventfd. If the eventfd was signalled before the call, `onSignal` is called at
 * once. Unlike in the kernel, the counter of the eventfd is then reset.
 */
function watch(
  events: Pick<EventfdFactory, 'createEventSet'>,
  eventfd: Eventfd,
  onSignal: () => void,
): Resample {
  const signalled = eventfd.read() > 0n;
  const set = events.createEventSet(1);
  try {
    set.add(0, eventfd, true);
    set.serve(() => {
      if ((set.counts[0] ?? 0n) > 0n) onSignal();
    });
  } catch (error) {
    set.close();
    throw error;
  }
  if (signalled) onSignal();
  return {
    get ended() {
      return isClosed(eventfd);
    },
    release: () => {
      set.close();
      if (!isClosed(eventfd)) eventfd.read();
    },
  };
}

/** Whether an eventfd is closed. The signal adds 0 to the counter. */
function isClosed(eventfd: Eventfd): boolean {
  try {
    eventfd.signal(0n);
    return false;
  } catch {
    return true;
  }
}
