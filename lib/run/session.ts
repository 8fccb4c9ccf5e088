import type { DeviceConnection, Eventfd, Memory, RegisterWindow } from '../contract/index.js';
import { OperationError } from './fields.js';

/** Bytes of a mapping: registers far apart in a large BAR are in windows of their own. */
const WINDOW_SIZE = 2 ** 30;
const PAGE_SIZE = 4096;

/** What the operations of one script share: the device, and the things they named. */
export class Session {
  readonly #eventfds = new Map<string, Eventfd>();
  readonly #buffers = new Map<string, Memory>();
  readonly #windows = new Map<string, RegisterWindow>();

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

  /** The mapping that shows part of a region, kept for the run, and the place within it. */
  window(region: number, offset: number): { window: RegisterWindow; offset: number } {
    const start = offset - (offset % WINDOW_SIZE);
    const key = `${region} ${start}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      const left = Number(this.connection.getRegionInfo(region).size) - start;
      // What is not there is asked for all the same: the kernel says what is wrong with it.
      window = this.connection.map(
        region,
        start,
        left > 0 ? Math.min(left, WINDOW_SIZE) : PAGE_SIZE,
      );
      this.#windows.set(key, window);
    }
    return { window, offset: offset - start };
  }

  close(): void {
    for (const window of this.#windows.values()) window.close();
    this.connection.close();
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    for (const buffer of this.#buffers.values()) buffer.release();
  }
}
