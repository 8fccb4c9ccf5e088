import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { chart, short, summary } from '../../lib/cli/watch/view.js';
import { Meter } from '../../lib/cli/watch/meter.js';
import { watchVectors } from '../../lib/cli/watch/vectors.js';
import { openDeviceSync } from '../../lib/mock.js';
import { vfioHere } from './in-process.js';
import { finish, startVfio } from './vfio.js';

const TICKER = fileURLToPath(new URL('programs/ticker.js', import.meta.url));
const ENV = { NODE_OPTIONS: `--import=${TICKER}` };

interface Line {
  seconds: number;
  kind: string;
  total: number;
  vectors: { vector: number; count: number; rate: number; total: number }[];
}

/** Runs `vfio watch` until an output line matches a pattern, then sends a signal. */
async function watchUntil(
  wanted: (line: string) => boolean,
  args: string[],
  signal: NodeJS.Signals,
) {
  const child = startVfio(['watch', ...args], ENV);
  child.stdin.end();
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const lines: string[] = [];
  const closed = once(child, 'close');
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line);
    if (wanted(line) && !child.killed) child.kill(signal);
  }
  await closed;
  return { lines, stderr, code: child.exitCode, signal: child.signalCode };
}

test('`vfio watch` shows interrupts and quits cleanly on SIGINT', async (t) => {
  const seen = (line: string) => (JSON.parse(line) as Line).total >= 4;
  const args = ['mock:ticker', '--vectors', '6', '--interval', '0.05', '--json'];
  const { lines, stderr, code, signal } = await watchUntil(seen, args, 'SIGINT');
  t.deepEqual([code, signal, stderr], [0, null, '']);
  const last = JSON.parse(lines.findLast(seen) ?? '{}') as Line;
  t.is(last.kind, 'msix');
  t.deepEqual(
    last.vectors.map(({ vector }) => vector),
    [0, 5],
  );
  t.is(
    last.vectors.reduce((sum, { total }) => sum + total, 0),
    last.total,
  );
});

test('without a terminal, `vfio watch` prints one line for each interval and ends on SIGTERM', async (t) => {
  const line = /^\d+\.\d s {2}[1-9]\d* in total {2}0: \d+\/s {2}5: \d+\/s$/;
  const args = ['mock:ticker', '--interval', '0.05'];
  const { lines, stderr, code } = await watchUntil((text) => line.test(text), args, 'SIGTERM');
  t.deepEqual([code, stderr], [0, '']);
  t.true(lines.some((text) => line.test(text)));
  t.false(lines.join('').includes('\u001b'));
});

test('`vfio watch` closes the device when the host requests the device back', async (t) => {
  const child = startVfio(['watch', 'mock:ticker', '--interval', '0.05'], ENV);
  child.stdin.end();
  const ended = finish(child);
  await once(child.stdout, 'data');
  child.kill('SIGUSR2');
  const { code, stderr } = await ended;
  t.deepEqual(
    [code, stderr],
    [1, "vfio: ENODEV: the host requested the device back 'mock:ticker'\n"],
  );
});

test('`vfio watch` ends when the reader of its output closes the pipe', async (t) => {
  const child = startVfio(['watch', 'mock:ticker', '--interval', '0.02'], ENV);
  child.stdin.end();
  const closed = once(child, 'close');
  await once(child.stdout, 'data');
  child.stdout.destroy();
  await closed;
  t.is(child.signalCode, null);
});

test('`vfio watch` reports a usage error before the device is opened', async (t) => {
  const cases = [
    { args: ['mock:edu', '--irq', 'nmi'], says: '--irq must be msix or msi or intx, not' },
    { args: ['mock:edu', '--vectors', '0'], says: '--vectors must be at least 1' },
    { args: ['mock:edu', '--vectors', '2049'], says: '--vectors must be at most 2048' },
    {
      args: ['mock:edu', '--interval', '0'],
      says: '--interval must be a number of seconds above 0',
    },
    { args: ['mock:edu', '--irq', 'msix'], says: 'mock:edu has no msix' },
    { args: [], says: 'give <device>' },
  ];
  const outcomes = await Promise.all(cases.map(({ args }) => vfioHere(['watch', ...args])));
  outcomes.forEach(({ code, stdout, stderr }, i) => {
    t.deepEqual([code, stdout], [2, '']);
    t.true(stderr.startsWith(`vfio: ${cases[i]?.says ?? ''}`), stderr);
  });
});

test('`vfio watch` uses the first available interrupt index and restores the command register', (t) => {
  using device = openDeviceSync('mock:nvme#watched');
  device.config.update('command', { bus_master: 0 });
  const watched = watchVectors(device, 3);
  t.deepEqual([watched.kind, watched.vectors.length, watched.missing], ['msix', 3, 0]);
  t.is(device.config.fields('command').bus_master, 1);
  watched.restore();
  t.is(device.config.fields('command').bus_master, 0);
  t.is(watchVectors(device, 99).vectors.length, 65);
});

test('`vfio watch` draws a bar for each vector; a small screen shows only the most active vectors', (t) => {
  const meter = new Meter(40, 0);
  meter.add(3, 500n);
  meter.add(17, 1000n);
  const readings = meter.read(1000);
  const room = { rows: 3, columns: 80 };
  const lines = chart(readings, room);
  t.deepEqual(
    lines.map((line) => line.trim().split(/\s+/)[0]),
    ['3', '17', '…'],
  );
  t.regex(lines[0] ?? '', /█{15} +500\/s +500$/);
  t.regex(lines[1] ?? '', /█{30} +1\.00k\/s +1\.00k$/);
  t.regex(summary(readings, room), /^total +1\.50k\/s +1\.50k$/);
  t.deepEqual([short(999), short(1000), short(2_500_000)], ['999', '1.00k', '2.50M']);
});
