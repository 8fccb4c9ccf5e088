import type { OpenedFds, OpenOptions, Via } from '../contract.js';
import { checkInteger } from '../checks.js';
import { parseVfToken, type VfToken } from './tokens.js';
import { isVia } from './via.js';

const FD_MAX = 2 ** 31 - 1;

/** OpenOptions, checked. */
export interface OpenRequest {
  readonly via: Via | undefined;
  readonly token: VfToken | null;
  readonly noiommu: boolean;
  readonly fds: OpenedFds | undefined;
}

/** @throws TypeError or RangeError before anything is opened */
export function checkOptions(options: OpenOptions): OpenRequest {
  const { via, vfToken, noiommu, fds } = options;
  if (via !== undefined && !isVia(via)) {
    throw new TypeError(`via must be 'group' or 'cdev', not '${String(via)}'`);
  }
  if (noiommu !== undefined && typeof noiommu !== 'boolean') {
    throw new TypeError('noiommu must be a boolean');
  }
  if (fds !== undefined) checkFds(fds, via);
  const token = vfToken === undefined ? null : parseVfToken(vfToken);
  return { via, token, noiommu: noiommu ?? false, fds };
}

function checkFds(fds: OpenedFds, via: Via | undefined): void {
  if (!isVia(fds.via)) throw new TypeError("fds.via must be 'group' or 'cdev'");
  if (via !== undefined && via !== fds.via) {
    throw new TypeError(`via is '${via}' and fds.via is '${fds.via}'`);
  }
  if (fds.via === 'group') {
    checkInteger(fds.container, 'fds.container', 0, FD_MAX);
    checkInteger(fds.group, 'fds.group', 0, FD_MAX);
  } else {
    checkInteger(fds.iommufd, 'fds.iommufd', 0, FD_MAX);
    checkInteger(fds.device, 'fds.device', 0, FD_MAX);
  }
}
