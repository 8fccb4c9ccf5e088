import type {
  AddressSpace,
  DeviceConnection,
  Eventfd,
  Memory,
  RegisterWindow,
} from '../contract/index.js';
import { RecordedChanges } from './changes.js';
import { OperationError } from './fields.js';
import { EventfdReplay } from './replay-eventfd.js';

/** Maximum size of a mapping, in bytes. A larger BAR is mapped in several windows. */
const WINDOW_SIZE = 2 ** 30;

/** The state that all operations of one script share: the device and the named objects. */
export class Session {
  readonly eventfdReplay = new EventfdReplay();
  readonly #eventfds = new Map<string, Eventfd>();
  readonly #buffers = new Map<string, Memory>();
  readonly #windows = new Map<string, RegisterWindow>();

  /**
   * @param changes - the changes of memory that the record contains, if the script is a record. The
   *   record was scanned before.
   */
  constructor(
    readonly connection: DeviceConnection,
    readonly changes = new RecordedChanges(),
  ) {}

  /** Returns the eventfd with the given name. If the name is new, the eventfd is created. */
  ensureEventfd(name: string): Eventfd {
    let eventfd = this.#eventfds.get(name);
    if (eventfd === undefined) {
      eventfd = this.connection.createEventfd();
      this.#eventfds.set(name, eventfd);
    }
    return eventfd;
  }

  /**
   * @throws OperationError if no earlier operation created the eventfd
   */
  getEventfd(name: string): Eventfd {
    const eventfd = this.#eventfds.get(name);
    if (eventfd === undefined) throw new OperationError(`unknown eventfd "${name}"`);
    return eventfd;
  }

  /** @throws OperationError if an earlier operation created a buffer with this name */
  addBuffer(name: string, create: (space: AddressSpace) => Memory): void {
    if (this.#buffers.has(name))
      throw new OperationError(`a buffer with the name "${name}" already exists`);
    this.#buffers.set(name, create(this.connection.addressSpace));
  }

  getBuffer(name: string): Memory {
    const buffer = this.#buffers.get(name);
    if (buffer === undefined) throw new OperationError(`unknown buffer "${name}"`);
    return buffer;
  }

  /**
   * Maps the part of a region that contains an offset. The session keeps the window open until
   * `close()`.
   *
   * @returns the window, and the offset of the register in the window
   */
  mapRegister(region: number, offset: number): { window: RegisterWindow; offset: number } {
    const start = offset - (offset % WINDOW_SIZE);
    const key = `${region} ${start}`;
    let window = this.#windows.get(key);
    if (window === undefined) {
      const remaining = Number(this.connection.getRegionInfo(region).size) - start;
      // If the offset is past the end of the region, the kernel refuses the mapping. The answer
      // then contains the error of the kernel.
      const length = remaining > 0 ? Math.min(remaining, WINDOW_SIZE) : WINDOW_SIZE;
      window = this.connection.map(region, start, length);
      this.#windows.set(key, window);
    }
    return { window, offset: offset - start };
  }

  /** Closes the windows and the device, then the eventfds and buffers. */
  close(): void {
    for (const window of this.#windows.values()) window.close();
    this.connection.close();
    for (const eventfd of this.#eventfds.values()) eventfd.close();
    for (const buffer of this.#buffers.values()) buffer.release();
  }
}
