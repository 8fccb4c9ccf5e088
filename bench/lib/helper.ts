import { createRequire } from 'node:module';
import { cpus } from 'node:os';

/**
 * native/bench: what a C program would do, in this process. Times are nanoseconds an operation, of
 * what the thread had of a CPU: who else wants it does not count.
 */
export interface Helper {
  /** CPU time of this thread, in nanoseconds. */
  threadTime(): number;
  loadRegisters(registers: Uint32Array, turns: number): number;
  storeRegisters(registers: Uint32Array, turns: number): number;
  /** Nanoseconds a turn. */
  copyRegisters(registers: Uint32Array, into: Uint32Array, turns: number): number;
  pread32(fd: number, offset: number, dwords: number, turns: number): number;
  pwrite32(fd: number, offset: number, turns: number): number;
  /** One pread, one write of 1 to an eventfd: no call by Node-API can cost less. */
  bareRead(fd: number, offset: number): number;
  bareSignal(fd: number): void;
  /** Signals the first of them, as a device does that fires several vectors. */
  signal(fds: Int32Array, first: number): void;
  signalTurns(fds: Int32Array, turns: number): number;
  drain(fds: Int32Array): void;
  /** All are watched, so many signalled and received a turn; nanoseconds a turn. */
  rounds(fds: Int32Array, first: number, turns: number, edge: boolean): number;
  createAndFree(bytes: number, huge: boolean, turns: number): number;
  /** A thread on a CPU of its own that signals, waits for `received()` and a gap, and so on. */
  startSignals(fds: Int32Array, gap: number, samples: number, cpu: number): void;
  /** @returns whether there will be another signal */
  received(): boolean;
  /** @returns nanoseconds from each signal to its `received()` */
  stopSignals(): Float64Array;
  /** The same with a receiver in C. */
  receive(fds: Int32Array, gap: number, samples: number, cpu: number, spin: boolean): Float64Array;
  pin(cpu: number): void;
  unpin(cpus: number): void;
}

const path = new URL('../../../build-bench/Release/bench.node', import.meta.url).pathname;

export const helper = createRequire(import.meta.url)(path) as Helper;

/** CPU time an operation of a loop, in nanoseconds. */
export function timed(operations: number, loop: () => void): number {
  const start = helper.threadTime();
  loop();
  return (helper.threadTime() - start) / operations;
}

/** The CPU of the thread that signals; -1 where there is none to spare. */
export const SIGNALLING_CPU = cpus().length > 1 ? 1 : -1;

/**
 * This thread stays on CPU 0 meanwhile: two that spin would else be put on one, where each waits
 * for the other's time slice.
 */
export async function pinned<T>(run: () => T | Promise<T>): Promise<T> {
  helper.pin(0);
  try {
    return await run();
  } finally {
    helper.unpin(cpus().length);
  }
}
