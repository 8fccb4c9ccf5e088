import { ARCHITECTURES, type Arch } from './architectures.js';
import { portOf, type LabDevice } from './devices.js';

/** Channels between the guest and the host. QEMU inherits one socket for each channel. */
export const CHANNELS = ['control', 'stdout', 'stderr', 'stdin'] as const;
/**
 * File descriptor of the first channel in QEMU. The file descriptors 0 to 2 are the standard
 * streams.
 */
export const FIRST_CHANNEL_FD = 3;

export interface Machine {
  readonly arch: Arch;
  /** Path of the kernel image. */
  readonly kernel: string;
  readonly initramfs: string;
  /** Path of a folder that the guest sees before the files of the host. */
  readonly layer: string | undefined;
  /** Path of the file that receives the kernel's messages. */
  readonly console: string;
  /**
   * Paths of raw disk images. The list has one path for each device that needs a disk, in the order
   * of the devices.
   */
  readonly disks: readonly string[];
  readonly devices: readonly LabDevice[];
  /** Path of the socket of each served device. */
  readonly sockets: readonly string[];
  /** Path of the folder that the guest can write. */
  readonly keep: string | undefined;
  /** Argument of QEMU's `-m`: a number of MiB, or a number with M or G. */
  readonly memory: string;
  readonly cpus: number;
  /** Whether the command uses QEMU's terminal. */
  readonly terminal: boolean;
  /** Additional arguments for QEMU. */
  readonly extra: readonly string[];
}

/**
 * Time for which QEMU waits for a reply of a server, in ms. QEMU's default, 5 s, is too short if the
 * host is loaded.
 */
const REPLY_TIMEOUT_MS = 30_000;

/** Quotes the value of a QEMU option: each comma is doubled. */
const quote = (path: string): string => path.replaceAll(',', ',,');

/** Returns the command line of the guest's kernel. */
export function kernelParameters(arch: Arch): string[] {
  return [
    'rdinit=/init',
    'quiet',
    // The guest reboots after a panic. Because of -no-reboot, QEMU ends at the reboot.
    'panic=-1',
    'oops=panic',
    // Rarely, an emulated CPU loses its timer interrupt and gets no further one, and the programs of
    // this CPU hang. The kernel notices this as a stall of RCU.
    'rcupdate.rcu_cpu_stall_timeout=60',
    'sysctl.kernel.panic_on_rcu_stall=1',
    // The guest runs the code of only one user and needs no mitigations of CPU bugs.
    'mitigations=off',
    'random.trust_cpu=on',
    ...ARCHITECTURES[arch].parameters,
  ];
}

/** A folder of this machine that the guest can mount by a name. */
function share(name: string, path: string, isWritable = false): string[] {
  const access = `security_model=none,${isWritable ? '' : 'readonly=on,'}multidevs=remap`;
  return [
    ...['-fsdev', `local,id=${name},path=${quote(path)},${access}`],
    ...['-device', `virtio-9p-pci,fsdev=${name},mount_tag=${name}`],
  ];
}

/** Each device is behind its own root port, so that each device is in its own IOMMU group. */
function rootPort({ arch }: Machine, index: number): string[] {
  const place = `bus=pcie.0,addr=0x${portOf(index)},chassis=${index + 1},slot=${index + 1}`;
  return ['-device', `pcie-root-port,id=port${index},${place}${ARCHITECTURES[arch].rootPort}`];
}

function deviceArguments(machine: Machine): string[] {
  const { devices, disks } = machine;
  const unused = [...disks];
  return devices.flatMap(({ device, disk }, index) => {
    const file = disk ? unused.shift() : undefined;
    const drive =
      file === undefined
        ? []
        : ['-drive', `id=disk${index},if=none,format=raw,cache=unsafe,file=${quote(file)}`];
    const behind = file === undefined ? '' : `,drive=disk${index}`;
    return [
      ...rootPort(machine, index),
      ...drive,
      ...['-device', `${device},bus=port${index}${behind}`],
    ];
  });
}

/** The served devices are behind the root ports after the root ports of the other devices. */
function servedArguments(machine: Machine): string[] {
  const { devices, sockets } = machine;
  return sockets.flatMap((path, index) => {
    const port = devices.length + index;
    const device = {
      driver: 'vfio-user-pci',
      socket: { type: 'unix', path },
      bus: `port${port}`,
      'x-msg-timeout': REPLY_TIMEOUT_MS,
    };
    return [...rootPort(machine, port), '-device', JSON.stringify(device)];
  });
}

/**
 * Memory that QEMU shares with the servers of the devices. The size of QEMU's object is in bytes,
 * if the number has no suffix.
 */
function sharedMemory({ memory, sockets }: Machine): { option: string; object: string[] } {
  if (sockets.length === 0) return { option: '', object: [] };
  const size = /\d$/.test(memory) ? `${memory}M` : memory;
  const object = `memory-backend-memfd,id=memory,size=${size},share=on`;
  return { option: ',memory-backend=memory', object: ['-object', object] };
}

/** Returns the `id` of a QEMU option. Example of an option: `['-device', 'nvme-subsys,id=sub']`. */
function idOf([, value = '']: readonly string[]): string | undefined {
  return /(?:^|,)id=([^,]+)/.exec(value)?.[1];
}

/**
 * Whether at least one of the texts has a property with the value `id`. For example, the text
 * `nvme,subsys=sub` has a property with the value `sub`.
 */
function refersTo(texts: readonly string[], id: string | undefined): boolean {
  return texts.some((text) => text.split(',').some((part) => part.replace(/^[^=]*=/, '') === id));
}

/**
 * Splits the user's arguments into two lists: the arguments that QEMU needs before the lab's
 * devices, and all other arguments. QEMU creates devices in order, and a device can refer only to a
 * device that already exists.
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
  const { machine: board, cpu, iommu } = ARCHITECTURES[machine.arch];
  const extra = splitExtra(machine);
  const shared = sharedMemory(machine);
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ...shared.object,
    ...['-machine', `${board}${shared.option}`],
    // With one CPU, more threads are not faster, and the option -icount requires a single thread.
    ...['-accel', `tcg,thread=${machine.cpus > 1 ? 'multi' : 'single'}`, '-cpu', cpu],
    ...['-smp', String(machine.cpus), '-m', machine.memory],
    // Network cards get no option ROM, because option ROMs need another package and slow down the
    // boot.
    ...['-global', 'pci-device.romfile='],
    // QEMU must create the IOMMU before the devices behind the IOMMU.
    ...iommu,
    ...share('host', '/'),
    ...(machine.layer === undefined ? [] : share('layer', machine.layer)),
    // The kept files belong to the user of QEMU, who cannot change the owner of a file.
    ...(machine.keep === undefined ? [] : share('keep', machine.keep, true)),
    ...['-device', 'virtio-serial-pci,id=channels'],
    ...CHANNELS.flatMap((name, index) => [
      ...['-chardev', `socket,id=${name},fd=${FIRST_CHANNEL_FD + index}`],
      ...['-device', `virtserialport,bus=channels.0,nr=${index + 1},chardev=${name},name=${name}`],
    ]),
    // The short form file:<path> does not accept a comma in the path.
    ...['-chardev', `file,id=console,path=${quote(machine.console)}`],
    ...['-serial', 'chardev:console'],
    // Ctrl-A X ends QEMU even if the guest hangs.
    ...(terminal ? ['-chardev', 'stdio,id=terminal,mux=on,signal=off'] : []),
    ...(terminal ? ['-device', 'virtconsole,bus=channels.0,nr=0,chardev=terminal'] : []),
    ...(terminal ? ['-mon', 'chardev=terminal'] : []),
    ...extra.before,
    ...deviceArguments(machine),
    ...servedArguments(machine),
    ...['-kernel', machine.kernel, '-initrd', machine.initramfs],
    ...['-append', kernelParameters(machine.arch).join(' ')],
    ...extra.after,
  ];
}
