import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../contract/index.js';
import { VfioError } from '../errors.js';
import { type Ids, parseIds } from '../contract/names.js';
import { closeOnHostRequest, createDevice, type PciDevice } from './device.js';

/**
 * How devices are found and opened, over some set of back ends: what `vfio` and `vfio/mock` have in
 * common, for a program that takes either.
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

/** @param backends - asked in this order */
export function deviceApi(backends: readonly Backend[]): DeviceApi {
  const find = (called: string): { backend: Backend; name: string } => {
    checkName(called);
    const ids = parseIds(called);
    const name = ids === null ? called : findByIds(called, ids, backends);
    const backend = backends.find((candidate) => candidate.owns(name));
    if (backend === undefined) throw unknown(name, backends);
    return { backend, name: backend.canonical?.(name) ?? name };
  };
  const openConnection = async (called: string, options: OpenOptions = {}) => {
    const { backend, name } = find(called);
    return backend.open(name, options);
  };
  return {
    openConnection,
    async openDevice(name, options) {
      return hold(await openConnection(name, options));
    },
    openDeviceSync(name, options = {}) {
      const found = find(name);
      return hold(found.backend.openSync(found.name, options));
    },
    resolveName: (name) => find(name).name,
    listDevices: () => backends.flatMap((backend) => backend.list()),
  };
}

function hold(connection: DeviceConnection): PciDevice {
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

/** The one real function with these ids. A model's name says more than its ids: no mock devices. */
function findByIds(name: string, ids: Ids, backends: readonly Backend[]): string {
  const names = backends
    .filter((backend) => backend.owns(REAL))
    .flatMap((backend) => backend.list())
    .filter(({ vendorId, deviceId }) => vendorId === ids.vendorId && deviceId === ids.deviceId)
    .map((one) => one.name);
  const [first, ...others] = names;
  if (first !== undefined && others.length === 0) return first;
  throw new VfioError({
    code: first === undefined ? 'ENODEV' : 'EINVAL',
    message:
      first === undefined
        ? 'no PCI function has this vendor and device'
        : `${names.length} PCI functions have this vendor and device`,
    path: name,
    hint: first === undefined ? LIST : `Name one by its address: ${names.join(', ')}.`,
  });
}

const LIST = 'listDevices() and `vfio list` tell the names there are.';
const REAL = '0000:01:00.0';
const MOCK = 'mock:nvme';

function unknown(name: string, backends: readonly Backend[]): VfioError {
  const owned = (example: string) => backends.some((backend) => backend.owns(example));
  const forms = [
    ...(owned(REAL) ? [`the address of a PCI function such as '${REAL}'`] : []),
    ...(owned(MOCK) ? [`an imitation such as '${MOCK}'`] : []),
  ];
  return new VfioError({
    code: 'ENODEV',
    message: 'not the name of a device',
    path: name,
    hint: owned(REAL)
      ? `A name is ${forms.join(', or ')}. ${LIST}`
      : `A name is ${forms.join(', or ')}: 'vfio/mock' opens nothing else; import from 'vfio' for real devices.`,
  });
}

function checkName(name: unknown): asserts name is string {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
}
