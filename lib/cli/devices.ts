/**
 * Opens devices for commands. Each command loads only the back end that fits the name of the
 * device.
 */
import { environment } from '../observe/environment.js';
import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../contract/index.js';
import { isMockName, isVfioUserName, parseAddress, parseIds } from '../contract/names.js';
import type { DeviceApi } from '../device/open.js';
import type { PciDevice } from '../index.js';

import { withProgress } from './progress.js';
import { chooseToken } from './token.js';

const mock = async (): Promise<Backend> => (await import('../backend/mock/index.js')).mockBackend;
const vfioUser = async (): Promise<Backend> =>
  (await import('../backend/vfio-user/index.js')).vfioUserBackend;
const kernel = async (): Promise<Backend> =>
  (await import('../backend/kernel/index.js')).kernelBackend;

/**
 * Loads the back end for a name. For a malformed name, all back ends are loaded, because the error
 * message lists the name formats of all back ends.
 */
async function apiOf(name: string): Promise<DeviceApi> {
  const loaders = loadersOf(name);
  const { deviceApi } = await import('../device/open.js');
  const backends = await Promise.all(loaders.map((load) => load()));
  if (environment.traceFolder === undefined && environment.recordFile === undefined)
    return deviceApi(backends);
  const { observeBackend } = await import('../observe/index.js');
  const { observers } = await import('../observe/observers.js');
  return deviceApi(backends.map((backend) => observeBackend(backend, observers)));
}

function loadersOf(name: string): readonly (() => Promise<Backend>)[] {
  if (isMockName(name)) return [mock];
  if (isVfioUserName(name)) return [vfioUser];
  const isReal = parseAddress(name) !== null || parseIds(name) !== null;
  return isReal ? [kernel] : [mock, vfioUser, kernel];
}

/** The options of a command that opens a device. */
export interface Opening extends Pick<OpenOptions, 'via'> {
  /** The value of `--vf-token`. */
  readonly 'vf-token'?: string | undefined;
}

/**
 * Opens a device and shows progress. The kernel resets a device when the device is opened, and a
 * reset can take a second.
 */
export async function openDevice(name: string, opening: Opening): Promise<PciDevice> {
  const api = await apiOf(name);
  const options = await openOptions(api, name, opening);
  return withProgress(`opening ${name}`, api.openDevice(name, options));
}

export async function openConnection(name: string, opening: Opening): Promise<DeviceConnection> {
  const api = await apiOf(name);
  const options = await openOptions(api, name, opening);
  return withProgress(`opening ${name}`, api.openConnection(name, options));
}

async function openOptions(
  api: DeviceApi,
  name: string,
  { via, 'vf-token': token }: Opening,
): Promise<OpenOptions> {
  return { via, ...(await chooseToken(api.resolveName(name), token)) };
}

/**
 * Returns the full name of a device. The given name can be short: `01:00.0` or `vendor:device`.
 */
export async function resolveName(given: string): Promise<string> {
  return (await apiOf(given)).resolveName(given);
}

/** Lists one mock device for each model, also for the models that a module has registered. */
export async function listMockDevices(): Promise<PciFunction[]> {
  return (await import('../backend/mock/models/registry.js')).registry.list();
}
