// Tests the registers that `--registers` names, and `vfio registers import`.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { root } from '../rooms.js';
import { vfioHere } from './in-process.js';
import { vfio } from './vfio.js';

const NVME = join(root, 'examples/nvme.registers.json');
const folder = mkdtempSync(join(tmpdir(), 'vfio-registers-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

test('peek prints the fields of a register', async (t) => {
  const [text, json, array] = await Promise.all([
    vfioHere(['peek', 'mock:nvme', 'bar0.vs', '--registers', NVME]),
    vfioHere(['peek', 'mock:nvme', 'bar0.vs', '--registers', NVME, '--json']),
    vfioHere(['peek', 'mock:nvme', 'bar0.sqtdbl[1]', '--registers', NVME]),
  ]);
  t.deepEqual(text, {
    code: 0,
    stdout: 'bar0.vs: 00010400\n  ter  0\n  mnr  4\n  mjr  1\n',
    stderr: '',
  });
  t.deepEqual(JSON.parse(json.stdout), {
    device: 'mock:nvme',
    registers: [
      { name: 'bar0.vs', offset: 8, width: 4, value: 0x10400, fields: { ter: 0, mnr: 4, mjr: 1 } },
    ],
  });
  t.deepEqual(array, {
    code: 2,
    stdout: '',
    stderr: 'vfio: register bar0.sqtdbl[1] is write-only\n',
  });
});

test('poke writes a number, or replaces fields', async (t) => {
  const [number, fields, bell] = await Promise.all([
    vfioHere(['poke', 'mock:nvme', 'bar0.aqa', '0x1f001f', '--read', '--registers', NVME]),
    vfioHere([
      'poke',
      'mock:nvme',
      'bar0.cc',
      'iosqes=6',
      'iocqes=4',
      '--registers',
      NVME,
      '--json',
    ]),
    vfioHere(['poke', 'mock:nvme', 'bar0.sqtdbl[0]', '0', '--registers', NVME]),
  ]);
  t.is(number.stdout, 'bar0.aqa: 001f001f -> 001f001f\n');
  t.deepEqual(JSON.parse(fields.stdout), {
    device: 'mock:nvme',
    registers: [{ name: 'bar0.cc', offset: 0x14, width: 4, wrote: 0x46_0000 }],
  });
  t.is(bell.stdout, 'bar0.sqtdbl[0]: 00000000\n');
});

/** Wrong command lines, each with the text of the error. */
const REFUSED: readonly (readonly [says: string, ...args: string[]])[] = [
  ["did you mean 'bar0.csts'?", 'peek', 'mock:nvme', 'bar0.cst'],
  ["'bar0.cc' has no --width", 'peek', 'mock:nvme', 'bar0.cc', '-w', '4'],
  ["unexpected offset '0' after 'bar0.cc'", 'peek', 'mock:nvme', 'bar0.cc', '0'],
  ['give an offset, or the name of a register', 'peek', 'mock:nvme', 'bar0'],
  ['register bar0.csts is read-only', 'poke', 'mock:nvme', 'bar0.csts', '1'],
  ['give a value for bar0.cc, or fields as en=1', 'poke', 'mock:nvme', 'bar0.cc'],
  ['give one value for bar0.cc, not 2', 'poke', 'mock:nvme', 'bar0.cc', '1', '2'],
  ["register bar0.cc has no field 'on'; known: en, css", 'poke', 'mock:nvme', 'bar0.cc', 'on=1'],
  ['2 does not fit into the 1 bits of field en', 'poke', 'mock:nvme', 'bar0.cc', 'en=2'],
  ['give an index, as bar0.sqtdbl[0]', 'poke', 'mock:nvme', 'bar0.sqtdbl', '1'],
  ['give a value', 'poke', 'mock:nvme', 'bar0', '0'],
];

test('a wrong name, field or value is refused before the device is opened', async (t) => {
  const outcomes = REFUSED.map(async ([says, ...args]) => {
    const { code, stdout, stderr } = await vfioHere([...args, '--registers', NVME]);
    t.deepEqual([code, stdout, stderr.includes(says)], [2, '', true], stderr);
  });
  await Promise.all(outcomes);
  const none = await vfioHere(['peek', 'mock:nvme', 'bar0.cc']);
  t.is(none.stderr, "vfio: give --registers <file> to use the name 'bar0.cc'\n");
});

test('the error for an array of blocks names a register of a block', async (t) => {
  const file = join(folder, 'blocks.json');
  const port = { offset: 0, count: 2, registers: { cmd: { offset: 0, width: 4 } } };
  writeFileSync(file, JSON.stringify({ regions: { bar0: { port } } }));
  const { stderr } = await vfioHere([
    ...['poke', 'mock:nvme', 'bar0.port.cmd', '1'],
    ...['--registers', file],
  ]);
  t.regex(stderr, /give an index, as bar0\.port\[0\]\.cmd\n/);
});

test('import makes a file that --registers reads', async (t) => {
  const [svd, json] = [join(folder, 'card.svd'), join(folder, 'card.json')];
  writeFileSync(
    svd,
    `<device><peripherals><peripheral><name>EDU</name><baseAddress>0x100</baseAddress><registers>
      <register><name>ID</name><addressOffset>0</addressOffset><access>read-only</access>
        <fields><field><name>MAJOR</name><lsb>24</lsb><msb>31</msb></field></fields></register>
      <register><name>ODD</name><size>24</size><addressOffset>4</addressOffset></register>
    </registers></peripheral></peripherals></device>`,
  );
  const made = await vfioHere(['registers', 'import', svd, '-o', json]);
  t.deepEqual([made.code, made.stdout], [0, '']);
  t.is(made.stderr, 'vfio: ODD is left out: the width of register odd must be one of 1, 2, 4, 8\n');
  const peeked = await vfioHere(['peek', 'mock:edu', 'bar0.id', '--registers', json]);
  t.is(peeked.stdout, 'bar0.id: 010000ed\n  major  1\n');
  const again = await vfioHere(['registers', 'import', svd, '-o', json]);
  t.is(again.code, 1);
  t.regex(again.stderr, /EEXIST/);
  const printed = await vfioHere(['registers', 'import', svd]);
  t.is(printed.stdout, readFileSync(json, 'utf8'));
  t.is((await vfioHere(['registers', 'export', svd])).code, 2);
});

test('run names the registers and the changed fields', async (t) => {
  const script = [
    { op: 'write', region: 7, offset: 4, data: '0600' },
    { op: 'mmio_read', region: 0, offset: 0x1c, width: 4 },
    { op: 'mmio_write', region: 0, offset: 0x14, width: 4, value: 0x46_0000 },
    { op: 'mmio_write', region: 0, offset: 0x14, width: 4, value: 0x46_0001 },
    { op: 'mmio_read', region: 0, offset: 0x800, width: 4 },
  ];
  const input = script.map((one) => JSON.stringify(one)).join('\n');
  const { code, stdout } = await vfio(['run', 'mock:nvme', '--registers', NVME], input);
  t.is(code, 0);
  const replies = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { register?: string });
  t.deepEqual(
    replies.map(({ register }) => register),
    [
      undefined,
      'bar0.csts -> 0x0 (rdy=0, cfs=0, shst=0, nssro=0, pp=0)',
      'bar0.cc.en <- 0, bar0.cc.css <- 0, bar0.cc.mps <- 0, bar0.cc.ams <- 0, bar0.cc.shn <- 0, ' +
        'bar0.cc.iosqes <- 6, bar0.cc.iocqes <- 4',
      'bar0.cc.en <- 1',
      undefined,
    ],
  );
});

test('the prompt of repl has the registers', async (t) => {
  const input = `device.config.update('command', { memory: 1 })
regs.bar0.vs.read().mjr
regs.bar0.cc
regs.bar0.sqtdbl.at(3).name
`;
  const { stdout } = await vfio(['repl', 'mock:nvme', '--registers', NVME], input);
  t.is(stdout, "1\nregister bar0.cc at 0x14\n'bar0.sqtdbl[3]'\n");
});
