import type { Host } from './host.js';
import type { Plan } from './binding.js';

/**
 * Formats udev rules that bind the planned functions to vfio-pci at each boot. A rule matches a
 * function only if the address and the ids match. The rules therefore bind no other function if
 * buses are renumbered.
 *
 * @param owner - the user who becomes the owner of the nodes; root if undefined
 */
export function udevRules(host: Host, { group, changes, kept }: Plan, owner?: string): string {
  const bound = kept.filter(({ why }) => why.startsWith('bound to vfio'));
  const names = [...changes, ...bound].map(({ name }) => name).sort();
  const rules = names.map((name) => {
    const id = (file: string) => host.text('sys/bus/pci/devices', name, file) ?? '';
    return [
      'ACTION=="add", SUBSYSTEM=="pci"',
      `KERNEL=="${name}", ATTR{vendor}=="${id('vendor')}", ATTR{device}=="${id('device')}"`,
      'ATTR{driver_override}="vfio-pci"',
      `RUN+="/bin/sh -c 'modprobe vfio-pci; [ ! -e /sys%p/driver ] || echo %k > /sys%p/driver/unbind; echo %k > /sys/bus/pci/drivers_probe'"`,
    ].join(', ');
  });
  const nodes =
    owner === undefined
      ? []
      : [
          `# The group's number can change with the machine's hardware.`,
          `SUBSYSTEM=="vfio", KERNEL=="${group.number}", OWNER="${owner}"`,
          ...names.map((name) => `SUBSYSTEM=="vfio-dev", KERNELS=="${name}", OWNER="${owner}"`),
        ];
  return [
    `# IOMMU group ${group.number} for vfio-pci. Install as /etc/udev/rules.d/70-vfio-${names[0]?.replaceAll(':', '-') ?? group.number}.rules,`,
    "# then 'udevadm control --reload'. If the initramfs loads the driver, rebuild the initramfs too.",
    ...rules,
    ...nodes,
  ].join('\n');
}
