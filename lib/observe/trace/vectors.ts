import type { Eventfd, IrqSet } from '../../contract/index.js';
import {
  VFIO_IRQ_SET_ACTION_MASK,
  VFIO_IRQ_SET_ACTION_TRIGGER,
  VFIO_IRQ_SET_DATA_EVENTFD,
  VFIO_IRQ_SET_DATA_NONE,
} from '../../contract/uapi.js';
import { now } from './clock.js';
import { irqName } from './describe.js';
import type { RareLine, VectorName } from './format.js';

interface Bound {
  readonly name: VectorName;
  readonly eventfd: Eventfd;
}

/** Maps each eventfd to the vector to which SET_IRQS bound the eventfd. */
export class VectorMap {
  readonly #write: (line: RareLine) => void;
  readonly #bound = new Map<string, Bound>();
  /** For each eventfd, the vector to which the eventfd is bound or was bound most recently. */
  readonly #names = new WeakMap<Eventfd, VectorName>();

  constructor(write: (line: RareLine) => void) {
    this.#write = write;
  }

  nameOf(eventfd: Eventfd): VectorName | undefined {
    return this.#names.get(eventfd);
  }

  /** Writes the effects of a successful SET_IRQS. */
  applyIrqSet(device: string, { index, flags, start, count, eventfds }: IrqSet): void {
    const irq = irqName(index);
    if ((flags & VFIO_IRQ_SET_ACTION_TRIGGER) === 0) {
      // An eventfd for masking takes effect when the program signals the eventfd. A trace cannot
      // see this signal.
      const isMask = (flags & VFIO_IRQ_SET_ACTION_MASK) !== 0;
      const isNow = (flags & VFIO_IRQ_SET_DATA_NONE) !== 0;
      if (!isNow && isMask) return;
      const type = isMask ? 'mask' : isNow ? 'unmask' : 'resample';
      for (let vector = start; vector < start + count; vector++) {
        this.#write({ type, at: now(), device, irq, vector });
      }
    } else if ((flags & VFIO_IRQ_SET_DATA_EVENTFD) !== 0) {
      eventfds?.forEach((eventfd, i) => {
        this.#bind({ device, irq, vector: start + i }, eventfd);
      });
    } else if ((flags & VFIO_IRQ_SET_DATA_NONE) !== 0 && count === 0) {
      for (const { name } of [...this.#bound.values()]) {
        if (name.device === device && name.irq === irq) this.#bind(name, null);
      }
    }
  }

  #bind(name: VectorName, eventfd: Eventfd | null | number): void {
    const key = `${name.device} ${name.irq} ${name.vector}`;
    const before = this.#bound.get(key);
    if (before !== undefined) {
      if (before.eventfd === eventfd) return;
      this.#bound.delete(key);
      this.#write({ type: 'release', at: now(), ...name });
    }
    if (eventfd === null || typeof eventfd === 'number') return;
    this.#bound.set(key, { name, eventfd });
    this.#names.set(eventfd, name);
    this.#write({ type: 'bind', at: now(), ...name });
  }
}
