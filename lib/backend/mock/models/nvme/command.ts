/** A submission queue entry (base specification 1.4, figure 104). */
export class Command {
  readonly bytes: Uint8Array = new Uint8Array(64);
  readonly #view = new DataView(this.bytes.buffer);

  get opcode(): number {
    return this.#view.getUint8(0);
  }

  get fused(): boolean {
    return (this.#view.getUint8(1) & 0x03) !== 0;
  }

  /** Whether the command describes its data by scatter gather lists instead of PRPs. */
  get scatterGather(): boolean {
    return (this.#view.getUint8(1) & 0xc0) !== 0;
  }

  get id(): number {
    return this.#view.getUint16(2, true);
  }

  get namespace(): number {
    return this.dword(1);
  }

  get prp1(): bigint {
    return this.#view.getBigUint64(24, true);
  }

  get prp2(): bigint {
    return this.#view.getBigUint64(32, true);
  }

  /** Returns a dword. @param n - number of the dword, 0 to 15 */
  dword(n: number): number {
    return this.#view.getUint32(4 * n, true);
  }

  /** Returns the lower half of a dword. */
  low(n: number): number {
    return this.dword(n) & 0xffff;
  }

  /** Returns the upper half of a dword. */
  high(n: number): number {
    return this.dword(n) >>> 16;
  }
}
