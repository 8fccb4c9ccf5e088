import type { Backend, DeviceConnection, OpenOptions, PciFunction } from '../backend/contract.js';
import { VfioError } from '../errors.js';
import { checkChoice, checkInteger, checkOptions } from './checks.js';
import { PciDevice } from './device.js';
import { parseUuid } from './uuid.js';

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
    const name = isIds(called) ? withIds(called, backends) : called;
    const backend = backends.find((candidate) => candidate.owns(name));
    if (backend === undefined) throw unknown(name, backends);
    return { backend, name: backend.canonical?.(name) ?? name };
  };
  const openConnection = async (called: string, options: OpenOptions = {}) => {
    const { backend, name } = find(called);
    checkOpenOptions(options);
    return backend.open(name, options);
  };
  return {
    openConnection,
    async openDevice(name, options) {
      return hold(await openConnection(name, options));
    },
    openDeviceSync(name, options = {}) {
      const found = find(name);
      checkOpenOptions(options);
      return hold(found.backend.openSync(found.name, options));
    },
    resolveName: (name) => find(name).name,
    listDevices: () => backends.flatMap((backend) => backend.list()),
  };
}

function hold(connection: DeviceConnection): PciDevice {
  let device: PciDevice | undefined;
  try {
    device = new PciDevice(connection);
    device.answerHostRequests();
    return device;
  } catch (error) {
    (device ?? connection).close();
    throw error;
  }
}

const IDS = /^[0-9a-f]{4}:[0-9a-f]{4}$/i;

function isIds(name: string): boolean {
  return IDS.test(name);
}

/** The one real function with that vendor and device; imitations have names that say more. */
function withIds(ids: string, backends: readonly Backend[]): string {
  const [vendorId, deviceId] = ids.split(':').map((id) => parseInt(id, 16));
  const names = backends
    .filter((backend) => backend.owns(REAL))
    .flatMap((backend) => backend.list())
    .filter((one) => one.vendorId === vendorId && one.deviceId === deviceId)
    .map(({ name }) => name);
  const [name, ...others] = names;
  if (name !== undefined && others.length === 0) return name;
  throw new VfioError({
    code: name === undefined ? 'ENODEV' : 'EINVAL',
    message:
      name === undefined
        ? 'no PCI function has this vendor and device'
        : `${names.length} PCI functions have this vendor and device`,
    path: ids,
    hint: name === undefined ? LIST : `Name one by its address: ${names.join(', ')}.`,
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

const OPTIONS = ['via', 'vfToken', 'noiommu', 'fds'];

function checkOpenOptions(options: OpenOptions): void {
  checkOptions(options, OPTIONS);
  const { via, vfToken, noiommu, fds } = options;
  if (via !== undefined) checkChoice(via, 'via', ['group', 'cdev']);
  if (vfToken !== undefined) parseUuid('vfToken', vfToken);
  if (noiommu !== undefined) checkChoice(noiommu, 'noiommu', [true, false]);
  if (fds === undefined) return;
  checkOptions(fds, ['via', 'container', 'group', 'iommufd', 'device'], 'fds');
  checkChoice(fds.via, 'fds.via', ['group', 'cdev']);
  const numbers =
    fds.via === 'group'
      ? { container: fds.container, group: fds.group }
      : { iommufd: fds.iommufd, device: fds.device };
  for (const [what, fd] of Object.entries(numbers)) checkInteger(fd, `fds.${what}`, 0, 2 ** 31 - 1);
}
