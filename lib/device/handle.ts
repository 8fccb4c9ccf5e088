import { EventEmitter } from 'node:events';
import type { DeviceConnection } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import type { VfioError } from '../errors.js';
import { Releases } from '../releases.js';

/** Changes that one part of a device makes and other parts need to know. */
export interface DeviceChanges {
  /** A vector was bound to an eventfd, or unbound. */
  vector: [irq: string, vector: number, reason: 'requested' | 'released'];
  /** The function was reset, by `reset()` or by its configuration space. */
  reset: [];
  /** Configuration space was written. */
  config: [offset: number, length: number];
}

/** Shared access to the connection, for every part of a device. */
export class Handle {
  readonly name: string;
  readonly changes = new EventEmitter<DeviceChanges>();
  readonly #connection: DeviceConnection;
  readonly #lifetime: Lifetime;
  readonly #beforeClose = new Releases();
  readonly #afterClose = new Releases();
  #hint: string | undefined;

  constructor(connection: DeviceConnection) {
    this.name = connection.name;
    this.#connection = connection;
    this.#lifetime = new Lifetime('the device is closed', this.name);
    this.#beforeClose.add(() => {
      if (this.#lifetime.end(this.#hint)) this.#connection.close(this.#hint);
    });
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

  /** Runs `release` when the device closes, before its connection. The newest release runs first. */
  beforeClose(release: () => void): void {
    this.#beforeClose.add(release);
  }

  /** Runs `release` after the connection is closed. */
  afterClose(release: () => void): void {
    this.#afterClose.add(release);
  }

  /**
   * Closes all parts of the device, then its connection. Idempotent; never throws.
   * @param hint - sets {@link closingHint}
   */
  close(hint?: string): void {
    if (!this.isOpen) return;
    this.#hint ??= hint;
    this.#beforeClose.run();
    this.#afterClose.run();
  }
}
