import type { DeviceConnection } from '../backend/contract.js';
import { VfioError } from '../errors.js';

/**
 * The way of all parts of a device to its connection, for as long as the device is open. After
 * that they throw here, before anything is touched.
 */
export class Handle {
  readonly name: string;
  #connection: DeviceConnection | null;

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
    return new VfioError({ code: 'EBADF', message: 'the device is closed', path: this.name });
  }

  /** Nobody gets the connection from here any more; the caller closes it. */
  take(): DeviceConnection | null {
    const connection = this.#connection;
    this.#connection = null;
    return connection;
  }
}
