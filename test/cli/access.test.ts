// Tests `vfio peek` and `vfio poke`.
import test from 'ava';
import { vfioHere } from './in-process.js';

test('peek prints one register as a number and several registers in rows', async (t) => {
  const [one, many, wide] = await Promise.all([
    vfioHere(['peek', 'mock:edu', 'bar0', '0']),
    vfioHere(['peek', 'mock:nvme', 'config', '0', '--count', '3', '-w', '2']),
    vfioHere(['peek', 'mock:nvme', 'bar0', '0', '-w', '8', '-n', '3']),
  ]);
  t.deepEqual(one, { code: 0, stdout: 'bar0+0x0000: 010000ed\n', stderr: '' });
  t.is(many.stdout, 'config+0x0000: 1b36 0010 0103\n');
  t.regex(wide.stdout, /^bar0\+0x0000: [0-9a-f]{16} [0-9a-f]{16}\nbar0\+0x0010: 0{16}\n$/);
});

test('peek --json prints values above 2^53 as strings', async (t) => {
  const [read, wrote] = await Promise.all([
    vfioHere(['peek', 'mock:nvme', 'bar0', '0', '--width', '8', '--json']),
    vfioHere(['poke', 'mock:edu', 'bar0', '0x4', '0x12345678', '--read', '--json']),
  ]);
  t.deepEqual(JSON.parse(read.stdout), {
    device: 'mock:nvme',
    region: 'bar0',
    offset: 0,
    width: 8,
    values: ['0x4018200f0107ff'],
  });
  t.deepEqual(JSON.parse(wrote.stdout), {
    device: 'mock:edu',
    region: 'bar0',
    width: 4,
    registers: [{ offset: 4, wrote: 0x12345678, value: 0xedcba987 }],
  });
});

test('poke writes several values to consecutive registers', async (t) => {
  const { code, stdout } = await vfioHere([
    'poke',
    'mock:edu',
    'bar0',
    '0x80',
    '1',
    '0x2',
    '-w',
    '8',
    '--read',
  ]);
  t.is(code, 0);
  t.is(
    stdout,
    'bar0+0x0080: 0000000000000001 -> 0000000000000001\n' +
      'bar0+0x0088: 0000000000000002 -> 0000000000000002\n',
  );
});

/** Wrong offsets, widths and values, each with the text of the expected error. */
const REFUSED: readonly (readonly [says: string, ...args: string[]])[] = [
  ["mock:edu has no region 'bar1'; known: bar0, config", 'peek', 'mock:edu', 'bar1', '0'],
  ['offset 0x2 is not a multiple of 4', 'peek', 'mock:edu', 'bar0', '2'],
  [
    '1 × 4 bytes at 0x100000 exceed the 0x100000 bytes of bar0',
    ...['peek', 'mock:edu', 'bar0', '0x100000'],
  ],
  [
    '3 × 4 bytes at 0xffff8 exceed the 0x100000 bytes of bar0',
    ...['poke', 'mock:edu', 'bar0', '0xffff8', '1', '2', '3'],
  ],
  [
    'config cannot be mapped, so --width must be at most 4',
    'peek',
    'mock:edu',
    'config',
    '0',
    '-w',
    '8',
  ],
  ["--width must be 1, 2, 4 or 8, not '3'", 'peek', 'mock:edu', 'bar0', '0', '-w', '3'],
  [
    "the offset must be a number such as 4096 or 0x1000, not '-4'",
    'peek',
    'mock:edu',
    'bar0',
    '--',
    '-4',
  ],
  ['--count must be at most 65536, not 65537', 'peek', 'mock:edu', 'bar0', '0', '-n', '65537'],
  ['0x100 does not fit into 1 bytes', 'poke', 'mock:edu', 'bar0', '0', '0x100', '-w', '1'],
  [
    "a value must be a number such as 4096 or 0x1000, not 'x'",
    'poke',
    'mock:edu',
    'bar0',
    '0',
    '1',
    'x',
  ],
  ['give a value', 'poke', 'mock:edu', 'bar0', '0'],
  ['give an offset, or the name of a register', 'poke', 'mock:edu', 'bar0'],
];

test('peek and poke refuse an access that would fault, before the first access', async (t) => {
  const outcomes = await Promise.all(REFUSED.map(([, ...args]) => vfioHere(args)));
  outcomes.forEach(({ code, stdout, stderr }, i) => {
    const [says, ...args] = REFUSED[i] ?? [''];
    t.deepEqual([code, stdout], [2, ''], args.join(' '));
    t.true(stderr.startsWith(`vfio: ${says}`), stderr);
    t.is(stderr.indexOf('\n'), stderr.length - 1);
  });
});
