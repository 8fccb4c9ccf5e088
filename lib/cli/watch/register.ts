import { setTimeout as sleep } from 'node:timers/promises';
import type { Region, RegisterWindow, Width } from '../../index.js';
import type { NamedRegister, RegisterNames } from '../../registers/named.js';
import { checkPlace, readOne, writeOne } from '../access.js';
import { regionName } from '../../contract/uapi.js';

/** Limits of the interval that keys select, in seconds. */
const MIN_INTERVAL = 0.001;
const MAX_INTERVAL = 60;

/** A register, and how the register is read. */
export interface RegisterPlace {
  readonly region: Region;
  readonly offset: number;
  readonly width: Width;
  /** Seconds between two reads. */
  readonly interval: number;
  /** The names of registers; null without a register file. */
  readonly names: RegisterNames | null;
}

/** Shows a register that is watched. */
export interface RegisterDisplay {
  /** Shows the first value, also after a change of the width. */
  first(value: bigint, seconds: number): void;
  change(before: bigint, value: bigint, seconds: number): void;
  /** Shows a write by the user. */
  wrote(value: bigint, seconds: number): void;
  /** Called after each read. */
  update(value: bigint, seconds: number): void;
  end(seconds: number): void;
}

/** Reads a register repeatedly. Each read is one access. */
export class RegisterWatch implements Disposable {
  readonly region: Region;
  readonly offset: number;
  readonly #names: RegisterNames | null;
  #width: Width;
  #interval: number;
  /** Mapping for accesses of 8 bytes; the kernel makes narrower accesses. */
  #window: RegisterWindow | null = null;
  #last: bigint | null = null;
  readonly #started = performance.now();
  #wake = new AbortController();

  constructor({ region, offset, width, interval, names }: RegisterPlace) {
    checkPlace({ region, offset, width, count: 1 }, false);
    this.region = region;
    this.offset = offset;
    this.#width = width;
    this.#interval = interval;
    this.#names = names;
  }

  get width(): Width {
    return this.#width;
  }

  /** Seconds between two reads. */
  get interval(): number {
    return this.#interval;
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (performance.now() - this.#started) / 1000;
  }

  /** Name of the register: `bar0.csts` or `bar0+0x001c`. */
  get name(): string {
    const region = regionName(this.region.index);
    return this.named?.name ?? `${region}+0x${this.offset.toString(16).padStart(4, '0')}`;
  }

  /** The register in the register file that the accesses read. */
  get named(): NamedRegister | undefined {
    return this.#names?.at(regionName(this.region.index), this.offset, this.#width);
  }

  /** @throws UsageError if the register cannot be read with the width */
  setWidth(width: Width): void {
    checkPlace({ region: this.region, offset: this.offset, width, count: 1 }, false);
    this.#width = width;
    this.#last = null;
    this.#wake.abort();
  }

  /** Multiplies the interval. */
  scaleInterval(factor: number): void {
    const scaled = Number((this.#interval * factor).toPrecision(3));
    this.#interval = Math.min(Math.max(scaled, MIN_INTERVAL), MAX_INTERVAL);
    this.#wake.abort();
  }

  /** Checks that the register can be written. @throws UsageError if the region is read-only */
  checkWritable(): void {
    checkPlace({ region: this.region, offset: this.offset, width: this.#width, count: 1 }, true);
  }

  /** Writes the register by one access. The register is then read at once. */
  write(value: bigint): void {
    if (this.#width === 8) this.#map().write64(this.offset, value);
    else writeOne(this.region, this.offset, this.#width, value);
    this.#wake.abort();
  }

  /** Reads the register until the signal is aborted. */
  async run(display: RegisterDisplay, signal: AbortSignal): Promise<void> {
    const end = () => {
      this.#wake.abort();
    };
    signal.addEventListener('abort', end, { once: true });
    while (!signal.aborted) {
      this.#wake = new AbortController();
      const value = this.#read();
      const { seconds } = this;
      if (this.#last === null) display.first(value, seconds);
      else if (value !== this.#last) display.change(this.#last, value, seconds);
      this.#last = value;
      display.update(value, seconds);
      const wait = this.#interval * 1000;
      await sleep(wait, undefined, { signal: this.#wake.signal }).catch(() => undefined);
    }
    display.end(this.seconds);
  }

  [Symbol.dispose](): void {
    this.#window?.close();
  }

  #read(): bigint {
    if (this.#width === 8) return this.#map().read64(this.offset);
    return readOne(this.region, this.offset, this.#width);
  }

  #map(): RegisterWindow {
    return (this.#window ??= this.region.map());
  }
}
