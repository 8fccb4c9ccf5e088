import { checkBoolean, checkChoice, checkInteger, checkOptions } from '../checks.js';
import type { OpenedFds, OpenOptions, Via } from './index.js';
import { parseUuid, type Uuid } from './uuid.js';

const FD_MAX = 2 ** 31 - 1;
/** The interfaces of the kernel. */
export const VIAS: readonly Via[] = ['group', 'cdev'];

/** The checked {@link OpenOptions}. */
export interface OpenRequest {
  readonly via: Via | undefined;
  /** The VF token, or null if the options have no VF token. */
  readonly token: Uuid | null;
  readonly noiommu: boolean;
  readonly fds: OpenedFds | undefined;
}

export function isVia(value: unknown): value is Via {
  return VIAS.includes(value as Via);
}

/**
 * Checks the options for opening a device. Every back end calls this function first.
 *
 * @throws TypeError if an option is unknown or a value is wrong
 * @throws RangeError if a descriptor is not an integer from 0 to 2^31 - 1
 */
export function checkOpenOptions(options: OpenOptions): OpenRequest {
  checkOptions(options, ['via', 'vfToken', 'noiommu', 'fds']);
  const { via, vfToken, noiommu = false, fds } = options;
  if (via !== undefined) checkChoice(via, 'via', VIAS);
  checkBoolean(noiommu, 'noiommu');
  if (fds !== undefined) checkFds(fds, via);
  const token = vfToken === undefined ? null : parseUuid(vfToken, 'vfToken');
  return { via, token, noiommu, fds };
}

function checkFds(fds: OpenedFds, via: Via | undefined): void {
  checkOptions(fds, ['via', 'container', 'group', 'iommufd', 'device'], 'fds');
  checkChoice(fds.via, 'fds.via', VIAS);
  if (via !== undefined && via !== fds.via) {
    throw new TypeError(`via is '${via}', but fds.via is '${fds.via}'`);
  }
  const numbers =
    fds.via === 'group'
      ? { container: fds.container, group: fds.group }
      : { iommufd: fds.iommufd, device: fds.device };
  for (const [name, fd] of Object.entries(numbers)) checkInteger(fd, `fds.${name}`, 0, FD_MAX);
}
