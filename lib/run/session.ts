import type { DeviceConnection, Eventfd, Memory, RegisterWindow } from '../backend/contract.js';
import { OperationError } from './fields.js';

/** What the operations of one script share: the device, and the things they named. */
export class Session {
  readonly #eventfds = new Map<string, Eventfd>();
  readonly #buffers = new Map<string, Memory>();
  readonly #windows = new Map<number, RegisterWindow>();

  constructor(readonly connection: DeviceConnection) {}

  /** Made on first use. */
  eventfd(name: string): Eventfd {
    let eventfd = this.#eventfds.get(name);
    if (eventfd === undefined) {
      eventfd = this.connection.createEventfd();
      this.#eventfds.set(name, eventfd);
    }
    return eventfd;
  }

  knownEventfd(name: string): Eventfd {
    const eventfd = this.#eventfds.get(name);
    if (eventfd === undefined) throw new OperationError(`there is no eventfd "${name}"`);
    return eventfd;
  }

  addBuffer(name: string, size: number): void {
    if (this.#buffers.has(name)) throw new OperationError(`there is a buffer "${name}" already`);
    this.#buffers.set(name, this.connection.addressSpace.allocate(size, false));
  }

  buffer(name: string): Memory {
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) throw new OperationError(`there is no buffer "${name}"`);
    return buffer;
  }

  /** A mapping of the whole region, kept for the run. */
  window(region: number): RegisterWindow {
    let window = this.#windows.get(region);
    if (window === undefined) {
      const { size } = this.connection.getRegionInfo(region);
      window = this.connection.map(region, 0, Number(size));
      this.#windows.set(region, window);
    }
    return window;
  }

  close(): void {
    for (const window of this.#windows.values()) window.close();
    this.connection.close();
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    for (const buffer of this.#buffers.values()) buffer.release();
  }
}
