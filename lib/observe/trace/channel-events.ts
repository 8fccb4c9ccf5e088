/** Receives the events that the library publishes, because no call reports the events. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  AWAITED_VECTOR_CHANNEL,
  REFUSED_DMA_CHANNEL,
  type AwaitedVector,
  type RefusedDma,
} from '../../contract/diagnostics.js';
import type { Eventfd } from '../../contract/index.js';
import type { Guard } from '../guard.js';
import { now } from './clock.js';
import type { RareLine } from './format.js';
import type { VectorMap } from './vectors.js';

interface Wait {
  readonly since: number;
  isWritten: boolean;
}

/**
 * Writes refused DMA transfers, and the vectors for which the program waits. If a wait ends before
 * the next call of `writeWaits()`, the wait is not written.
 */
export class ChannelEvents {
  readonly #guard: Guard;
  readonly #vectors: VectorMap;
  readonly #write: (line: RareLine) => void;
  readonly #onWait: () => void;
  readonly #waits = new Map<Eventfd, Wait>();

  /**
   * @param guard - receives the failures of events
   * @param onWait - called at the beginning of a wait; the caller calls `writeWaits()` later
   */
  constructor(
    guard: Guard,
    vectors: VectorMap,
    write: (line: RareLine) => void,
    onWait: () => void,
  ) {
    this.#guard = guard;
    this.#vectors = vectors;
    this.#write = write;
    this.#onWait = onWait;
    subscribe(REFUSED_DMA_CHANNEL, this.#onRefused);
    subscribe(AWAITED_VECTOR_CHANNEL, this.#onAwaited);
  }

  /** Writes the waits that have not ended. */
  writeWaits(): void {
    for (const [eventfd, wait] of this.#waits) {
      const name = this.#vectors.nameOf(eventfd);
      if (wait.isWritten || name === undefined) continue;
      wait.isWritten = true;
      this.#write({ type: 'await', at: wait.since, ...name });
    }
  }

  close(): void {
    unsubscribe(REFUSED_DMA_CHANNEL, this.#onRefused);
    unsubscribe(AWAITED_VECTOR_CHANNEL, this.#onAwaited);
  }

  readonly #onRefused = (message: unknown): void => {
    const { device, isWrite, address, reason } = message as RefusedDma;
    const text = `${isWrite ? 'write to' : 'read of'} 0x${address.toString(16)}: ${reason}`;
    this.#guard.run(() => {
      this.#write({ type: 'dmaFault', at: now(), device, text });
    });
  };

  readonly #onAwaited = (message: unknown): void => {
    const { eventfd, isAwaited } = message as AwaitedVector;
    this.#guard.run(() => {
      if (isAwaited) {
        this.#waits.set(eventfd, { since: now(), isWritten: false });
        this.#onWait();
        return;
      }
      const wait = this.#waits.get(eventfd);
      this.#waits.delete(eventfd);
      const name = this.#vectors.nameOf(eventfd);
      if (wait?.isWritten !== true || name === undefined) return;
      this.#write({ type: 'awaited', at: now(), ...name });
    });
  };
}
