import type { Host } from '../host.js';
import { type Check, type Finding, note, ok, problem, warning } from './finding.js';

const TURNED_OFF = /\b((?:intel_|amd_)?iommu=off)\b/;

/** Checks that an IOMMU protects the host from its devices. */
export const iommu: Check = (host) => {
  const groups = host.names('sys/kernel/iommu_groups').filter((group) => {
    return host.text('sys/kernel/iommu_groups', group, 'name') !== 'vfio-noiommu';
  });
  const unsafe = isOn(host, 'vfio', 'enable_unsafe_noiommu_mode');
  return [
    groups.length > 0 ? ok('iommu', `on: ${groups.length} groups`) : whyNone(host),
    ...(unsafe
      ? [
          warning(
            'iommu',
            'unsafe mode is on: vfio-pci also binds devices without an IOMMU, and these devices can overwrite all host memory',
            'echo 0 > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode',
          ),
        ]
      : []),
  ];
};

function whyNone(host: Host): Finding {
  const commandLine = host.text('proc/cmdline') ?? '';
  const off = TURNED_OFF.exec(commandLine)?.[1];
  const onCommandLine = (change: string) =>
    `${change} in GRUB_CMDLINE_LINUX of /etc/default/grub, run update-grub and reboot`;
  if (off !== undefined) {
    return problem(
      'iommu',
      'turned off on the kernel command line',
      onCommandLine(`remove ${off}`),
    );
  }
  const table = ['DMAR', 'IVRS'].find((name) =>
    host.has(host.path('sys/firmware/acpi/tables', name)),
  );
  if (table === 'DMAR' && !/\bintel_iommu=(on|sm_on)\b/.test(commandLine)) {
    return problem(
      'iommu',
      'the machine has VT-d, but Linux does not use VT-d',
      onCommandLine('add intel_iommu=on'),
    );
  }
  if (table !== undefined) {
    return problem(
      'iommu',
      `the firmware describes an IOMMU (${table}), but Linux created no IOMMU groups`,
      'dmesg | grep -i -e DMAR -e AMD-Vi -e iommu',
    );
  }
  const virtual = /^flags\s*:.*\bhypervisor\b/m.test(host.text('proc/cpuinfo') ?? '');
  return problem(
    'iommu',
    'the firmware describes no IOMMU',
    virtual
      ? 'add an IOMMU to the virtual machine; for QEMU -machine q35,kernel-irqchip=split -device intel-iommu,intremap=on'
      : "turn on VT-d or AMD-Vi in the firmware's settings",
  );
}

/**
 * Checks that device interrupts are remapped. Without remapping, VFIO refuses to attach a device to
 * an IOMMU.
 */
export const interruptRemapping: Check = (host) => {
  const check = 'interrupt remapping';
  const interrupts = host.text('proc/interrupts');
  const isX86 = /^vendor_id\s*:/m.test(host.text('proc/cpuinfo') ?? '');
  if (interrupts === null || !isX86) return [];
  if (/\bIR-/.test(interrupts)) return [ok(check, 'on')];
  if (host.names('sys/kernel/iommu_groups').length === 0) return [];
  const module = ['vfio_iommu_type1', 'iommufd'].find((name) =>
    isOn(host, name, 'allow_unsafe_interrupts'),
  );
  if (module !== undefined) {
    return [
      warning(
        check,
        `off, and ${module} (allow_unsafe_interrupts) allows devices to send any interrupt`,
      ),
    ];
  }
  return [
    problem(
      check,
      'off: a device could send any interrupt, so VFIO refuses to open devices',
      "turn on interrupt remapping in the firmware's settings (x2APIC, VT-d) and remove intremap=off; for QEMU intel-iommu,intremap=on; to trust the devices: echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts",
    ),
  ];
};

/** Reports the kernel's lockdown mode. */
export const lockdown: Check = (host) => {
  const mode = /\[(\w+)\]/.exec(host.text('sys/kernel/security/lockdown') ?? '')?.[1];
  if (mode === undefined || mode === 'none') return [];
  const text = `${mode}: the kernel refuses writes to configuration space and BARs by sysfs (setpci fails), but VFIO works`;
  return [note('lockdown', text)];
};

function isOn(host: Host, module: string, parameter: string): boolean {
  return ['Y', '1'].includes(host.text('sys/module', module, 'parameters', parameter) ?? '');
}
