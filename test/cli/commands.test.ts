// Tests `vfio info`, `vfio reset`, `vfio repl`, and the common behaviour of all commands that open
// a device.
import { once } from 'node:events';
import test from 'ava';
import { vfioHere } from './in-process.js';
import { finish, startVfio } from './vfio.js';

interface Info {
  device: string;
  regions: { name: string; size: number; mappable: boolean }[];
  interrupts: { name: string; count: number; growable: boolean }[];
  features: { number: number; name: string; get: boolean; set: boolean }[];
  dma: { ranges: { start: number; end: unknown }[]; pageSizes: number[] };
  reset: { function: boolean; bus: string[] | null };
  capabilities: { name: string; offset: number }[];
}

test('`vfio info` prints regions, interrupts, features, DMA, resets and capabilities', async (t) => {
  const { code, stdout, stderr } = await vfioHere(['info', 'mock:nvme']);
  t.deepEqual([code, stderr], [0, '']);
  const sections = [...stdout.matchAll(/^\w+$/gm)].map(([name]) => name);
  const wanted = ['regions', 'interrupts', 'features', 'dma', 'reset', 'capabilities'];
  t.deepEqual(sections, wanted);
  t.regex(stdout, /^ {2}bar0 +16384 bytes +read, write, mmap$/m);
  t.regex(stdout, /^ {2}msix +65 +growable$/m);
  t.regex(stdout, /^ {2}11 +DMA_BUF +get$/m);
});

test('`vfio info --json` describes a mock device that emulates an older kernel', async (t) => {
  const { stdout } = await vfioHere(['info', 'mock:nvme?kernel=6.1', '--json']);
  const info = JSON.parse(stdout) as Info;
  t.is(info.device, 'mock:nvme?kernel=6.1');
  t.deepEqual(
    info.regions.map(({ name, size }) => [name, size]),
    [
      ['bar0', 16384],
      ['config', 4096],
    ],
  );
  t.is(info.interrupts.find(({ name }) => name === 'msix')?.growable, false);
  t.false(info.features.some(({ name }) => name === 'DMA_BUF'));
  t.true(info.reset.function);
  t.true(info.capabilities.some(({ name }) => name === 'msix'));
});

test('`vfio reset` prints the duration of the reset', async (t) => {
  const [text, json] = await Promise.all([
    vfioHere(['reset', 'mock:nvme']),
    vfioHere(['reset', 'mock:edu', '--json']),
  ]);
  t.regex(text.stdout, /^mock:nvme: reset in \d+ ms\n$/);
  const { device, reset } = JSON.parse(json.stdout) as { device: string; reset: boolean };
  t.deepEqual([device, reset], ['mock:edu', true]);
});

test('the repl of `vfio repl` has a variable for the device and supports await', async (t) => {
  const input = [
    'bar0.read32(0).toString(16)',
    'device.name',
    'config.header().vendorId',
    'const buffer = await dma.allocate(4096)',
    'buffer.bytes.length',
    'typeof interrupts.msi.request',
    'vfio.VfioError.name',
    'bar1',
    '[1,',
    '2].length',
  ].join('\n');
  const { code, stdout } = await finish(startVfio(['repl', 'mock:edu']), `${input}\n`);
  t.is(code, 0);
  const lines = stdout.trimEnd().split('\n');
  t.deepEqual(lines.slice(0, 6), [
    "'10000ed'",
    "'mock:edu'",
    '0x1234',
    '0x1000',
    "'function'",
    "'VfioError'",
  ]);
  t.regex(lines[6] ?? '', /^Uncaught ReferenceError: bar1 is not defined/);
  t.is(lines.at(-1), '2');
});

const OPENING = [['info'], ['peek', 'bar0', '0'], ['watch'], ['repl'], ['demo'], ['run']] as const;

test('a command with a missing device prints a one-line error and a hint, and exits with code 1', async (t) => {
  const outcomes = await Promise.all(
    OPENING.map(([name, ...rest]) => vfioHere([name, 'mock:nothing', ...rest])),
  );
  for (const { code, stdout, stderr } of outcomes) {
    t.deepEqual([code, stdout], [1, '']);
    t.regex(stderr, /^vfio: ENODEV: unknown model 'mock:nothing'\nThe models are mock:edu, .+\n$/);
  }
});

test('a malformed device name gives an error with a hint', async (t) => {
  const names = ['', 'nvme', '/dev/vfio/1', 'mock:nvme?kernel=1', '00:00.0.0', 'constructor'];
  const outcomes = await Promise.all(names.map((name) => vfioHere(['info', name])));
  outcomes.forEach(({ code, stdout, stderr }, i) => {
    t.deepEqual([code, stdout], [1, ''], names[i]);
    t.regex(stderr, /^vfio: E(NODEV|INVAL): .+\n.+\n$/, names[i]);
  });
});

test('an option with a wrong size gives a one-line error', async (t) => {
  const { code, stdout, stderr } = await vfioHere(['doctor', '--memory', '64k']);
  t.deepEqual([code, stdout], [2, '']);
  t.is(stderr, "vfio: --memory must be a number such as 4096, 0x1000 or 64M, not '64k'\n");
});

test('without the addon, a real device gives a one-line error, and a mock device can be opened', async (t) => {
  const NODE_OPTIONS = `--import=${new URL('programs/no-addon.js', import.meta.url).href}`;
  const run = async (...args: string[]) => finish(startVfio(args, { NODE_OPTIONS }));
  const doctor = await run('doctor');
  t.is(doctor.code, 1);
  t.regex(
    doctor.stdout,
    /^problem {2}addon +the native addon .*does not load: no libstdc\+\+ here$/m,
  );
  t.regex(doctor.stdout, /^ +fix: .*'npx vfio build'/m);
  const edu = await run('info', 'mock:edu');
  t.deepEqual([edu.code, edu.stderr], [0, '']);
});

test('bind, release, vfs and doctor refuse mock devices', async (t) => {
  const outcomes = await Promise.all(
    ['bind', 'release', 'vfs', 'doctor'].map((name) => vfioHere([name, 'mock:edu'])),
  );
  for (const { code, stdout, stderr } of outcomes) {
    t.deepEqual([code, stdout], [2, '']);
    t.is(stderr, "vfio: 'mock:edu' is a mock device, and mock devices have no driver\n");
  }
});

test('bind, release, vfs and doctor refuse devices of a server', async (t) => {
  const name = 'vfio-user:/run/edu.sock';
  const outcomes = await Promise.all(
    ['bind', 'release', 'vfs', 'doctor'].map((command) => vfioHere([command, name])),
  );
  for (const { code, stdout, stderr } of outcomes) {
    t.deepEqual([code, stdout], [2, '']);
    t.is(stderr, `vfio: '${name}' is the device of a server, and such a device has no driver\n`);
  }
});

test('a command prints no error if the reader of its output closes the pipe', async (t) => {
  const lines = [
    ['peek', 'mock:edu', 'bar0', '0', '-n', '65536'],
    ['list'],
    ['config', 'mock:nvme', '-x'],
    ['completion', 'bash'],
  ];
  await Promise.all(
    lines.map(async (args) => {
      const child = startVfio(args);
      let stderr = '';
      child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
      child.stdout.destroy();
      await once(child, 'close');
      t.is(stderr, '', args.join(' '));
      t.is(child.signalCode, null);
    }),
  );
});

test('a command prints colours only if the environment requests colours', async (t) => {
  const run = (env: NodeJS.ProcessEnv) => finish(startVfio(['info', 'mock:edu'], env));
  const [pipe, forced, refused] = await Promise.all([
    run({ FORCE_COLOR: undefined }),
    run({ FORCE_COLOR: '1' }),
    run({ NO_COLOR: '1' }),
  ]);
  t.false(pipe.stdout.includes('\u001b'));
  t.true(forced.stdout.includes('\u001b[1m'));
  t.false(refused.stdout.includes('\u001b'));
});
