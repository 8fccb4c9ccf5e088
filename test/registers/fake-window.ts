/** A window over plain memory that logs each access. */
export class FakeWindow {
  readonly #view: DataView;
  #log: string[] = [];

  constructor(readonly size: number) {
    this.#view = new DataView(new ArrayBuffer(size));
  }

  takeLog(): string[] {
    const log = this.#log;
    this.#log = [];
    return log;
  }

  read8(offset: number): number {
    this.#add('read8', offset);
    return this.#view.getUint8(offset);
  }
  read16(offset: number): number {
    this.#add('read16', offset);
    return this.#view.getUint16(offset, true);
  }
  read32(offset: number): number {
    this.#add('read32', offset);
    return this.#view.getUint32(offset, true);
  }
  read64(offset: number): bigint {
    this.#add('read64', offset);
    return this.#view.getBigUint64(offset, true);
  }
  write8(offset: number, value: number): void {
    this.#add('write8', offset, value);
    this.#view.setUint8(offset, value);
  }
  write16(offset: number, value: number): void {
    this.#add('write16', offset, value);
    this.#view.setUint16(offset, value, true);
  }
  write32(offset: number, value: number): void {
    this.#add('write32', offset, value);
    this.#view.setUint32(offset, value, true);
  }
  write64(offset: number, value: bigint): void {
    this.#add('write64', offset, value);
    this.#view.setBigUint64(offset, value, true);
  }

  #add(method: string, ...values: readonly (number | bigint)[]): void {
    this.#log.push([method, ...values.map((value) => `0x${value.toString(16)}`)].join(' '));
  }
}
