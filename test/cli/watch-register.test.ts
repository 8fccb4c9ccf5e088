import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import test from 'ava';
import { root, temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { Terminal } from './terminal.js';
import { startVfio, VFIO } from './vfio.js';

const SIZE = { rows: 24, columns: 80 };

/** Writes a module with a model whose register 8 counts: 0, 0, 1, 1, 2, 2, … */
function counterModule(): string {
  const mock = pathToFileURL(join(root, 'dist/lib/mock.js')).href;
  const path = join(temporaryFolder(), 'counter.mjs');
  writeFileSync(
    path,
    `import { registerModel } from '${mock}';
     let reads = 0n;
     registerModel({
       name: 'counter',
       shape: { vendorId: 0x1234, deviceId: 9, classCode: 0xff0000, bars: [{ index: 0, size: 4096 }] },
       create: () => ({
         registers: { 0: [{ offset: 8, width: 8, name: 'counter', read: () => reads++ / 2n + (14n << 32n) }] },
         reset() {},
       }),
     });`,
  );
  return path;
}

/** Watches the register of the model above until it has printed some lines. */
async function watchLines(count: number, ...args: string[]) {
  const place = ['mock:counter', 'bar0', '8', '--interval', '0.005'];
  const child = startVfio(['watch', ...place, '--import', counterModule(), ...args]);
  child.stdin.end();
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const closed = once(child, 'close');
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (lines.push(line) === count) child.kill('SIGINT');
  }
  await closed;
  return { lines: lines.slice(0, count), stderr, code: child.exitCode };
}

test('`vfio watch` prints the value of a register, and then each change with the changed bits', async (t) => {
  const { lines, stderr, code } = await watchLines(3);
  t.deepEqual([code, stderr], [0, '']);
  t.deepEqual(
    lines.map((line) => line.replace(/^ *\d+\.\d{3} s  /, '')),
    [
      'bar0+0x0008: 00000000',
      'bar0+0x0008: 00000000 -> 00000001  changed 00000001',
      'bar0+0x0008: 00000001 -> 00000002  changed 00000003',
    ],
  );
});

test('`vfio watch --json` prints one object for the first value and for each change', async (t) => {
  const { lines, code } = await watchLines(2, '--json', '--width', '8');
  t.is(code, 0);
  const [first, second] = lines.map((line) => JSON.parse(line) as { seconds: number });
  const place = { region: 'bar0', offset: 8, width: 8 };
  const value = 14 * 2 ** 32;
  t.like(first, { ...place, value });
  t.like(second, { ...place, value: value + 1, before: value, changed: 1 });
  t.true((second?.seconds ?? 0) >= (first?.seconds ?? 0));
});

test('on a terminal, keys write a register and change the width and the interval', async (t) => {
  const terminal = new Terminal(
    [process.execPath, VFIO, 'watch', 'mock:edu', 'bar0', '0x4', '--interval', '0.02'],
    SIZE,
    { NO_COLOR: '1' },
  );
  await terminal.until((text) => text.includes('p poke'));
  terminal.type('p');
  await terminal.until((text) => text.includes('poke bar0+0x0004 <- 0x_'));
  terminal.type('1234567q\u007f78');
  await terminal.until((text) => text.includes('<- 0x123456'));
  terminal.type('\r');
  await terminal.until((text) => /changed [0-9a-f]{8}/.test(text));
  terminal.type('-');
  await terminal.until((text) => text.includes('every 0.04 s'));
  terminal.type('++');
  await terminal.until((text) => text.includes('every 0.01 s'));
  terminal.type('p');
  terminal.type('99');
  await terminal.until((text) => text.includes('<- 0x99'));
  terminal.type('\u001b');
  await terminal.until((text) => text.lastIndexOf('p poke') > text.lastIndexOf('<- 0x99'));
  terminal.type('8');
  await terminal.until((text) => text.includes('offset 0x4 is not a multiple of 8'));
  terminal.type('2');
  await terminal.until((text) => /bar0\+0x0004: [0-9a-f]{4}\r/.test(text));
  terminal.type('q');
  const { code, text, restored } = await terminal.end();
  t.deepEqual([code, restored], [0, true]);
  t.regex(text, /bar0\+0x0004: 00000000\r\n/);
  t.regex(text, /bar0\+0x0004 <- 12345678\r\n/);
  t.regex(text, /bar0\+0x0004: 00000000 -> edcba987 {2}changed edcba987\r\n/);
  t.false(text.includes('<- 00000099'));
});

test('a register that cannot be written is not poked', async (t) => {
  const terminal = new Terminal(
    [process.execPath, VFIO, 'watch', 'mock:edu', 'config', '0', '--interval', '0.02'],
    SIZE,
  );
  await terminal.until((text) => text.includes('q quits'));
  terminal.type('pffffffff1\r');
  await terminal.until((text) => text.includes('does not fit into 4 bytes'));
  terminal.type('q');
  t.is((await terminal.end()).code, 0);
});

test('`vfio watch` of a register reports wrong usage in one line', async (t) => {
  const cases = [
    { args: ['mock:edu', 'bar0'], says: 'give <device> <region> <offset>' },
    { args: ['mock:edu', 'bar9', '0'], says: "mock:edu has no region 'bar9'" },
    { args: ['mock:edu', 'bar0', '2'], says: 'offset 0x2 is not a multiple of 4' },
    { args: ['mock:edu', 'bar0', '0x100000'], says: '1 × 4 bytes at 0x100000 exceed' },
    { args: ['mock:edu', 'bar0', '0', '--width', '3'], says: '--width must be' },
    { args: ['mock:edu', 'bar0', '0', '--irq', 'msi'], says: '--irq does not concern a register' },
    { args: ['mock:edu', '--width', '4'], says: '--width needs a region and an offset' },
  ];
  const outcomes = await Promise.all(cases.map(({ args }) => vfioHere(['watch', ...args])));
  outcomes.forEach(({ code, stdout, stderr }, i) => {
    t.deepEqual([code, stdout], [2, '']);
    t.true(stderr.startsWith(`vfio: ${cases[i]?.says ?? ''}`), stderr);
  });
});

test('with --registers, `vfio watch` takes the name of a register, and shows fields that change', async (t) => {
  const file = join(temporaryFolder(), 'counter.registers.json');
  const fields = { low: [3, 0], high: [63, 32] };
  const counter = { offset: 8, width: 8, access: 'ro', fields };
  const wide = { offset: 16, width: 4, access: 'wo' };
  writeFileSync(file, JSON.stringify({ regions: { bar0: { counter, wide } } }));
  const { lines, code } = await watchLines(2, '--width', '8', '--registers', file);
  t.is(code, 0);
  t.regex(lines[0] ?? '', /bar0\.counter: 0000000e00000000 \(low=0, high=0xe\)$/);
  t.regex(lines[1] ?? '', /bar0\.counter: .* changed 0000000000000001 \(low 0 -> 1\)$/);
  for (const [place, reason] of [
    [['bar0.wide'], /register bar0\.wide is write-only, so it cannot be watched/],
    [['bar0.counter', '8'], /'bar0\.counter' has no offset/],
    [['bar0.other'], /other/],
  ] as const) {
    const wrong = await vfioHere(['watch', 'mock:edu', ...place, '--registers', file]);
    t.is(wrong.code, 2);
    t.regex(wrong.stderr, reason);
  }
});
