/** Serves a device to another program, for example to a virtual machine, by vfio-user. */
import type { ServableDevice } from '../contract/servable-device.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../contract/uapi.js';
import { VfioError } from '../errors.js';
import { native } from '../native/binding.js';
import { frontEndTraps } from './front-end-traps.js';
import { checkServeOptions, type ServeOptions, type Trap } from './options.js';
import { TrappedRegions } from './regions.js';
import { DeviceServer } from './server.js';
import type { DeviceSource } from './source.js';
import { Traps } from './traps.js';

export type { ServableDevice } from '../contract/servable-device.js';
export type { ResetCause, ServeOptions, Trap } from './options.js';
export type { DeviceServer, DeviceServerEvents, ServedClient } from './server.js';
export { type DeviceSource, namedDevice, openedDevice } from './source.js';

/** Bytes of configuration space with the header and the conventional capabilities. */
const CONFIG_SIZE = 256;

/**
 * Starts a server. The server listens when the promise resolves.
 *
 * @throws TypeError and RangeError for wrong options
 * @throws {@link VfioError} ENOTSUP if the option `mmap` is set, and the device has no file
 * @throws {@link VfioError} ENOENT or EINVAL if the option `interrupts` does not fit the device
 */
export async function serve(source: DeviceSource, options: ServeOptions): Promise<DeviceServer> {
  checkServeOptions(options);
  const traps = new Traps(options.traps ?? []);
  options.signal?.throwIfAborted();
  const connection = await source.open();
  try {
    options.signal?.throwIfAborted();
    if (options.mmap === true) checkMappable(connection);
    const frontEnd = new Traps(trapsOf(options, connection, traps));
    return new DeviceServer(native(), { ...options, source, connection, traps, frontEnd });
  } catch (error) {
    source.close(connection);
    throw error;
  }
}

function checkMappable(connection: ServableDevice): void {
  if (connection.regionFile !== undefined) return;
  throw new VfioError({
    code: 'ENOTSUP',
    message: 'the option mmap needs a real device whose calls are neither recorded nor traced',
    path: connection.name,
    hint: 'Serve without mmap: every access of the client is then a message.',
  });
}

/** Returns the traps of the option `interrupts`, for the device as the client sees it. */
function trapsOf({ interrupts }: ServeOptions, connection: ServableDevice, traps: Traps): Trap[] {
  if (interrupts === undefined) return [];
  const config = new Uint8Array(CONFIG_SIZE);
  new TrappedRegions(traps, connection).read(VFIO_PCI_CONFIG_REGION_INDEX, 0, config);
  const barSize = (bar: number) => connection.getRegionInfo(bar).size;
  return frontEndTraps(interrupts, { config, barSize });
}
