import { createRequire } from 'node:module';
import { cpus } from 'node:os';

/**
 * The functions of native/bench. The functions do the same work as a C program, but in this
 * process. Each time is the CPU time of the calling thread, in nanoseconds per operation.
 */
export interface Helper {
  /** CPU time of this thread, in nanoseconds. */
  threadTime(): number;
  loadRegisters(registers: Uint32Array, turns: number): number;
  storeRegisters(registers: Uint32Array, turns: number): number;
  /** @returns the time of one turn, in nanoseconds */
  copyRegisters(registers: Uint32Array, into: Uint32Array, turns: number): number;
  pread32(fd: number, offset: number, dwords: number, turns: number): number;
  pwrite32(fd: number, offset: number, turns: number): number;
  /**
   * Calls pread(), pwrite() or write() once through Node-API, without checks. No Node-API function
   * can make the system call faster.
   */
  bareRead(fd: number, offset: number): number;
  bareWrite(fd: number, offset: number, value: number): void;
  bareSignal(fd: number): void;
  /**
   * Signals eventfds from the event loop, like a device that fires several vectors. In each turn,
   * signals the first `count` eventfds and waits until `seen[0]` is `count`. Calls `onEnd` after the
   * last turn.
   */
  signalInLoop(
    fds: Int32Array,
    count: number,
    seen: Uint32Array,
    turns: number,
    onEnd: () => void,
  ): void;
  /**
   * Receives the signals of an eventfd with libuv, without the library, until the process ends.
   * @param part - how much of a delivery is done, see {@link LOOP_PARTS}
   * @param seen - if the part makes no call into JavaScript, each signal adds 1 to `seen[0]`
   * @param onWake - called for each signal by the other parts
   */
  receiveInLoop(fd: number, part: number, seen: Uint32Array, onWake: () => void): void;
  signalTurns(fds: Int32Array, turns: number): number;
  drain(fds: Int32Array): void;
  /**
   * Watches all eventfds. In each turn, signals the first `count` eventfds and receives the
   * signals.
   * @returns the time of one turn, in nanoseconds
   */
  rounds(fds: Int32Array, count: number, turns: number, edge: boolean): number;
  createAndFree(bytes: number, huge: boolean, turns: number): number;
  /**
   * Starts a thread on another CPU. In each turn, the thread signals an eventfd, waits for the call
   * of `received()`, and then pauses for about `gap` nanoseconds.
   */
  startSignals(fds: Int32Array, gap: number, samples: number, cpu: number): void;
  /** Reports that a signal arrived. @returns whether another signal follows */
  received(): boolean;
  /** Stops the thread. @returns for each signal, the nanoseconds until `received()` was called */
  stopSignals(): Float64Array;
  /** Measures the latency of signals with a receiver in C. */
  receive(fds: Int32Array, gap: number, samples: number, cpu: number, spin: boolean): Float64Array;
  pin(cpu: number): void;
  unpin(cpus: number): void;
}

/**
 * The parts of a delivery by the event loop. Each part also does the work of the parts before it:
 * one turn of the event loop, a second epoll set, a call of a JavaScript function, and the same call
 * with its asynchronous context, ticks and microtasks.
 */
export const LOOP_PARTS = { loop: 0, secondSet: 1, function: 2, callback: 3 } as const;

const path = new URL('../../../build-bench/Release/bench.node', import.meta.url).pathname;

export const helper = createRequire(import.meta.url)(path) as Helper;

/** Measures a loop. @returns CPU time per operation, in nanoseconds */
export function timed(operations: number, loop: () => void): number {
  const start = helper.threadTime();
  loop();
  return (helper.threadTime() - start) / operations;
}

/** Measures work that waits for the event loop. @returns CPU time per operation, in nanoseconds */
export async function timedAsync(operations: number, work: () => unknown): Promise<number> {
  const start = helper.threadTime();
  // The interrupts of a mock device do not keep the process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  await work();
  clearInterval(alive);
  return (helper.threadTime() - start) / operations;
}

/** The CPU of the thread that signals, or -1 if the machine has only one CPU. */
export const SIGNALLING_CPU = cpus().length > 1 ? 1 : -1;

/**
 * Pins this thread to CPU 0 and runs the work. Without pinning, the scheduler could put two
 * spinning threads on one CPU. Each thread would then wait for the time slice of the other thread.
 */
export async function pinned<T>(run: () => T | Promise<T>): Promise<T> {
  helper.pin(0);
  try {
    return await run();
  } finally {
    helper.unpin(cpus().length);
  }
}
