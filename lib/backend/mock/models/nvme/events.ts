import type { Command } from './command.js';
import { FIRMWARE, TEMPERATURE } from './identify.js';
import { ALL_NAMESPACES, ASYNC_EVENT_LIMIT, NAMESPACE } from './limits.js';
import { CommandFailure, refuse, Status } from './status.js';

const ERROR_EVENT = 0;
/** What is wrong with a doorbell: information of error events. */
export const INVALID_DOORBELL_REGISTER = 0;
export const INVALID_DOORBELL_VALUE = 1;

const ERROR_LOG = 1;
const HEALTH_LOG = 2;
const FIRMWARE_LOG = 3;
const LOG_SIZE: Readonly<Record<number, number>> = {
  [ERROR_LOG]: 64,
  [HEALTH_LOG]: 512,
  [FIRMWARE_LOG]: 512,
};

/**
 * Asynchronous event requests, which are held until something happens, and the logs that tell
 * about it. Only errors happen here; after one, no other is told until its log was read.
 */
export class Events {
  readonly #held: number[] = [];
  readonly #complete: (commandId: number, status: number, result: number) => void;
  #masked = false;

  /** @param complete - ends a request */
  constructor(complete: (commandId: number, status: number, result: number) => void) {
    this.#complete = complete;
  }

  hold(commandId: number): void {
    if (this.#held.length > ASYNC_EVENT_LIMIT) {
      throw new CommandFailure(Status.ASYNC_EVENT_LIMIT_EXCEEDED);
    }
    this.#held.push(commandId);
  }

  /** @returns whether there was such a request */
  abort(commandId: number): boolean {
    const index = this.#held.indexOf(commandId);
    if (index < 0) return false;
    this.#held.splice(index, 1);
    this.#complete(commandId, Status.ABORT_REQUESTED, 0);
    return true;
  }

  /** A doorbell was written wrongly. Nobody is told later of what nobody waits for. */
  doorbellError(information: number): void {
    if (this.#masked) return;
    const commandId = this.#held.pop();
    if (commandId === undefined) return;
    this.#masked = true;
    this.#complete(commandId, Status.SUCCESS, ERROR_EVENT | (information << 8) | (ERROR_LOG << 16));
  }

  /** Get Log Page: the log from the offset on, no more of it than asked for. */
  log(command: Command): Uint8Array {
    const id = command.dword(10) & 0xff;
    const retain = (command.dword(10) & 0x8000) !== 0;
    const offset = command.dword(12) + command.dword(13) * 2 ** 32;
    const size = LOG_SIZE[id];
    if (offset % 4 !== 0 || size === undefined || offset >= size) {
      return refuse(Status.INVALID_FIELD);
    }
    const bytes = new Uint8Array(size);
    if (id === ERROR_LOG && !retain) this.#masked = false;
    if (id === HEALTH_LOG) {
      const { namespace } = command;
      const known = namespace === NAMESPACE || namespace === ALL_NAMESPACES;
      if (!known) refuse(Status.INVALID_NAMESPACE);
      bytes.set([TEMPERATURE & 0xff, TEMPERATURE >> 8], 1);
    }
    if (id === FIRMWARE_LOG) {
      bytes[0] = 1;
      bytes.set(Buffer.from(FIRMWARE.padEnd(8), 'latin1'), 8);
    }
    return bytes.subarray(offset, offset + logLength(command));
  }

  reset(): void {
    this.#held.length = 0;
    this.#masked = false;
  }
}

/** Bytes that a Get Log Page asks for. */
export function logLength(command: Command): number {
  return (command.low(11) * 0x10000 + command.high(10) + 1) * 4;
}
