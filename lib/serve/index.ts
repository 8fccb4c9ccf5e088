/** Serves a device to another program, for example to a virtual machine, by vfio-user. */
import { native } from '../native/binding.js';
import { checkServeOptions, type ServeOptions } from './options.js';
import { DeviceServer } from './server.js';
import type { DeviceSource } from './source.js';
import { Traps } from './traps.js';

export type { ResetCause, ServeOptions, Trap } from './options.js';
export type { DeviceServer, DeviceServerEvents, ServedClient } from './server.js';
export { type DeviceSource, namedDevice, openedDevice } from './source.js';

/**
 * Starts a server. The server listens when the promise resolves.
 *
 * @throws TypeError and RangeError for wrong options
 */
export async function serve(source: DeviceSource, options: ServeOptions): Promise<DeviceServer> {
  checkServeOptions(options);
  const traps = new Traps(options.traps ?? []);
  options.signal?.throwIfAborted();
  const connection = await source.open();
  try {
    options.signal?.throwIfAborted();
    return new DeviceServer(native(), { ...options, source, connection, traps });
  } catch (error) {
    source.close(connection);
    throw error;
  }
}
