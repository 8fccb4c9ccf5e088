import { basename } from 'node:path';
import { VfioError } from '../errors.js';
import { isVfio } from '../sysfs/hints.js';
import { Activity } from './activity.js';
import type { Host } from './host.js';
import { checkReadiness, type Readiness } from './readiness.js';
import { describeVirtual, listVirtualFunctions } from './virtual-functions.js';

/** A virtual function (VF) of SR-IOV. */
export interface VirtualFunction extends Readiness {
  readonly name: string;
  readonly driver: string | null;
  readonly iommuGroup: number | null;
}

/** A physical function (PF) and its virtual functions. */
export interface PhysicalFunction {
  readonly name: string;
  readonly driver: string | null;
  /** The largest number of virtual functions (`sriov_totalvfs`). */
  readonly total: number;
  /** Whether the kernel binds drivers to new virtual functions (`sriov_drivers_autoprobe`). */
  readonly autoprobe: boolean;
  readonly functions: readonly VirtualFunction[];
}

/** A planned change of the number of virtual functions. */
export interface SriovPlan {
  readonly name: string;
  /** The present number of virtual functions. */
  readonly from: number;
  readonly to: number;
  readonly writes: readonly { readonly path: string; readonly text: string }[];
  /** Uses of virtual functions that the plan removes. */
  readonly uses: readonly string[];
}

const ENABLE_SRIOV = 'sys/module/vfio_pci/parameters/enable_sriov';

/**
 * Reads a physical function and its virtual functions.
 *
 * @throws VfioError ENODEV if the function does not exist; ENOTSUP if it has no SR-IOV
 */
export function readPhysicalFunction(host: Host, name: string): PhysicalFunction {
  const total = checkPhysical(host, name);
  return {
    name,
    driver: host.driver(name),
    total,
    autoprobe: readText(host, name, 'sriov_drivers_autoprobe') === '1',
    functions: listVirtualFunctions(host, name).map((virtual) => ({
      name: virtual,
      driver: host.driver(virtual),
      iommuGroup: host.group(virtual)?.number ?? null,
      ...checkReadiness(host, virtual),
    })),
  };
}

/**
 * Plans a change of the number of virtual functions. The kernel changes the number only from 0 or
 * to 0, so a change from one number to another removes all virtual functions first.
 *
 * @param quiet - whether no driver of the host is bound to the new virtual functions
 * @throws VfioError ENODEV, ENOTSUP like {@link readPhysicalFunction}; EINVAL if `count` exceeds
 *   `sriov_totalvfs`; ENOENT if the driver of the physical function cannot create virtual functions
 */
export function planSriov(host: Host, name: string, count: number, quiet: boolean): SriovPlan {
  const total = checkPhysical(host, name);
  const present = listVirtualFunctions(host, name);
  const from = Number(readText(host, name, 'sriov_numvfs') ?? present.length);
  if (count > total) {
    throw new VfioError({
      code: 'EINVAL',
      message: `${count} virtual functions exceed the ${total} of the device (sriov_totalvfs)`,
      path: name,
    });
  }
  if (count === from) return { name, from, to: count, writes: [], uses: [] };
  if (count > 0) checkDriver(host, name);
  const file = (base: string): string => `${host.device(name)}/${base}`;
  const autoprobe = readText(host, name, 'sriov_drivers_autoprobe');
  const hold = quiet && count > 0 && autoprobe === '1';
  const activity = new Activity(host);
  return {
    name,
    from,
    to: count,
    writes: [
      ...(from > 0 ? [{ path: file('sriov_numvfs'), text: '0' }] : []),
      ...(hold ? [{ path: file('sriov_drivers_autoprobe'), text: '0' }] : []),
      ...(count > 0 ? [{ path: file('sriov_numvfs'), text: `${count}` }] : []),
      ...(hold ? [{ path: file('sriov_drivers_autoprobe'), text: '1' }] : []),
    ],
    uses: present.flatMap((virtual) => {
      const { isUsed, text } = describeVirtual(host, activity, virtual);
      return isUsed ? [text] : [];
    }),
  };
}

/**
 * Applies a plan. If a write fails, the former settings are written again.
 *
 * @param force - whether to remove virtual functions in use
 * @throws VfioError EBUSY if a virtual function is in use, or if the number of virtual functions is
 *   not the planned number at the end; the errno of the kernel if a write fails
 */
export function applySriov(host: Host, plan: SriovPlan, force: boolean): void {
  if (plan.uses.length > 0 && !force) {
    throw new VfioError({
      code: 'EBUSY',
      message: `in use: ${plan.uses.join('; ')}`,
      path: plan.name,
      hint: `Release the virtual functions first ('vfio release <vf>', stop the program), or use --force. With --force, the kernel waits until programs close the virtual functions.`,
    });
  }
  const done: SriovPlan['writes'][number][] = [];
  try {
    for (const step of plan.writes) {
      done.push({ path: step.path, text: readText(host, plan.name, basename(step.path)) ?? '' });
      host.write(step.path, step.text);
    }
  } catch (error) {
    restore(host, plan.name, done);
    throw error instanceof VfioError && error.hint === undefined
      ? error.with({ hint: `'dmesg | tail' can show the reason. A driver can refuse SR-IOV.` })
      : error;
  }
  const reached = Number(readText(host, plan.name, 'sriov_numvfs'));
  if (reached === plan.to) return;
  throw new VfioError({
    code: 'EBUSY',
    message: `the device has ${reached} virtual functions, not ${plan.to}`,
    path: plan.name,
    hint: 'Another program has changed the number of virtual functions.',
  });
}

/** Writes the former texts again, in the order of the plan. */
function restore(host: Host, name: string, done: SriovPlan['writes']): void {
  const former = new Map<string, string>();
  for (const { path, text } of done) if (!former.has(path)) former.set(path, text);
  for (const [path, text] of former) {
    if (readText(host, name, basename(path)) === text) continue;
    try {
      host.write(path, text);
    } catch {
      // The caller reports the error that caused the restoration.
    }
  }
}

/** Returns the largest number of virtual functions. */
function checkPhysical(host: Host, name: string): number {
  const refuse = (code: string, message: string, hint: string) =>
    new VfioError({ code, message, path: host.device(name), hint });
  if (!host.has(host.device(name)))
    throw refuse('ENODEV', 'no such PCI function', "'vfio list' lists the functions.");
  if (host.isPhysicalFunction(name)) return Number(readText(host, name, 'sriov_totalvfs'));
  const owner = host.physicalFunction(name);
  throw owner === null
    ? refuse('ENOTSUP', 'the function has no SR-IOV', "'vfio config <device>' shows SR-IOV.")
    : refuse('ENOTSUP', 'a virtual function', `The physical function is ${owner}.`);
}

/** Checks that the driver of the physical function can create virtual functions. */
function checkDriver(host: Host, name: string): void {
  const driver = host.driver(name);
  const refuse = (message: string, hint: string) =>
    new VfioError({ code: 'ENOENT', message, path: host.device(name), hint });
  if (driver === null) {
    throw refuse(
      'without a driver, the kernel creates no virtual functions',
      `Bind the driver of the device, or vfio-pci: 'vfio bind ${name}'.`,
    );
  }
  const enabled = host.text(ENABLE_SRIOV);
  if (!isVfio(driver) || enabled === null || enabled === 'Y') return;
  throw refuse(
    `${driver} creates no virtual functions, because its parameter enable_sriov is off`,
    `Turn the parameter on as root: 'echo Y > /${ENABLE_SRIOV}'. A user of the physical function can then control the virtual functions, so give the functions only to one program, or to programs that trust each other.`,
  );
}

function readText(host: Host, name: string, file: string): string | null {
  return host.text('sys/bus/pci/devices', name, file);
}
