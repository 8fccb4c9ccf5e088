import { createRequire } from 'node:module';
import { cpus } from 'node:os';

/**
 * native/bench: the work as a C program does it, in this process. Times are CPU time of the thread,
 * in nanoseconds per operation. The time of other threads does not count.
 */
export interface Helper {
  /** CPU time of this thread, in nanoseconds. */
  threadTime(): number;
  loadRegisters(registers: Uint32Array, turns: number): number;
  storeRegisters(registers: Uint32Array, turns: number): number;
  /** @returns nanoseconds per turn */
  copyRegisters(registers: Uint32Array, into: Uint32Array, turns: number): number;
  pread32(fd: number, offset: number, dwords: number, turns: number): number;
  pwrite32(fd: number, offset: number, turns: number): number;
  /** One pread, or one write to an eventfd: the lower bound of a call through Node-API. */
  bareRead(fd: number, offset: number): number;
  bareSignal(fd: number): void;
  /** Signals the first `first` eventfds, as a device that fires several vectors. */
  signal(fds: Int32Array, first: number): void;
  signalTurns(fds: Int32Array, turns: number): number;
  drain(fds: Int32Array): void;
  /** Watches all eventfds; signals and receives the first `first`. @returns nanoseconds per turn */
  rounds(fds: Int32Array, first: number, turns: number, edge: boolean): number;
  createAndFree(bytes: number, huge: boolean, turns: number): number;
  /** Starts a thread on another CPU that signals, waits for `received()` and a gap, and repeats. */
  startSignals(fds: Int32Array, gap: number, samples: number, cpu: number): void;
  /** Reports that a signal arrived. @returns whether another one follows */
  received(): boolean;
  /** Stops the thread. @returns nanoseconds from each signal to its `received()` */
  stopSignals(): Float64Array;
  /** Measures the same with a receiver in C. */
  receive(fds: Int32Array, gap: number, samples: number, cpu: number, spin: boolean): Float64Array;
  pin(cpu: number): void;
  unpin(cpus: number): void;
}

const path = new URL('../../../build-bench/Release/bench.node', import.meta.url).pathname;

export const helper = createRequire(import.meta.url)(path) as Helper;

/** Measures a loop. @returns CPU time per operation, in nanoseconds */
export function timed(operations: number, loop: () => void): number {
  const start = helper.threadTime();
  loop();
  return (helper.threadTime() - start) / operations;
}

/** The CPU of the thread that signals, or -1 if the machine has one CPU. */
export const SIGNALLING_CPU = cpus().length > 1 ? 1 : -1;

/**
 * Runs work with this thread pinned to CPU 0. Otherwise the scheduler could put two spinning
 * threads on one CPU, where each waits for the other's time slice.
 */
export async function pinned<T>(run: () => T | Promise<T>): Promise<T> {
  helper.pin(0);
  try {
    return await run();
  } finally {
    helper.unpin(cpus().length);
  }
}
