import { EventEmitter } from 'node:events';
import type { DeviceConnection } from '../contract/index.js';
import { Lifetime } from '../contract/lifetime.js';
import type { VfioError } from '../errors.js';
import { Releases } from '../releases.js';

/** Events by which one part of a device reports its changes to the other parts. */
export interface DeviceChanges {
  /** A vector was requested or released. */
  vector: [irq: string, vector: number, reason: 'requested' | 'released'];
  /** The function was reset, by a method of the device or by a write to configuration space. */
  reset: [];
  /** Configuration space was written. */
  config: [offset: number, length: number];
}

/** The connection of a device, which all parts of the device share. */
export class Handle {
  readonly name: string;
  readonly changes = new EventEmitter<DeviceChanges>();
  readonly #connection: DeviceConnection;
  readonly #lifetime: Lifetime;
  readonly #interrupts = new Releases();
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
    // A device that is gone delivers no interrupts, so nothing must wait for its interrupts.
    connection.gone?.addEventListener('abort', () => {
      this.#interrupts.run();
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

  /**
   * The hint of each EBADF error after the device is closed. The hint is undefined if the program
   * closed the device.
   */
  get closingHint(): string | undefined {
    return this.#hint;
  }

  /**
   * Calls `release` when the device closes, or when the device is gone. The interrupts are released
   * before all other parts.
   */
  addInterrupts(release: () => void): void {
    this.#interrupts.add(release);
  }

  /**
   * Calls `release` when the device closes, before its connection is closed. The callback that was
   * added last is called first.
   */
  beforeClose(release: () => void): void {
    this.#beforeClose.add(release);
  }

  /** Calls `release` after the connection is closed. */
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
    this.#interrupts.run();
    this.#beforeClose.run();
    this.#afterClose.run();
  }
}
