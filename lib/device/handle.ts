import { EventEmitter } from 'node:events';
import type { DeviceConnection } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import type { VfioError } from '../errors.js';

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
  readonly #connection: DeviceConnection;
  readonly #lifetime: Lifetime;
  #hint: string | undefined;

  constructor(connection: DeviceConnection) {
    this.name = connection.name;
    this.#connection = connection;
    this.#lifetime = new Lifetime('the device is closed', this.name);
  }

  get isOpen(): boolean {
    return this.#lifetime.isOpen;
  }

  /** @throws {@link VfioError} EBADF once the device is closed */
  get connection(): DeviceConnection {
    this.#lifetime.check();
    return this.#connection;
  }

  closedError(): VfioError {
    return this.#lifetime.error();
  }

  /** Why the device closes, if the program did not ask for it: the hint of every later EBADF. */
  get closingHint(): string | undefined {
    return this.#hint;
  }

  /** Sets {@link closingHint}, before the device is closed. */
  explainClosing(hint: string): void {
    this.#hint = hint;
  }

  /** Closes the connection. Idempotent. */
  close(): void {
    if (this.#lifetime.end(this.#hint)) this.#connection.close(this.#hint);
  }
}
