// Tests that a process with an open device can end at any time without a crash or a hang. After the
// end of the process, the device is free.
import { execFile } from 'node:child_process';
import test from 'ava';
import { EDU, withDevice } from './targets.js';

/** Source code that opens a device, uses one object of each kind, and starts some calls. */
const EVERYTHING = `
  import { openDevice } from 'vfio';
  import { spawnSync } from 'node:child_process';
  const device = await openDevice('${EDU}');
  device.config.update('command', { memory: 1, bus_master: 1 });
  const window = device.bar(0).map();
  const vector = device.interrupts.msi.request(0);
  const buffer = await device.dma.allocate(1 << 20);
  const raise = () => window.write32(0x60, 1);
  device.reset().catch(() => undefined);
  device.dma.allocate(1 << 20).catch(() => undefined);
`;

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

function run(source: string): Promise<Ending> {
  const options = { timeout: 120_000, killSignal: 'SIGKILL' } as const;
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      ['--input-type=module', '-e', EVERYTHING + source],
      options,
      (_error, stdout, stderr) => {
        resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr });
      },
    );
  });
}

for (const [what, source, code] of [
  ['a process.exit with calls under way', 'process.exit(3);', 3],
  ['a process.exit in a handler', "vector.on('interrupt', () => process.exit(4)); raise();", 4],
  [
    'an exception in a handler',
    "vector.on('interrupt', () => { throw new Error('of mine'); }); raise();",
    1,
  ],
  ['an exception', "throw new Error('of mine');", 1],
  ['a rejection', "Promise.reject(new Error('of mine'));", 1],
  ['the end of the event loop', 'vector.unref();', 0],
  [
    'a process.exit with an exit handler that closes the device',
    "process.on('exit', () => { buffer.free(); device.close(); window.close(); }); process.exit(5);",
    5,
  ],
] as const) {
  test.serial(`after ${what}, the device can be opened again`, async (t) => {
    const ending = await run(source);
    t.like(ending, { code, signal: null }, ending.stderr);
    if (code === 1) t.regex(ending.stderr, /Error: of mine/);
    await withDevice(t, EDU, (device) => {
      t.is(device.config.read16(0), 0x1234);
    });
  });
}

test.serial('after a SIGKILL, the device can be opened again', async (t) => {
  t.is((await run("process.kill(process.pid, 'SIGKILL');")).signal, 'SIGKILL');
  await withDevice(t, EDU, (device) => {
    t.is(device.config.read16(0), 0x1234);
  });
});

test.serial('a child process inherits no descriptor and no mapping of the device', async (t) => {
  const { stdout, stderr } = await run(`
    const { stdout } = spawnSync('sh', ['-c', 'ls -l /proc/self/fd; cat /proc/self/maps']);
    console.log(String(stdout));
    device.close();`);
  t.regex(stdout, /maps|\[stack\]/, stderr);
  t.notRegex(stdout, /vfio|iommu|eventfd|eventpoll/);
});
