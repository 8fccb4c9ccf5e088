/**
 * The library's way to devices, for commands: of the back ends only the one that a name asks for is
 * loaded, and nothing before it is needed.
 */
import { environment } from '../observe/environment.js';
import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../contract/index.js';
import { isMockName, parseAddress, parseIds } from '../contract/names.js';
import type { DeviceApi } from '../device/open.js';
import type { PciDevice } from '../index.js';

import { during } from './progress.js';

const mock = async (): Promise<Backend> => (await import('../backend/mock/index.js')).mockBackend;
const kernel = async (): Promise<Backend> =>
  (await import('../backend/kernel/index.js')).kernelBackend;

/** Names that are neither get the error that tells both forms. */
async function apiOf(name: string): Promise<DeviceApi> {
  const isReal = parseAddress(name) !== null || parseIds(name) !== null;
  const ways = isMockName(name) ? [mock] : isReal ? [kernel] : [mock, kernel];
  const { deviceApi } = await import('../device/open.js');
  const backends = await Promise.all(ways.map((load) => load()));
  if (environment.traceFolder === undefined && environment.recordFile === undefined)
    return deviceApi(backends);
  const { observeBackend } = await import('../observe/index.js');
  const { observers } = await import('../observe/observers.js');
  return deviceApi(backends.map((backend) => observeBackend(backend, observers)));
}

/** The kernel resets a function when it is opened, which can take a second. */
export async function openDevice(name: string): Promise<PciDevice> {
  const api = await apiOf(name);
  return during(`opening ${name}`, api.openDevice(name));
}

export async function openConnection(
  name: string,
  options: OpenOptions,
): Promise<DeviceConnection> {
  const api = await apiOf(name);
  return during(`opening ${name}`, api.openConnection(name, options));
}

/** The name under which a device is opened, for what the user called it. */
export async function resolveName(called: string): Promise<string> {
  return (await apiOf(called)).resolveName(called);
}

export async function listMockDevices(): Promise<PciFunction[]> {
  return (await import('../backend/mock/models/index.js')).listModels();
}
