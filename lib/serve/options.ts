import {
  checkArray,
  checkBoolean,
  checkFunction,
  checkInstance,
  checkInteger,
  checkMethods,
  checkOptions,
} from '../checks.js';
import type { InterruptFrontEnd } from '../contract/front-end.js';
import type { Width } from '../contract/index.js';

/** The cause of a reset: a command of the client, an FLR in configuration space, or the end of the client. */
export type ResetCause = 'command' | 'flr' | 'gone';

/**
 * A range of a region whose accesses call functions instead of the device. An access that is only
 * partly in the range is split. The offset of a call is relative to the range, in bytes.
 */
export interface Trap {
  /** The index of a BAR (0 to 5), or 7 for configuration space. */
  readonly region: number;
  /** The start of the range in the region, in bytes. */
  readonly offset: number;
  /** Bytes, at least 1. */
  readonly size: number;
  /**
   * Returns the value of a read: a bigint if the width is 8, and a number for every other width. If
   * the function is absent, the device is read.
   */
  readonly read?: ((offset: number, width: Width) => number | bigint) | undefined;
  /**
   * Receives the value of a write: a bigint if the width is 8, and a number for every other width.
   * If the function is absent, the device is written.
   */
  readonly write?: ((offset: number, width: Width, value: number | bigint) => void) | undefined;
}

/** Options of {@link serveDevice}. */
export interface ServeOptions {
  /**
   * The path of the socket. The socket file has mode 0600. An old socket file is replaced if no
   * program listens.
   */
  readonly socket: string;
  /**
   * The interrupts of a virtual device, such as a `VirtualIrqs`, in place of the device's own
   * interrupts. The commands of the client for interrupts, the accesses to the capabilities MSI and
   * MSI-X in configuration space, and the reads of the pending bits reach this object. Default: the
   * interrupts of the device.
   */
  readonly interrupts?: InterruptFrontEnd | undefined;
  /** The ranges must not overlap. */
  readonly traps?: readonly Trap[] | undefined;
  /**
   * Whether the client maps the BARs of a real device. The client then receives the file of the
   * device. With this file, the client controls the whole device, even after its connection has ended.
   * Not allowed with `interrupts` or `traps`. Default: false, and every access of the client is a message.
   */
  readonly mmap?: boolean | undefined;
  /**
   * Resets the device in place of the library. With this function, the library also leaves the bus
   * master bit and the configuration space of the device unchanged when a client ends. Use the
   * function if several guests share the device.
   */
  readonly reset?: ((cause: ResetCause) => void | Promise<void>) | undefined;
  /** Whether the server closes after its first client. Default: false. */
  readonly once?: boolean | undefined;
  /** Closes the server when the signal is aborted. */
  readonly signal?: AbortSignal | undefined;
}

const REGION_MAX = 2 ** 32 - 1;
const OPTIONS = ['socket', 'interrupts', 'traps', 'mmap', 'reset', 'once', 'signal'];
const FRONT_END = ['getIrqInfo', 'setIrqs', 'configRead', 'configWrite', 'pbaRead', 'reset'];

/**
 * Checks the options of a server.
 *
 * @throws TypeError if an option is unknown or has a wrong type
 * @throws RangeError if two traps overlap, or a number is out of range
 */
export function checkServeOptions(options: ServeOptions): void {
  checkOptions(options, OPTIONS);
  const { socket, interrupts, traps = [], mmap = false, reset, once = false, signal } = options;
  if (typeof socket !== 'string' || socket === '' || socket.includes('\0')) {
    throw new TypeError('socket must be the path of a socket file');
  }
  if (interrupts !== undefined) {
    checkMethods(interrupts, 'interrupts', 'InterruptFrontEnd', FRONT_END);
  }
  checkArray(traps, 'traps');
  for (const trap of traps) checkTrap(trap);
  checkBoolean(mmap, 'mmap');
  if (mmap && (interrupts !== undefined || traps.length > 0)) {
    throw new TypeError(
      'mmap excludes interrupts and traps: the accesses to a mapped BAR do not reach the server',
    );
  }
  if (reset !== undefined) checkFunction(reset, 'reset');
  checkBoolean(once, 'once');
  if (signal !== undefined) checkInstance(signal, 'signal', AbortSignal);
}

function checkTrap(trap: Trap): void {
  checkOptions(trap, ['region', 'offset', 'size', 'read', 'write'], 'a trap');
  checkInteger(trap.region, 'region of a trap', 0, REGION_MAX);
  checkInteger(trap.offset, 'offset of a trap', 0, Number.MAX_SAFE_INTEGER);
  checkInteger(trap.size, 'size of a trap', 1, Number.MAX_SAFE_INTEGER - trap.offset);
  if (trap.read !== undefined) checkFunction(trap.read, 'read of a trap');
  if (trap.write !== undefined) checkFunction(trap.write, 'write of a trap');
}
