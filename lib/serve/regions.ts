import { VfioError } from '../errors.js';
import { readTrap, splitAccess, type Traps, writeTrap } from './traps.js';

/** The regions of a device, or of a layer of traps over a device. */
export interface Regions {
  /** @returns the number of bytes read */
  read(region: number, offset: number, into: Uint8Array): number;
  /** @returns the number of bytes written */
  write(region: number, offset: number, from: Uint8Array): number;
}

/** Regions with traps. Accesses outside of the traps reach the regions below. */
export class TrappedRegions implements Regions {
  readonly #traps: Traps;
  readonly #below: Regions;

  constructor(traps: Traps, below: Regions) {
    this.#traps = traps;
    this.#below = below;
  }

  read(region: number, offset: number, into: Uint8Array): number {
    const traps = this.#traps.of(region);
    if (traps === undefined) return this.#below.read(region, offset, into);
    let done = 0;
    for (const { trap, offset: at, length } of splitAccess(traps, offset, into.length)) {
      const part = into.subarray(done, done + length);
      if (trap?.read !== undefined) readTrap(trap, trap.read, at, part);
      else if (this.#below.read(region, at, part) < length) fail('read');
      done += length;
    }
    return done;
  }

  write(region: number, offset: number, from: Uint8Array): number {
    const traps = this.#traps.of(region);
    if (traps === undefined) return this.#below.write(region, offset, from);
    let done = 0;
    for (const { trap, offset: at, length } of splitAccess(traps, offset, from.length)) {
      const part = from.subarray(done, done + length);
      if (trap?.write !== undefined) writeTrap(trap, trap.write, at, part);
      else if (this.#below.write(region, at, part) < length) fail('write');
      done += length;
    }
    return done;
  }
}

function fail(syscall: string): never {
  throw new VfioError({ code: 'EIO', syscall });
}
