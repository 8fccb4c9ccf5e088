import { EventEmitter } from 'node:events';
import type { DeviceConnection } from '../contract/index.js';
import { VfioError } from '../errors.js';

/** What one part of a device did that others have to know of. */
export interface DeviceChanges {
  /** A vector was bound, or its eventfd was taken away. */
  vector: [irq: string, vector: number, reason: 'requested' | 'released'];
  /** The function was reset, by `reset()` or by its configuration space. */
  reset: [];
  /** Configuration space was written. */
  config: [offset: number, length: number];
}

/**
 * The way of all parts of a device to its connection, for as long as the device is open. After
 * that they throw here, before anything is touched.
 */
export class Handle {
  readonly name: string;
  readonly changes = new EventEmitter<DeviceChanges>();
  #connection: DeviceConnection | null;
  #hint: string | undefined;

  constructor(connection: DeviceConnection) {
    this.name = connection.name;
    this.#connection = connection;
  }

  get isOpen(): boolean {
    return this.#connection !== null;
  }

  /** @throws {@link VfioError} EBADF once the device is closed */
  get connection(): DeviceConnection {
    if (this.#connection === null) throw this.closedError();
    return this.#connection;
  }

  closedError(): VfioError {
    const message = 'the device is closed';
    return new VfioError({ code: 'EBADF', message, path: this.name, hint: this.#hint });
  }

  /** What {@link closedError} says of a closing that was not the program's. */
  explainClosing(hint: string): void {
    this.#hint = hint;
  }

  /** Nobody gets the connection from here any more; the caller closes it. */
  take(): DeviceConnection | null {
    const connection = this.#connection;
    this.#connection = null;
    return connection;
  }
}
