/**
 * Opens devices for commands. Only the back end that the device's name needs is loaded, on first
 * use.
 */
import { environment } from '../observe/environment.js';
import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../contract/index.js';
import { isMockName, parseAddress, parseIds } from '../contract/names.js';
import type { DeviceApi } from '../device/open.js';
import type { PciDevice } from '../index.js';

import { withProgress } from './progress.js';

const mock = async (): Promise<Backend> => (await import('../backend/mock/index.js')).mockBackend;
const kernel = async (): Promise<Backend> =>
  (await import('../backend/kernel/index.js')).kernelBackend;

/**
 * Loads the back end for a name. A name of neither form gets both, whose error lists both forms.
 */
async function apiOf(name: string): Promise<DeviceApi> {
  const isReal = parseAddress(name) !== null || parseIds(name) !== null;
  const loaders = isMockName(name) ? [mock] : isReal ? [kernel] : [mock, kernel];
  const { deviceApi } = await import('../device/open.js');
  const backends = await Promise.all(loaders.map((load) => load()));
  if (environment.traceFolder === undefined && environment.recordFile === undefined)
    return deviceApi(backends);
  const { observeBackend } = await import('../observe/index.js');
  const { observers } = await import('../observe/observers.js');
  return deviceApi(backends.map((backend) => observeBackend(backend, observers)));
}

/** Opens a device and shows progress: the kernel's reset at opening can take a second. */
export async function openDevice(name: string): Promise<PciDevice> {
  const api = await apiOf(name);
  return withProgress(`opening ${name}`, api.openDevice(name));
}

export async function openConnection(
  name: string,
  options: OpenOptions,
): Promise<DeviceConnection> {
  const api = await apiOf(name);
  return withProgress(`opening ${name}`, api.openConnection(name, options));
}

/** Resolves a short address or vendor:device to the full name of the device. */
export async function resolveName(given: string): Promise<string> {
  return (await apiOf(given)).resolveName(given);
}

export async function listMockDevices(): Promise<PciFunction[]> {
  return (await import('../backend/mock/models/index.js')).listModels();
}
