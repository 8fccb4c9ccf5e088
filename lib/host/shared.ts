import type { Host } from './host.js';
import type { Mount, Mounts } from './mounts.js';

/**
 * File systems that a function of virtio shares with its host, which have no disk: 9p and virtiofs,
 * mounted by the tag that the device says.
 *
 * @param belongs - whether a device of sysfs is below the function
 */
export function sharesUse(
  host: Host,
  mounts: Mounts,
  belongs: (path: string | null) => boolean,
): string[] {
  const devices = host
    .names('sys/bus/virtio/devices')
    .filter((name) => belongs(host.target('sys/bus/virtio/devices', name)));
  return devices.flatMap((device) => {
    const driver = host.linkName('sys/bus/virtio/devices', device, 'driver');
    const is =
      driver === '9pnet_virtio'
        ? is9p(host, device)
        : driver === 'virtiofs' && isVirtiofs(host, device);
    if (is === false) return [];
    return mounts.pointsOf(is).map((point) => `the share of ${device} is mounted on ${point}`);
  });
}

function is9p(host: Host, device: string): (mount: Mount) => boolean {
  const tag = host.text('sys/bus/virtio/devices', device, 'mount_tag')?.replace(/\0.*$/s, '');
  return ({ type, source }) => type === '9p' && source === tag;
}

/** Before Linux 6.9 nothing tells the tag: then any virtiofs could be this device's. */
function isVirtiofs(host: Host, device: string): (mount: Mount) => boolean {
  const own = host
    .names('sys/fs/virtiofs')
    .find((name) => host.linkName('sys/fs/virtiofs', name, 'device') === device);
  const tag = own === undefined ? null : host.text('sys/fs/virtiofs', own, 'tag');
  return ({ type, source }) => type === 'virtiofs' && (tag === null || source === tag);
}
