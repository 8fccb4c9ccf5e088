/** A waiting call of `next()` or an iterator. */
export interface Receiver {
  /** Receives a delivery. */
  deliver(count: bigint): void;
  /** Called when the vector was closed. */
  end(): void;
}

/**
 * The receivers of a vector that are not listeners of its events. The number of listeners of an
 * event is limited: Node warns of a leak if there are more than ten.
 */
export class VectorReceivers {
  readonly #receivers = new Set<Receiver>();
  readonly #onChange: () => void;

  /** @param onChange - called after a receiver was added or removed */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#receivers.size;
  }

  add(receiver: Receiver): void {
    this.#receivers.add(receiver);
    this.#onChange();
  }

  delete(receiver: Receiver): void {
    this.#receivers.delete(receiver);
    this.#onChange();
  }

  /** Passes a delivery to all receivers. Returns whether there was a receiver. */
  deliver(count: bigint): boolean {
    if (this.#receivers.size === 0) return false;
    for (const receiver of this.#receivers) receiver.deliver(count);
    return true;
  }

  end(): void {
    for (const receiver of this.#receivers) receiver.end();
  }
}
