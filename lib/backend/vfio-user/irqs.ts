import { checkU32 } from '../../checks.js';
import type { IrqInfo, IrqSet } from '../../contract/index.js';
import {
  checkIrqSet,
  failSetIrqs,
  type IrqRequest,
  validateIrqSet,
} from '../../contract/irq-request.js';
import { VFIO_IRQ_SET_DATA_BOOL, VFIO_IRQ_SET_DATA_EVENTFD } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import {
  VFIO_USER_DEVICE_GET_IRQ_INFO,
  VFIO_USER_DEVICE_SET_IRQS,
} from '../../vfio-user/protocol.js';
import { fdOf } from '../linux/eventfd.js';
import type { Session } from './session.js';

/** Bytes of struct vfio_irq_info and of struct vfio_irq_set without data. */
const INFO_SIZE = 16;
const SET_SIZE = 20;
/** The largest number of vectors of an index, which is the limit of MSI-X. */
const MAX_VECTORS = 2048;

/** A range of vectors that one message changes. Empty eventfds unbind the vectors. */
interface Piece {
  readonly start: number;
  readonly count: number;
  readonly fds: readonly number[];
}

/** The interrupts of the device. The server signals the eventfds of the vectors directly. */
export class Irqs {
  readonly #session: Session;
  readonly #count: number;
  readonly #maxFds: number;
  readonly #infos = new Map<number, IrqInfo>();

  /**
   * @param count - the number of interrupt indexes
   * @param maxFds - the largest number of descriptors in one message
   */
  constructor(session: Session, count: number, maxFds: number) {
    this.#session = session;
    this.#count = count;
    this.#maxFds = maxFds;
  }

  /** @throws {@link VfioError} EINVAL if the index is too large */
  info(index: number): IrqInfo {
    checkU32(index, 'index');
    this.#session.check();
    const known = this.#infos.get(index);
    if (known !== undefined) return known;
    if (index >= this.#count) {
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO' });
    }
    const draft = this.#session.start(VFIO_USER_DEVICE_GET_IRQ_INFO, INFO_SIZE);
    draft.setU32(0, INFO_SIZE).setU32(4, 0).setU32(8, index).setU32(12, 0);
    const reply = this.#session.exchange(INFO_SIZE);
    const info = { index, flags: reply.u32(4), count: reply.u32(12) };
    if (info.count > MAX_VECTORS) {
      this.#session.refuse(
        `interrupt ${index} has ${info.count} vectors, more than ${MAX_VECTORS}`,
      );
    }
    this.#infos.set(index, info);
    return info;
  }

  /**
   * Sends a request in pieces, because a message has a limited number of descriptors. Each piece
   * binds vectors, or unbinds vectors.
   */
  set(set: IrqSet): void {
    checkIrqSet(set);
    // Unlike map(), Array.from() also visits the holes of a sparse array.
    const fds = Array.from(set.eventfds ?? [], fdOf);
    const request = validateIrqSet(set, {
      indexes: this.#count,
      vectors: (index) => this.info(index).count,
      checkEventfd: () => undefined,
    });
    if (request.type !== VFIO_IRQ_SET_DATA_EVENTFD) this.#send(request, { ...request, fds: [] });
    else for (const piece of this.#split(request, fds)) this.#send(request, piece);
  }

  /** Splits the eventfds of a request. A negative descriptor means that a vector has no eventfd. */
  #split({ start, count }: IrqRequest, fds: readonly number[]): Piece[] {
    // The kernel would read descriptor 0 in place of missing data, and refuse the descriptor.
    if (fds.length < count) failSetIrqs('EINVAL');
    if (count === 0) return [{ start, count, fds: [] }];
    const pieces: { start: number; count: number; fds: number[] }[] = [];
    let last: (typeof pieces)[number] | undefined;
    for (const [i, fd] of fds.slice(0, count).entries()) {
      const hasFd = fd >= 0;
      const fits = last !== undefined && last.fds.length > 0 === hasFd;
      if (last === undefined || !fits || last.fds.length === this.#maxFds) {
        last = { start: start + i, count: 0, fds: [] };
        pieces.push(last);
      }
      last.count++;
      if (hasFd) last.fds.push(fd);
    }
    return pieces;
  }

  #send({ index, type, action, bool }: IrqRequest, { start, count, fds }: Piece): void {
    const bools = type === VFIO_IRQ_SET_DATA_BOOL ? count : 0;
    const size = SET_SIZE + bools;
    const draft = this.#session.start(VFIO_USER_DEVICE_SET_IRQS, size);
    draft
      .setU32(0, size)
      .setU32(4, type | action)
      .setU32(8, index);
    draft.setU32(12, start).setU32(16, count);
    for (let i = 0; i < bools; i++) draft.setU8(SET_SIZE + i, bool(i) ? 1 : 0);
    this.#session.exchange(0, undefined, fds.length === 0 ? undefined : fds);
  }
}
