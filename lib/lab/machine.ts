import { portOf, type LabDevice } from './devices.js';

/** What the guest and the host say to each other, by inherited socket. */
export const CHANNELS = ['control', 'stdout', 'stderr', 'stdin'] as const;
/** File descriptor of the first channel in QEMU; 0 to 2 are the usual ones. */
export const FIRST_CHANNEL_FD = 3;

export interface Machine {
  /** bzImage. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Kernel messages are written here. */
  readonly console: string;
  /** A raw image for each device with a disk, in order. */
  readonly disks: readonly string[];
  readonly devices: readonly LabDevice[];
  /** As QEMU's `-m` takes it: MiB, or a number with M or G. */
  readonly memory: string;
  readonly cpus: number;
  /** The command's standard streams are a terminal: QEMU's own. */
  readonly terminal: boolean;
  /** More arguments for QEMU, at the end. */
  readonly extra: readonly string[];
}

/** In QEMU's option strings a comma in a value is written twice. */
const quote = (path: string): string => path.replaceAll(',', ',,');

/** What the kernel of the guest is started with. */
export const KERNEL_PARAMETERS = [
  'rdinit=/init',
  'console=ttyS0',
  'quiet',
  // A guest that cannot go on ends, and QEMU with it (-no-reboot).
  'panic=-1',
  'oops=panic',
  'intel_iommu=on',
  'iommu=nopt',
  // Emulation is slow enough: no defence against a neighbour that is not there, no calibration.
  'mitigations=off',
  'tsc=reliable',
  'no_timer_check',
  'random.trust_cpu=on',
  '8250.nr_uarts=2',
];

function deviceArguments({ devices, disks }: Machine): string[] {
  const unused = [...disks];
  return devices.flatMap(({ device, disk }, index) => {
    const port = `port${index}`;
    // A root port of its own puts a device into an IOMMU group of its own.
    const place = `bus=pcie.0,addr=0x${portOf(index)},chassis=${index + 1},slot=${index + 1}`;
    const file = disk ? unused.shift() : undefined;
    const drive =
      file === undefined
        ? []
        : ['-drive', `id=disk${index},if=none,format=raw,cache=unsafe,file=${quote(file)}`];
    const behind = file === undefined ? '' : `,drive=disk${index}`;
    return [
      ...['-device', `pcie-root-port,id=${port},${place}`],
      ...drive,
      ...['-device', `${device},bus=${port}${behind}`],
    ];
  });
}

/** The command line of a QEMU that is the machine. */
export function qemuArguments(machine: Machine): string[] {
  const { terminal } = machine;
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-machine', 'q35,kernel-irqchip=split'],
    // With one CPU a thread of its own is no gain, and -icount wants it so.
    ...['-accel', `tcg,thread=${machine.cpus > 1 ? 'multi' : 'single'}`, '-cpu', 'max,la57=off'],
    ...['-smp', String(machine.cpus), '-m', machine.memory],
    // Option ROMs of network cards are a package of their own and cost time at boot.
    ...['-global', 'pci-device.romfile='],
    // The IOMMU stands before the devices it serves.
    ...['-device', 'intel-iommu,intremap=on,caching-mode=on,aw-bits=48'],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-device', 'virtio-serial-pci,id=channels'],
    ...CHANNELS.flatMap((name, index) => [
      ...['-chardev', `socket,id=${name},fd=${FIRST_CHANNEL_FD + index}`],
      ...['-device', `virtserialport,bus=channels.0,nr=${index + 1},chardev=${name},name=${name}`],
    ]),
    ...['-serial', `file:${quote(machine.console)}`],
    // Ctrl-A X ends QEMU, whatever the guest does.
    ...(terminal ? ['-chardev', 'stdio,id=terminal,mux=on,signal=off'] : []),
    ...(terminal ? ['-serial', 'chardev:terminal', '-mon', 'chardev=terminal'] : []),
    ...deviceArguments(machine),
    ...['-kernel', machine.kernel, '-initrd', machine.initramfs],
    ...['-append', KERNEL_PARAMETERS.join(' ')],
    ...machine.extra,
  ];
}
