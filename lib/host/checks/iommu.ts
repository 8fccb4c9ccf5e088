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
  if (isArm64(host)) return whyNoSmmu(host);
  const table = ['DMAR', 'IVRS'].find((name) => hasTable(host, name));
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

/** On arm64, the table IORT describes the SMMUs, but machines without an SMMU can have an IORT, too. */
function whyNoSmmu(host: Host): Finding {
  const source = hasTable(host, 'IORT') ? "the firmware's table IORT" : 'the device tree';
  return problem(
    'iommu',
    `Linux found no SMMU in ${source}, or has no driver for the SMMU`,
    "turn on the SMMU in the firmware's settings; for QEMU -machine virt,gic-version=3,iommu=smmuv3; dmesg | grep -i -e IORT -e smmu",
  );
}

function hasTable(host: Host, name: string): boolean {
  return host.has(host.path('sys/firmware/acpi/tables', name));
}

function isArm64(host: Host): boolean {
  return /^CPU implementer\s*:/m.test(host.text('proc/cpuinfo') ?? '');
}

/**
 * Checks that device interrupts are remapped. Without remapping, VFIO refuses to attach a device to
 * an IOMMU.
 */
export const interruptRemapping: Check = (host) => {
  const check = 'interrupt remapping';
  const interrupts = host.text('proc/interrupts');
  const isArm = isArm64(host);
  const isX86 = /^vendor_id\s*:/m.test(host.text('proc/cpuinfo') ?? '');
  if (interrupts === null || !(isArm || isX86)) return [];
  // The names of the interrupt chips: Intel's and AMD's remapping, and the ITS of arm64.
  if (/\bIR-/.test(interrupts)) return [ok(check, 'on')];
  if (/\bITS-/.test(interrupts)) return [ok(check, 'on (ITS)')];
  if (host.names('sys/kernel/iommu_groups').length === 0) return [];
  // A machine with an ITS shows no chip of the ITS while no device uses messages.
  if (isArm && !/\b(GICv2m|MSI)\b/.test(interrupts)) return [];
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
  const fix = isArm
    ? 'use a machine whose interrupt controller has an ITS; for QEMU -machine virt,gic-version=3'
    : "turn on interrupt remapping in the firmware's settings (x2APIC, VT-d) and remove intremap=off; for QEMU intel-iommu,intremap=on";
  return [
    problem(
      check,
      'off: a device could send any interrupt, so VFIO refuses to open devices',
      `${fix}; to trust the devices: echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts`,
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
