import { portOf, type LabDevice } from './devices.js';

/** Channels between guest and host, each on an inherited socket. */
export const CHANNELS = ['control', 'stdout', 'stderr', 'stdin'] as const;
/** File descriptor of the first channel in QEMU; 0 to 2 are the standard streams. */
export const FIRST_CHANNEL_FD = 3;

export interface Machine {
  /** Path of the bzImage. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Path of the file for the kernel's messages. */
  readonly console: string;
  /** Paths of raw images, one for each device with a disk, in order. */
  readonly disks: readonly string[];
  readonly devices: readonly LabDevice[];
  /** Argument of QEMU's `-m`: MiB, or a number with M or G. */
  readonly memory: string;
  readonly cpus: number;
  /** Whether the command gets the terminal of QEMU. */
  readonly terminal: boolean;
  /** More arguments for QEMU. */
  readonly extra: readonly string[];
}

/** Quotes a value of a QEMU option, in which a comma is written twice. */
const quote = (path: string): string => path.replaceAll(',', ',,');

/** Command line of the guest's kernel. */
export const KERNEL_PARAMETERS = [
  'rdinit=/init',
  'console=ttyS0',
  'quiet',
  // After a panic the guest reboots, which ends QEMU (-no-reboot).
  'panic=-1',
  'oops=panic',
  'intel_iommu=on',
  'iommu=nopt',
  // Emulation is slow: no mitigations, since the guest runs one user's code, and no calibration.
  'mitigations=off',
  'tsc=reliable',
  // The kernel measures the rate of the TSC at boot, wrongly if the host is loaded. The rate of the
  // HPET is exact.
  'clocksource=hpet',
  'no_timer_check',
  'random.trust_cpu=on',
  '8250.nr_uarts=2',
];

function deviceArguments({ devices, disks }: Machine): string[] {
  const unused = [...disks];
  return devices.flatMap(({ device, disk }, index) => {
    const port = `port${index}`;
    // A device behind its own root port is in its own IOMMU group.
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

/** Returns the `id` of an option, such as `['-device', 'nvme-subsys,id=sub']`. */
function idOf([, value = '']: readonly string[]): string | undefined {
  return /(?:^|,)id=([^,]+)/.exec(value)?.[1];
}

/** Whether one of the texts has a property with this value: `nvme,subsys=sub`. */
function refersTo(texts: readonly string[], id: string | undefined): boolean {
  return texts.some((text) => text.split(',').some((part) => part.replace(/^[^=]*=/, '') === id));
}

/**
 * Splits the user's arguments into those that QEMU needs before the lab's devices, and the others.
 * QEMU creates devices in order, and a device can only refer to an earlier one.
 */
function splitExtra({ extra, devices }: Machine): { before: string[]; after: string[] } {
  const options: string[][] = [];
  for (const argument of extra) {
    const last = options.at(-1);
    if (last === undefined || argument.startsWith('-')) options.push([argument]);
    else last.push(argument);
  }
  const needed = new Set<string[]>();
  const findNeeded = (texts: readonly string[]): void => {
    for (const option of options) {
      if (option[0] !== '-device' || needed.has(option) || !refersTo(texts, idOf(option))) continue;
      needed.add(option);
      findNeeded(option);
    }
  };
  findNeeded(devices.map(({ device }) => device));
  return {
    before: options.filter((option) => needed.has(option)).flat(),
    after: options.filter((option) => !needed.has(option)).flat(),
  };
}

/** Builds QEMU's arguments for a machine. */
export function buildArguments(machine: Machine): string[] {
  const { terminal } = machine;
  const extra = splitExtra(machine);
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...['-machine', 'q35,kernel-irqchip=split'],
    // With one CPU, threads gain nothing, and -icount needs a single one.
    ...['-accel', `tcg,thread=${machine.cpus > 1 ? 'multi' : 'single'}`, '-cpu', 'max,la57=off'],
    ...['-smp', String(machine.cpus), '-m', machine.memory],
    // Option ROMs of network cards need another package and cost time at boot.
    ...['-global', 'pci-device.romfile='],
    // QEMU needs the IOMMU before the devices behind it.
    ...['-device', 'intel-iommu,intremap=on,caching-mode=on,aw-bits=48'],
    ...['-fsdev', 'local,id=host,path=/,security_model=none,readonly=on,multidevs=remap'],
    ...['-device', 'virtio-9p-pci,fsdev=host,mount_tag=host'],
    ...['-device', 'virtio-serial-pci,id=channels'],
    ...CHANNELS.flatMap((name, index) => [
      ...['-chardev', `socket,id=${name},fd=${FIRST_CHANNEL_FD + index}`],
      ...['-device', `virtserialport,bus=channels.0,nr=${index + 1},chardev=${name},name=${name}`],
    ]),
    // The short form, file:<path>, would not accept a comma.
    ...['-chardev', `file,id=console,path=${quote(machine.console)}`],
    ...['-serial', 'chardev:console'],
    // Ctrl-A X ends QEMU even if the guest hangs.
    ...(terminal ? ['-chardev', 'stdio,id=terminal,mux=on,signal=off'] : []),
    ...(terminal ? ['-serial', 'chardev:terminal', '-mon', 'chardev=terminal'] : []),
    ...extra.before,
    ...deviceArguments(machine),
    ...['-kernel', machine.kernel, '-initrd', machine.initramfs],
    ...['-append', KERNEL_PARAMETERS.join(' ')],
    ...extra.after,
  ];
}
