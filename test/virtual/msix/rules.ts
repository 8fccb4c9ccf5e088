/** An interrupt that was sent. */
export interface Sent {
  readonly vector: number;
  readonly data: number;
}

interface Vector {
  masked: boolean;
  pending: boolean;
  data: number;
}

/**
 * A simple model of MSI-X, written from the PCI Express Base Specification. Tests compare the
 * library with the model, so the model shares no code with the library.
 */
export class Rules {
  enabled = false;
  functionMask = false;
  vectors: Vector[];
  sent: Sent[] = [];

  constructor(count: number) {
    this.vectors = Rules.#fresh(count);
  }

  static #fresh(count: number): Vector[] {
    return Array.from({ length: count }, () => ({ masked: true, pending: false, data: 0 }));
  }

  /** Sends the pending interrupts of all unmasked vectors, if Function Mask is clear. */
  #sendPending(): void {
    if (!this.enabled || this.functionMask) return;
    this.vectors.forEach((vector, index) => {
      if (vector.masked || !vector.pending) return;
      vector.pending = false;
      this.sent.push({ vector: index, data: vector.data });
    });
  }

  fire(index: number): void {
    const vector = this.vectors[index];
    if (!this.enabled || vector === undefined) return;
    vector.pending = true;
    this.#sendPending();
  }

  withdraw(index: number): void {
    const vector = this.vectors[index];
    if (vector !== undefined) vector.pending = false;
  }

  control(enabled: boolean, functionMask: boolean): void {
    this.enabled = enabled;
    this.functionMask = functionMask;
    this.#sendPending();
  }

  write(index: number, change: Partial<Vector>): void {
    Object.assign(this.vectors[index] ?? {}, change);
    this.#sendPending();
  }

  reset(): void {
    this.vectors = Rules.#fresh(this.vectors.length);
    this.control(false, false);
  }

  pendingBits(): bigint {
    return this.vectors.reduce((bits, v, i) => (v.pending ? bits | (1n << BigInt(i)) : bits), 0n);
  }
}
