import type { Host } from '../host.js';
import * as hints from '../../sysfs/hints.js';
import { mayOpen } from '../readiness.js';
import { type Check, type Finding, note, ok, problem } from './finding.js';

/** The drivers that VFIO is made of. */
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

/** The nodes that are shared by all devices: one of the two ways has to be open. */
export const ways: Check = (host) => {
  const group = way(host, 'group and container', host.containerNode);
  const cdev = way(host, 'character device and iommufd', host.iommuNode);
  const [first] = [group, cdev].filter((found) => found?.state === 'ok');
  if (group === null && cdev === null) {
    const mend = 'modprobe vfio; modprobe iommufd';
    return [problem('way in', `neither ${host.containerNode} nor ${host.iommuNode}`, mend)];
  }
  const found = [group, cdev].filter((one) => one !== null);
  if (first === undefined) return found;
  return found.map((one) => (one.state === 'ok' ? one : { ...one, state: 'note' }));
};

function way(host: Host, name: string, node: string): Finding | null {
  if (!host.has(node)) return null;
  if (mayOpen(node)) return ok('way in', `${name}: ${node}`);
  return problem('way in', `${name}: no permission for ${node}`, hints.notPermitted(node));
}

/** Where we run may hide nodes that the machine has. */
export const container: Check = (host) => {
  const files = ['.dockerenv', 'run/.containerenv', 'run/systemd/container'];
  const byFile = files.some((file) => host.has(host.path(file)));
  const byGroup = /docker|kubepods|containerd|lxc/.test(host.text('proc/1/cgroup') ?? '');
  if (!byFile && !byGroup) return [];
  return [
    note(
      'container',
      'nodes and limits have to be passed in',
      'docker run --device /dev/vfio/vfio --device /dev/vfio/<group> --ulimit memlock=-1:-1',
    ),
  ];
};
