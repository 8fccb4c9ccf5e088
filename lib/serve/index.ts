/** Serves a device to another program, for example to a virtual machine, by vfio-user. */
import type { DeviceConnection } from '../contract/index.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import { native } from '../native/binding.js';
import { frontEndTraps } from './front-end-traps.js';
import { checkServeOptions, type ServeOptions, type Trap } from './options.js';
import { TrappedRegions } from './regions.js';
import { DeviceServer } from './server.js';
import type { DeviceSource } from './source.js';
import { Traps } from './traps.js';

export type { ResetCause, ServeOptions, Trap } from './options.js';
export type { DeviceServer, DeviceServerEvents, ServedClient } from './server.js';
export { type DeviceSource, namedDevice, openedDevice } from './source.js';

/** Bytes of configuration space with the header and the conventional capabilities. */
const CONFIG_SIZE = 256;

/**
 * Starts a server. The server listens when the promise resolves.
 *
 * @throws TypeError and RangeError for wrong options
 * @throws {@link VfioError} ENOENT or EINVAL if the option `interrupts` does not fit the device
 */
export async function serve(source: DeviceSource, options: ServeOptions): Promise<DeviceServer> {
  checkServeOptions(options);
  const traps = new Traps(options.traps ?? []);
  options.signal?.throwIfAborted();
  const connection = await source.open();
  try {
    options.signal?.throwIfAborted();
    const frontEnd = new Traps(trapsOf(options, connection, traps));
    return new DeviceServer(native(), { ...options, source, connection, traps, frontEnd });
  } catch (error) {
    source.close(connection);
    throw error;
  }
}

/** Returns the traps of the option `interrupts`, for the device as the client sees it. */
function trapsOf({ interrupts }: ServeOptions, connection: DeviceConnection, traps: Traps): Trap[] {
  if (interrupts === undefined) return [];
  const config = new Uint8Array(CONFIG_SIZE);
  new TrappedRegions(traps, connection).read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
  const barSize = (bar: number) => connection.getRegionInfo(bar).size;
  return frontEndTraps(interrupts, { config, barSize });
}
