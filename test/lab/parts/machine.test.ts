import test from 'ava';
import { parseDevices } from '../../../lib/lab/devices.js';
import { guestEnvironment } from '../../../lib/lab/environment.js';
import { initScript } from '../../../lib/lab/init.js';
import { buildArguments } from '../../../lib/lab/machine.js';
import { runInLab } from '../../../lib/lab/index.js';
import { checkLabOptions } from '../../../lib/lab/options.js';

function argumentsFor(devices: readonly string[], extra: readonly string[] = []): string[] {
  return buildArguments({
    kernel: '/boot/kernel',
    initramfs: '/tmp/initramfs',
    console: '/tmp/a,b/console',
    disks: [],
    devices: parseDevices(devices),
    memory: '1G',
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

test('the guest uses a clock source that needs no calibration', (t) => {
  t.regex(argumentsFor(['edu']).join(' '), /\bclocksource=hpet\b/);
});

test('only variables with a valid shell name are passed to the guest', (t) => {
  const caller = { 'NODE_a-b': '1', 'VFIO_x;reboot': '1', LC_ALL: 'C', NODE_ENV: 'test' };
  const names = Object.keys(guestEnvironment(caller, '/', {}));
  t.deepEqual(names, ['TERM', 'LC_ALL', 'NODE_ENV', 'PATH']);
});

test('the guest loads additional modules after its devices are bound', (t) => {
  const script = initScript({
    modules: ['vfio_pci'],
    furtherModules: ['nvme'],
    devices: parseDevices(['nvme']),
    commands: {},
    env: {},
    cwd: '/',
    argv: ['true'],
    terminal: undefined,
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
    args: /^args must be an array/,
    kernel: /^kernel must be a string/,
    devices: /^devices must be an array/,
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
