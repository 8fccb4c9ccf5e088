import { shellQuote } from './shell-quote.js';
import { portOf, type LabDevice } from './devices.js';

/** The guest's folder for the commands `vfio` and `node`. */
export const GUEST_BIN = '/run/vfio-lab/bin';

export interface Guest {
  /** Names of the kernel modules that the lab needs, in load order. */
  readonly modules: readonly string[];
  /**
   * Whether the guest has the share `layer`, whose files hide the files of the host. The share
   * contains busybox.
   */
  readonly layer: boolean;
  /**
   * Names of modules to load after the devices are bound to vfio-pci. The drivers in these modules
   * therefore cannot bind to the devices.
   */
  readonly furtherModules: readonly string[];
  readonly devices: readonly LabDevice[];
  /** Number of served devices. */
  readonly served: number;
  /** Path of the folder whose files are kept. */
  readonly keep: string | undefined;
  /** Additional commands: the key is the command's name, the value is a shell script. */
  readonly commands: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly argv: readonly string[];
  /** Size of the command's terminal; undefined if the command uses pipes. */
  readonly terminal: { rows: number; columns: number } | undefined;
}

const BRING_UP = `
fail() { echo "lab: $*" >/dev/console; reboot -f; }
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev || fail 'no devtmpfs'
`;

/** Mounts the host's files read-only. */
const HOST = `
share() {
  mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=524288,cache=loose $1 /$1 ||
    fail "the files of the $1 cannot be mounted (9p over virtio)"
}
share host
layers=/host
mount -t tmpfs -o size=75% tmpfs /changes
mkdir -p /changes/upper/usr/bin /changes/work
`;

/** Puts the programs of the share, and the names of busybox's programs, before the host's files. */
const LAYER = `
share layer
layers=/layer:/host
busybox --install -s /changes/upper/usr/bin
# One of the names is busybox itself, and would hide the program of the share.
busybox rm /changes/upper/usr/bin/busybox
`;

/** An overlay in memory receives all changes. */
const ROOT = `
mount -t overlay -o lowerdir=$layers,upperdir=/changes/upper,workdir=/changes/work overlay /root ||
  fail 'the overlay file system cannot be mounted'
cd /root
mount -o move /proc proc
mount -o move /sys sys
mount -o move /dev dev
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
ip link set lo up
`;

/** Mounts a folder of the host, so that the guest can write its files. */
function mountKept(path: string): string {
  const target = shellQuote(`.${path}`);
  const options = 'trans=virtio,version=9p2000.L,msize=524288,cache=none';
  return `mkdir -p ${target}
mount -t 9p -o ${options} keep ${target} || fail 'the folder to keep cannot be mounted'`;
}

const BIND = `
find() {
  set -- $1 sys/bus/pci/devices/0000:00:$2.0/0000:*:00.0
  device=$2
  address=\${2##*/}
  [ -e $2 ] || fail "no PCI device for $1"
  export VFIO_LAB_$1=$address
}
bind() {
  find $1 $2
  set -- $1 $device
  [ ! -e $2/driver ] || echo $address >$2/driver/unbind
  echo vfio-pci >$2/driver_override
  echo $address >sys/bus/pci/drivers_probe
  [ -e $2/driver ] || fail "vfio-pci did not bind to $1 at $address"
}
# Waits until a driver has probed the device. The write fails if the device has no driver.
probe() {
  echo $1 >sys/bus/pci/drivers_probe
} 2>dev/null
`;

/** Opens the control channel to the host as file descriptor 3. */
const OPEN_CHANNEL = `
port() { set -- dev/vport*p$1; [ -e $1 ] && port=$1; }
until port 1 && port 2 && port 3 && port 4; do sleep 0.01; done
port=\${port%?}
exec 3<>\${port}1
`;

/**
 * Reports that the command starts, and ends the guest when the host closes the channel. Until QEMU
 * has told the guest that a port is connected, a write to the port waits, but a read returns the end
 * of the file. The guest therefore writes first.
 */
const REPORT = `
echo ready >&3
{ read -r _; reboot -f; } <&3 &
helpers=$!
`;

/**
 * Connects the command's standard streams to the host by pipes. A virtio port can be opened only
 * once, so `>/dev/stderr` in a script would fail if standard error were a port.
 */
const COLLECT = `
mkfifo /stdin /stdout /stderr
{
  exec 3>&- 4<\${port}4
  # The first line of the host. A read returns no line until the port is connected.
  until read -r _ <&4; do sleep 0.01; done
  # This cat ends when the host closes the channel, or with an error if the command does not read.
  exec cat <&4 >/stdin 2>/dev/null
} &
cat /stdout >\${port}2 3>&- &
collectors=$!
cat /stderr >\${port}3 3>&- &
collectors="$collectors $!"
`;

/**
 * Kills processes that the command left running. If such a process kept the pipes open, the guest
 * would never end.
 */
const FINISH = `
for process in proc/[0-9]*; do
  case " 1 $helpers $collectors " in
  *" \${process#proc/} "*) ;;
  *) kill -9 \${process#proc/} ;;
  esac
done 2>/dev/null
[ -z "$collectors" ] || wait $collectors
echo "exit $code" >&3
wait
`;

/** Returns the names of served devices: `SERVED`, `SERVED_2`, … */
function servedNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? 'SERVED' : `SERVED_${index + 1}`,
  );
}

const insertModule = (name: string): string =>
  `insmod /modules/${name}.ko || fail 'the module ${name} cannot be loaded'`;

/**
 * Builds the script that is process 1 of the guest. The script loads the modules, mounts the file
 * systems, binds the devices, runs the command and reports its exit code.
 */
export function initScript(guest: Guest): string {
  const { terminal } = guest;
  const argv = [guest.cwd, ...guest.argv].map(shellQuote).join(' ');
  const [setsid, streams] =
    terminal === undefined
      ? ['/bin/setsid', '</stdin >/stdout 2>/stderr']
      : ['/bin/setsid -c', '<>dev/hvc0 >&0 2>&1'];
  const size =
    terminal === undefined ? '' : `stty sane rows ${terminal.rows} columns ${terminal.columns}`;
  return [
    '#!/bin/sh',
    'export PATH=/bin',
    BRING_UP,
    ...guest.modules.map(insertModule),
    HOST,
    guest.layer ? LAYER : '',
    ROOT,
    ...(guest.keep === undefined ? [] : [mountKept(guest.keep)]),
    BIND,
    ...guest.devices.map(({ name }, index) => `bind ${name} ${portOf(index)}`),
    ...servedNames(guest.served).map(
      (name, index) => `find ${name} ${portOf(guest.devices.length + index)}`,
    ),
    ...guest.furtherModules.map(insertModule),
    ...servedNames(guest.served).map((name) => `probe $VFIO_LAB_${name}`),
    `mkdir -p .${GUEST_BIN}`,
    ...Object.entries(guest.commands).flatMap(([name, text]) => [
      `echo ${shellQuote(text)} >.${GUEST_BIN}/${name}`,
      `chmod 755 .${GUEST_BIN}/${name}`,
    ]),
    'command() (',
    `  ${size}`,
    '  exec 3>&-',
    '  mount -o move . /',
    ...Object.entries(guest.env).map(([name, value]) => `  export ${name}=${shellQuote(value)}`),
    `  exec ${setsid} /bin/chroot . /bin/sh -c 'cd "$1" && shift && exec "$@"' 'vfio lab' ${argv}`,
    `) ${streams}`,
    OPEN_CHANNEL,
    terminal === undefined ? COLLECT : 'collectors=',
    REPORT,
    'command',
    'code=$?',
    FINISH,
  ].join('\n');
}
