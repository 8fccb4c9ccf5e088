import type { DeviceConnection } from '../contract/index.js';
import type { ServableDevice } from '../contract/servable-device.js';
import { VFIO_DEVICE_FLAGS_RESET, VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';

/** Supplies the device to a server. */
export interface DeviceSource {
  /** Whether the server opens the device, and must therefore close the device for the host. */
  readonly isOwner: boolean;
  /** Returns the device for the next client, without any state of an earlier client. */
  open(): Promise<ServableDevice>;
  /** Resets the device. If the function is absent, the connection resets the device. */
  readonly reset?: (() => Promise<void>) | undefined;
  /**
   * Called when a client is gone. Resets the device.
   * @param isTrapped - whether the client could not write a word of configuration space
   */
  end(connection: ServableDevice, isTrapped: (offset: number) => boolean): Promise<void>;
  /** Called when the server closes. */
  close(connection: ServableDevice): void;
}

/**
 * A device that the server opens. Each client gets a newly opened device. The kernel resets a
 * device when the device is closed and when the device is opened.
 */
export function namedDevice(open: () => Promise<DeviceConnection>): DeviceSource {
  let opened: DeviceConnection | undefined;
  return {
    isOwner: true,
    async open() {
      opened = await open();
      return opened;
    },
    end() {
      opened?.close();
      return Promise.resolve();
    },
    close() {
      opened?.close();
    },
  };
}

/**
 * A device that the caller has opened. The caller also closes the device.
 *
 * @param reset - resets the device in place of the connection, if the device supports reset
 */
export function openedDevice(
  connection: ServableDevice,
  reset?: () => Promise<void>,
): DeviceSource {
  const canReset = (connection.getInfo().flags & VFIO_DEVICE_FLAGS_RESET) !== 0;
  let config: Uint8Array | undefined;
  return {
    isOwner: false,
    reset: canReset ? reset : undefined,
    open() {
      config ??= readConfig(connection);
      return Promise.resolve(connection);
    },
    async end(_connection, isTrapped) {
      if (canReset) await (reset?.() ?? connection.reset());
      if (config !== undefined) restoreConfig(connection, config, isTrapped);
    },
    close: () => undefined,
  };
}

const CONFIG = VFIO_PCI_CONFIG_REGION_INDEX;
/** Offset of the register Command in configuration space. */
export const COMMAND = 0x04;

function readConfig(connection: ServableDevice): Uint8Array {
  const config = new Uint8Array(Number(connection.getRegionInfo(CONFIG).size));
  connection.read(CONFIG, 0, config);
  return config;
}

/**
 * Writes the words that differ from a copy of configuration space. A reset restores the registers
 * of the device, but not the kernel's copy of configuration space.
 */
function restoreConfig(
  connection: ServableDevice,
  config: Uint8Array,
  isTrapped: (offset: number) => boolean,
): void {
  const now = readConfig(connection);
  const view = new DataView(config.buffer);
  for (let at = 0; at < config.length; at += 2) {
    const isEqual = config[at] === now[at] && config[at + 1] === now[at + 1];
    // Writes to Status clear bits.
    if (isEqual || at === COMMAND + 2 || isTrapped(at)) continue;
    connection.store(CONFIG, at, 2, view.getUint16(at, true));
  }
}
