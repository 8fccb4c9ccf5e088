import type { Host } from '../host.js';
import * as hints from '../../sysfs/hints.js';
import { mayOpen } from '../readiness.js';
import { type Check, type Finding, note, ok, problem } from './finding.js';

/** Checks that the kernel modules of VFIO are loaded. */
export const modules: Check = (host) => {
  const hasType1 = host.has(host.path('sys/module/vfio_iommu_type1'));
  return [
    host.hasDriver('vfio-pci')
      ? ok('vfio-pci', 'loaded')
      : problem('vfio-pci', 'not loaded', 'modprobe vfio-pci'),
    ...(hasType1 || host.has(host.iommuNode)
      ? []
      : [problem('vfio_iommu_type1', 'not loaded', 'modprobe vfio_iommu_type1')]),
  ];
};

/**
 * Checks the device nodes `/dev/vfio/vfio` and `/dev/iommu`. Each of the two VFIO interfaces needs
 * one of these nodes, and one interface must be usable.
 */
export const interfaces: Check = (host) => {
  const group = checkInterface(host, 'group and container', host.containerNode);
  const cdev = checkInterface(host, 'character device and iommufd', host.iommuNode);
  const [first] = [group, cdev].filter((found) => found?.state === 'ok');
  if (group === null && cdev === null) {
    const fix = 'modprobe vfio; modprobe iommufd';
    return [
      problem('interface', `neither ${host.containerNode} nor ${host.iommuNode} exists`, fix),
    ];
  }
  const found = [group, cdev].filter((one) => one !== null);
  if (first === undefined) return found;
  return found.map((one) => (one.state === 'ok' ? one : { ...one, state: 'note' }));
};

function checkInterface(host: Host, name: string, node: string): Finding | null {
  if (!host.has(node)) return null;
  if (mayOpen(node)) return ok('interface', `${name}: ${node}`);
  return problem('interface', `${name}: no permission for ${node}`, hints.notPermitted(node));
}

/**
 * Reports whether this process runs in a container. A container can hide device nodes of the
 * machine.
 */
export const container: Check = (host) => {
  const files = ['.dockerenv', 'run/.containerenv', 'run/systemd/container'];
  const byFile = files.some((file) => host.has(host.path(file)));
  const byGroup = /docker|kubepods|containerd|lxc/.test(host.text('proc/1/cgroup') ?? '');
  if (!byFile && !byGroup) return [];
  return [
    note(
      'container',
      'this process runs in a container: pass device nodes and limits into the container',
      'docker run --device /dev/vfio/vfio --device /dev/vfio/<group> --ulimit memlock=-1:-1',
    ),
  ];
};
