import { realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Arch } from '../../../lib/lab/architectures.js';
import { parseDevices } from '../../../lib/lab/devices.js';
import { guestEnvironment } from '../../../lib/lab/environment.js';
import { type Guest, initScript } from '../../../lib/lab/init.js';
import { createKeptFolder } from '../../../lib/lab/keep.js';
import { buildArguments } from '../../../lib/lab/machine.js';
import { runInLab } from '../../../lib/lab/index.js';
import { checkLabOptions } from '../../../lib/lab/options.js';
import { temporaryFolder } from '../../native/helpers.js';

/** A guest without devices, which runs `true`. */
const GUEST: Guest = {
  ...{ modules: [], furtherModules: [], devices: [], served: 0, layer: false, keep: undefined },
  ...{ commands: {}, env: {}, cwd: '/', argv: ['true'], terminal: undefined },
};

function argumentsFor(
  devices: readonly string[],
  extra: readonly string[] = [],
  {
    arch = 'x64',
    layer,
    sockets = [],
    memory = '1G',
    keep,
  }: {
    arch?: Arch;
    layer?: string;
    sockets?: readonly string[];
    memory?: string;
    keep?: string;
  } = {},
): string[] {
  return buildArguments({
    arch,
    layer,
    kernel: '/boot/kernel',
    initramfs: '/tmp/initramfs',
    console: '/tmp/a,b/console',
    disks: [],
    sockets,
    keep,
    devices: parseDevices(devices),
    memory,
    cpus: 2,
    terminal: false,
    extra,
  });
}

test('two lab devices of the same kind have different serial numbers', (t) => {
  const [first, second, third] = parseDevices(['nvme', 'nvme', 'nvme,serial=mine']);
  t.is(first?.device, 'nvme,serial=vfio-lab-0');
  t.is(second?.device, 'nvme,serial=vfio-lab-1');
  t.is(third?.device, 'nvme,serial=mine');
});

test('a QEMU device that a lab device needs comes first, and other arguments come last', (t) => {
  const args = argumentsFor(
    ['nvme,subsys=sub', 'edu'],
    ['-device', 'late,bus=port1', '-device', 'nvme-subsys,id=sub', '-name', 'x'],
  );
  const at = (text: string) => args.findIndex((one) => one.startsWith(text));
  t.true(at('nvme-subsys') < at('nvme,'));
  t.true(at('late') > at('edu'));
  t.deepEqual(args.slice(-4), ['-device', 'late,bus=port1', '-name', 'x']);
});

test('QEMU’s arguments contain each comma in the path of the temporary folder twice', (t) => {
  t.true(argumentsFor(['edu']).includes('file,id=console,path=/tmp/a,,b/console'));
});

test('a served device has a root port, and QEMU shares the memory of the guest', (t) => {
  const args = argumentsFor(['edu'], [], { sockets: ['/tmp/a,b "c"'], memory: '512' });
  const device = args.map((text) => (text.startsWith('{') ? (JSON.parse(text) as object) : {}));
  t.like(
    device.find((one) => 'driver' in one),
    {
      driver: 'vfio-user-pci',
      socket: { type: 'unix', path: '/tmp/a,b "c"' },
      bus: 'port1',
    },
  );
  t.true(args.some((text) => text.startsWith('pcie-root-port,id=port1,')));
  t.true(args.includes('memory-backend-memfd,id=memory,size=512M,share=on'));
  t.true(args.includes('q35,kernel-irqchip=split,memory-backend=memory'));
  t.false(argumentsFor(['edu']).join().includes('memory-backend'));
});

test('a guest for arm64 has an SMMUv3, a GIC with ITS, and a share with its programs', (t) => {
  const args = argumentsFor(['edu'], [], { arch: 'arm64', layer: '/cache/a,b' });
  const after = (option: string) => args[args.indexOf(option) + 1];
  t.is(after('-machine'), 'virt,gic-version=3,iommu=smmuv3');
  t.is(after('-cpu'), 'neoverse-n1');
  t.true(args.some((arg) => /^pcie-root-port,.*,hotplug=off$/.test(arg)));
  t.regex(after('-append') ?? '', /\bconsole=ttyAMA0\b/);
  t.notRegex(args.join(' '), /ttyS0|intel|hpet|q35/);
  t.true(
    args.includes(
      'local,id=layer,path=/cache/a,,b,security_model=none,readonly=on,multidevs=remap',
    ),
  );
  t.notRegex(argumentsFor(['edu']).join(' '), /layer/);
});

test('the programs of the share come before the files of the host', (t) => {
  const script = initScript({ ...GUEST, layer: true });
  t.true(script.indexOf('layers=/layer:/host') < script.indexOf('lowerdir=$layers'));
  t.notRegex(initScript(GUEST), /\/layer|busybox --install/);
});

test('only the kept folder is writable, and the guest mounts the folder at its path', (t) => {
  const shares = argumentsFor(['edu'], [], { keep: '/tmp/a,b' }).filter((one) =>
    one.startsWith('local,'),
  );
  t.deepEqual(
    shares.map((one) => [/path=([^=]*),security/.exec(one)?.[1], one.includes('readonly=on')]),
    [
      ['/', true],
      ['/tmp/a,,b', false],
    ],
  );
  const script = initScript({ ...GUEST, keep: "/tmp/it's" });
  t.regex(script, /mount -t 9p .* keep '\.\/tmp\/it'\\''s' \|\| fail/);
});

test('the kept folder is created, and a folder that the guest needs is refused', (t) => {
  const folder = join(temporaryFolder(), 'a', 'b');
  t.is(createKeptFolder(folder), realpathSync(folder));
  for (const path of ['/', '/dev', '/dev/shm', '/proc/self']) {
    t.throws(() => createKeptFolder(path), { code: 'EINVAL' }, path);
  }
  writeFileSync(join(folder, 'file'), '');
  t.throws(() => createKeptFolder(join(folder, 'file')), { code: 'EEXIST' });
});

test('the guest reads a channel only after QEMU has connected the channel', (t) => {
  const script = initScript(GUEST);
  // A write waits for the connection. A read would return the end of the file.
  t.regex(script, /echo ready >&3\n\{ read -r _; reboot -f; \} <&3 &\n/);
  t.regex(script, /until read -r _ <&4; do sleep 0\.01; done\n.*\n *exec cat <&4 >\/stdin/);
});

test('the guest uses a clock source that needs no calibration', (t) => {
  t.regex(argumentsFor(['edu']).join(' '), /\bclocksource=hpet\b/);
});

test('the guest has the addresses of served devices, and does not bind the devices', (t) => {
  const script = initScript({
    ...GUEST,
    furtherModules: ['nvme'],
    devices: parseDevices(['edu']),
    served: 2,
  });
  const lines = script.split('\n');
  t.deepEqual(
    lines
      .filter((line) => /^(bind|find|insmod|probe) /.test(line))
      .map((line) => line.slice(0, 20)),
    [
      ...['bind EDU 10', 'find SERVED 11', 'find SERVED_2 12'],
      ...['insmod /modules/nvme', 'probe $VFIO_LAB_SERV', 'probe $VFIO_LAB_SERV'],
    ],
  );
});

test('only variables with a valid shell name are passed to the guest', (t) => {
  const caller = { 'NODE_a-b': '1', 'VFIO_x;reboot': '1', LC_ALL: 'C', NODE_ENV: 'test' };
  const names = Object.keys(guestEnvironment(caller, '/', {}));
  t.deepEqual(names, ['TERM', 'LC_ALL', 'NODE_ENV', 'PATH']);
});

test('the guest loads additional modules after its devices are bound', (t) => {
  const script = initScript({
    ...GUEST,
    modules: ['vfio_pci'],
    furtherModules: ['nvme'],
    devices: parseDevices(['nvme']),
  });
  const at = (text: string) => script.indexOf(text);
  t.true(at('insmod /modules/vfio_pci.ko') < at('\nbind NVME'));
  t.true(at('\nbind NVME') < at('insmod /modules/nvme.ko'));
});

test('wrong options are refused before the lab starts a program', (t) => {
  const check = (options: object) => () => {
    checkLabOptions({ command: 'true', ...options });
  };
  t.throws(check({ memory: '16' }), {
    instanceOf: RangeError,
    message: "memory '16' is too small: the guest needs 256M",
  });
  t.notThrows(check({ memory: '1G' }));
  const serve = Array.from({ length: 12 }, () => 'mock:edu');
  t.throws(check({ serve }), {
    instanceOf: RangeError,
    message: '16 devices exceed the 15 slots of the guest',
  });
  t.notThrows(check({ serve, devices: [] }));
  t.throws(check({ arch: 'riscv64' }), {
    instanceOf: TypeError,
    message: 'arch must be one of "x64", "arm64"',
  });
  t.throws(check({ arch: 'arm64', serve: ['mock:nvme'] }), {
    instanceOf: TypeError,
    message: /^a guest for arm64 cannot use served devices, because its IOMMU does not report/,
  });
  t.throws(check({ kernel: 'debian-6.12-16k' }), {
    instanceOf: TypeError,
    message: /^Debian has no kernel 'debian-6\.12-16k' for x64; its kernels are debian-6\.12, /,
  });
  t.notThrows(check({ arch: 'arm64', kernel: 'debian-6.12-16k' }));
  t.throws(check({ modules: ['nvme', '../x'] }), {
    instanceOf: TypeError,
    message: "'../x' is not a valid module name",
  });
  t.throws(check({ env: { 'a-b': '1' } }), {
    instanceOf: TypeError,
    message: "'a-b' is not a valid variable name",
  });
});

test('a misspelt option and an option of a wrong type are refused', async (t) => {
  await t.throwsAsync(runInLab({ command: 'true', kernels: 'debian-6.12' } as never), {
    instanceOf: TypeError,
    message: /^unknown option 'kernels'; known: command, /,
  });
  const types: Readonly<Record<string, RegExp>> = {
    command: /^command must be a string/,
    arch: /^arch must be one of "x64", "arm64"/,
    args: /^args must be an array/,
    kernel: /^kernel must be a string/,
    devices: /^devices must be an array/,
    serve: /^serve must be an array/,
    qemu: /^qemu must be a string/,
    modules: /^modules must be an array/,
    qemuArgs: /^qemuArgs must be an array/,
    memory: /^memory must be a string/,
    cpus: /^cpus must be a number/,
    timeout: /^timeout must be a number/,
    terminal: /^terminal must be a boolean/,
    cwd: /^cwd must be a string/,
    env: /^env must be an object/,
    stdin: /^stdin must be an object/,
    report: /^report must be a function/,
    signal: /^signal must be an AbortSignal/,
  };
  for (const [name, message] of Object.entries(types)) {
    const wrong = { command: 'true', [name]: Symbol(name) };
    await t.throwsAsync(runInLab(wrong as never), { instanceOf: TypeError, message }, name);
  }
  for (const options of [undefined, null, 'true']) {
    await t.throwsAsync(runInLab(options as never), { message: 'options must be an object' });
  }
});
