import type { ServableDevice } from '../contract/servable-device.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import type { Native } from '../native/binding.js';
import { HostRequest } from './host-request.js';
import type { ServeOptions } from './options.js';
import type { Served, Session } from './session.js';
import { COMMAND, type DeviceSource } from './source.js';
import type { Traps } from './traps.js';

const CONFIG = VFIO_PCI_CONFIG_REGION_INDEX;
const COMMAND_MASTER = 0x04;

/** The options of a server, and the device for the first client. */
export interface ServedDeviceSetup extends Pick<ServeOptions, 'interrupts' | 'mmap' | 'reset'> {
  readonly source: DeviceSource;
  readonly connection: ServableDevice;
  readonly traps: Traps;
  /** The traps of the option `interrupts`, below the other traps. */
  readonly frontEnd: Traps;
}

/** Receives the events of a {@link ServedDevice}. */
export interface ServedDeviceEvents {
  /** Called when the host requests the device back. */
  onRequest(error: VfioError): void;
  onError(error: unknown): void;
}

/** The device of a server. After each client, the device is reset. */
export class ServedDevice {
  readonly name: string;
  /** Whether the program has closed the device. */
  isClosed = false;
  readonly #native: Native;
  readonly #setup: ServedDeviceSetup;
  readonly #events: ServedDeviceEvents;
  #connection: ServableDevice;
  /** Null if the caller has opened the device, and handles the requests of the host. */
  #request: HostRequest | null;

  constructor(native: Native, setup: ServedDeviceSetup, events: ServedDeviceEvents) {
    this.#native = native;
    this.#setup = setup;
    this.#events = events;
    this.#connection = setup.connection;
    this.name = setup.connection.name;
    this.#request = this.#watchRequest();
  }

  /** Whether the host has requested the device back, or the program has closed the device. */
  get isLeaving(): boolean {
    return this.isClosed || this.#request?.isPending === true;
  }

  /** Returns the device for a session. */
  get served(): Served {
    const { source, traps, frontEnd, interrupts, mmap = false, reset } = this.#setup;
    const connection = this.#connection;
    return {
      native: this.#native,
      connection,
      layers: [traps, frontEnd],
      interrupts: interrupts ?? this.#request ?? connection,
      mmap,
      reset: reset ?? source.reset,
    };
  }

  /**
   * Called after a call has failed with EBADF. @returns whether the program has closed the device
   */
  checkClosed(): boolean {
    try {
      this.#connection.getInfo();
    } catch {
      this.isClosed = true;
    }
    return this.isClosed;
  }

  /**
   * Ends a session, and resets the device.
   *
   * @param isLast - returns whether no further client follows
   * @throws the error if the device cannot be reset
   */
  async endSession(session: Session, isLast: () => boolean): Promise<void> {
    const { source, frontEnd, interrupts, reset } = this.#setup;
    await session.close(() => {
      if (reset === undefined && !this.isClosed) this.#turnOffDma();
    });
    if (this.isClosed) return;
    if (reset === undefined) {
      this.#request?.close();
      await source.end(this.#connection, (offset) => frontEnd.catchWrite(CONFIG, offset, 2));
    } else {
      await reset('gone');
    }
    interrupts?.reset();
    if (reset !== undefined || isLast() || this.isLeaving) return;
    this.#connection = await source.open();
    this.#request = this.#watchRequest();
  }

  /** Closes the device, if the server has opened the device. Idempotent. */
  close(): void {
    this.#request?.close();
    this.#setup.source.close(this.#connection);
  }

  #watchRequest(): HostRequest | null {
    if (!this.#setup.source.isOwner) return null;
    return new HostRequest(this.#native, this.#connection, () => {
      const message = 'the host requested the device back';
      this.#events.onRequest(new VfioError({ code: 'ENODEV', message, path: this.name }));
    });
  }

  /** Clears the bus master bit. */
  #turnOffDma(): void {
    try {
      const command = this.#connection.load(CONFIG, COMMAND, 2);
      this.#connection.store(CONFIG, COMMAND, 2, command & ~COMMAND_MASTER);
    } catch (error) {
      this.#events.onError(error);
    }
  }
}
