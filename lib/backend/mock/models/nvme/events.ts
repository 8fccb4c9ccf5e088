import type { Command } from './command.js';
import { FIRMWARE, TEMPERATURE } from './identify.js';
import { ALL_NAMESPACES, ASYNC_EVENT_LIMIT, NAMESPACE } from './limits.js';
import { CommandFailure, refuse, Status } from './status.js';

const ERROR_EVENT = 0;
/** Values of the information field of an error event: why a doorbell write was invalid. */
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
 * Asynchronous event requests, and the log pages of events. The mock reports only error events.
 * After an event, further events are masked until the driver reads the log page of the event.
 */
export class Events {
  /** Command ids of the outstanding Asynchronous Event Requests. */
  readonly #requests: number[] = [];
  readonly #complete: (commandId: number, status: number, result: number) => void;
  #masked = false;

  /** @param complete - completes an Asynchronous Event Request */
  constructor(complete: (commandId: number, status: number, result: number) => void) {
    this.#complete = complete;
  }

  addRequest(commandId: number): void {
    if (this.#requests.length > ASYNC_EVENT_LIMIT) {
      throw new CommandFailure(Status.ASYNC_EVENT_LIMIT_EXCEEDED);
    }
    this.#requests.push(commandId);
  }

  /** Aborts a request. @returns false if the request is unknown */
  abort(commandId: number): boolean {
    const index = this.#requests.indexOf(commandId);
    if (index < 0) return false;
    this.#requests.splice(index, 1);
    this.#complete(commandId, Status.ABORT_REQUESTED, 0);
    return true;
  }

  /**
   * Reports an invalid write to a doorbell. The event is dropped while no Asynchronous Event
   * Request is outstanding.
   */
  reportDoorbell(information: number): void {
    if (this.#masked) return;
    const commandId = this.#requests.pop();
    if (commandId === undefined) return;
    this.#masked = true;
    this.#complete(commandId, Status.SUCCESS, ERROR_EVENT | (information << 8) | (ERROR_LOG << 16));
  }

  /** Returns the part of a log page that a Get Log Page command requests. */
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
    this.#requests.length = 0;
    this.#masked = false;
  }
}

/** Returns the number of bytes that a Get Log Page command requests. */
export function logLength(command: Command): number {
  return (command.low(11) * 0x10000 + command.high(10) + 1) * 4;
}
