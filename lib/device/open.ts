import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../contract/index.js';
import { VfioError } from '../errors.js';
import { type Ids, parseIds } from '../contract/names.js';
import { closeOnHostRequest, createDevice, type PciDevice } from './device.js';

/**
 * The functions that list and open devices. Both `vfio` and `vfio/mock` implement this interface.
 */
export interface DeviceApi {
  /** See {@link openDevice}. */
  readonly openDevice: (name: string, options?: OpenOptions) => Promise<PciDevice>;
  /** See {@link openDeviceSync}. */
  readonly openDeviceSync: (name: string, options?: OpenOptions) => PciDevice;
  /** See {@link openConnection}. */
  readonly openConnection: (name: string, options?: OpenOptions) => Promise<DeviceConnection>;
  /** See {@link listDevices}. */
  readonly listDevices: () => PciFunction[];
  /** See {@link resolveName}. */
  readonly resolveName: (name: string) => string;
}

/**
 * Creates the functions that list and open devices.
 * @param backends - back ends; the first back end that accepts a name opens the device
 */
export function deviceApi(backends: readonly Backend[]): DeviceApi {
  const findBackend = (nameOrIds: string): { backend: Backend; name: string } => {
    checkName(nameOrIds);
    const ids = parseIds(nameOrIds);
    const name = ids === null ? nameOrIds : findByIds(nameOrIds, ids, backends);
    const backend = backends.find((candidate) => candidate.owns(name));
    if (backend === undefined) throw unknownNameError(name, backends);
    return { backend, name: backend.canonical?.(name) ?? name };
  };
  const openConnection = async (nameOrIds: string, options: OpenOptions = {}) => {
    const { backend, name } = findBackend(nameOrIds);
    return backend.open(name, options);
  };
  return {
    openConnection,
    async openDevice(name, options) {
      return createManagedDevice(await openConnection(name, options));
    },
    openDeviceSync(name, options = {}) {
      const found = findBackend(name);
      return createManagedDevice(found.backend.openSync(found.name, options));
    },
    resolveName: (name) => findBackend(name).name,
    listDevices: () => backends.flatMap((backend) => backend.list()),
  };
}

function createManagedDevice(connection: DeviceConnection): PciDevice {
  let device: PciDevice | undefined;
  try {
    device = createDevice(connection);
    closeOnHostRequest(device);
    return device;
  } catch (error) {
    (device ?? connection).close();
    throw error;
  }
}

/**
 * Returns the name of the real PCI function with these IDs. Only real functions have IDs as
 * names: a mock device has a name of the form `mock:nvme`.
 */
function findByIds(name: string, ids: Ids, backends: readonly Backend[]): string {
  const names = backends
    .filter((backend) => backend.owns(EXAMPLE_ADDRESS))
    .flatMap((backend) => backend.list())
    .filter(({ vendorId, deviceId }) => vendorId === ids.vendorId && deviceId === ids.deviceId)
    .map((one) => one.name);
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0) return first;
  throw new VfioError({
    code: first === undefined ? 'ENODEV' : 'EINVAL',
    message:
      first === undefined
        ? 'no PCI function has this vendor ID and device ID'
        : `${names.length} PCI functions have this vendor ID and device ID`,
    path: name,
    hint: first === undefined ? LIST_HINT : `Use the address of one function: ${names.join(', ')}.`,
  });
}

const LIST_HINT = 'listDevices() and `vfio list` list all names.';
const EXAMPLE_ADDRESS = '0000:01:00.0';
const EXAMPLE_MOCK = 'mock:nvme';
const EXAMPLE_SOCKET = 'vfio-user:/run/nvme.sock';

function unknownNameError(name: string, backends: readonly Backend[]): VfioError {
  const isOwned = (example: string) => backends.some((backend) => backend.owns(example));
  const forms = [
    ...(isOwned(EXAMPLE_ADDRESS)
      ? [`the address of a PCI function such as '${EXAMPLE_ADDRESS}'`]
      : []),
    ...(isOwned(EXAMPLE_MOCK) ? [`the name of a mock device such as '${EXAMPLE_MOCK}'`] : []),
    ...(isOwned(EXAMPLE_SOCKET) ? [`the socket of a server such as '${EXAMPLE_SOCKET}'`] : []),
  ];
  return new VfioError({
    code: 'ENODEV',
    message: 'not the name of a device',
    path: name,
    hint: isOwned(EXAMPLE_ADDRESS)
      ? `A name is ${forms.join(', or ')}. ${LIST_HINT}`
      : `A name is ${forms.join(', or ')}. 'vfio/mock' opens only mock devices; import from 'vfio' for real devices.`,
  });
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
}
