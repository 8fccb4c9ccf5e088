import type { Sent } from './rules.js';

/**
 * A simple model of MSI with per-vector masking, written from the PCI Local Bus Specification 3.0.
 * Tests compare the library with this model, so the model shares no code with the library.
 */
export class MsiRules {
  enabled = false;
  /** Number of vectors that Multiple Message Enable requests. */
  requested = 1;
  /** Number of vectors that were enabled by the last write that set Enable. */
  granted = 0;
  data = 0;
  masked = new Set<number>();
  pending = new Set<number>();
  sent: Sent[] = [];

  constructor(
    readonly vectors: number,
    readonly maskable: boolean,
  ) {}

  fire(vector: number): 'refused' | 'taken' {
    if (!this.enabled) return 'taken';
    if (vector >= this.granted) return 'refused';
    this.pending.add(vector);
    this.#send();
    return 'taken';
  }

  withdraw(vector: number): void {
    this.pending.delete(vector);
  }

  control(enabled: boolean, requested: number): void {
    this.requested = requested;
    if (enabled && !this.enabled) this.granted = Math.min(requested, this.vectors);
    this.enabled = enabled;
    this.#send();
  }

  mask(bits: number): void {
    if (!this.maskable) return;
    this.masked = new Set(
      Array.from({ length: this.vectors }, (_, v) => v).filter((v) => ((bits >>> v) & 1) === 1),
    );
    this.#send();
  }

  reset(): void {
    this.enabled = false;
    this.requested = 1;
    this.data = 0;
    this.masked.clear();
    this.pending.clear();
  }

  /** Returns the pending bits that a guest can see. */
  pendingBits(): number {
    if (!this.maskable) return 0;
    return [...this.pending]
      .filter((vector) => vector < this.granted)
      .reduce((bits, vector) => bits + 2 ** vector, 0);
  }

  #send(): void {
    if (!this.enabled) return;
    for (let vector = 0; vector < this.granted; vector++) {
      if (this.masked.has(vector) || !this.pending.delete(vector)) continue;
      // The device replaces the low bits of the data.
      const data = this.data - (this.data % this.granted) + vector;
      this.sent.push({ vector, data });
    }
  }
}
