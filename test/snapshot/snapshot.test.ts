import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { mockControl, openConnection, VfioError } from 'vfio/mock';
import { readSnapshot, takeSnapshot, writeSnapshot } from '../../lib/snapshot/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vfio-snapshot-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

const E1000E = fileURLToPath(new URL('../../../test/snapshot/e1000e.json', import.meta.url));

let files = 0;

function file(text: string): string {
  const path = join(folder, `${++files}.json`);
  writeFileSync(path, text);
  return path;
}

async function snapshot(name: string, bars: readonly number[] = []): Promise<string> {
  const connection = await openConnection(name);
  try {
    return writeSnapshot(takeSnapshot(connection, bars));
  } finally {
    connection.close();
  }
}

for (const model of ['edu', 'nvme', 'testdev']) {
  test(`a mock device made from the snapshot of ${model} has the same snapshot`, async (t) => {
    const text = await snapshot(`mock:${model}`);
    const again = await snapshot(`mock:${file(text)}`);
    const withoutName = (one: string): string => one.replace(/"device": .*/, '');
    t.is(withoutName(again), withoutName(text));
    t.true(text.split('\n').every((line) => line.length <= 100));
  });
}

test('the BAR of a mock device made from a snapshot has the recorded contents', async (t) => {
  const path = file(await snapshot('mock:nvme', [0]));
  const [original, mock] = [
    await openConnection('mock:nvme'),
    await openConnection(`mock:${path}`),
  ];
  t.is(mock.load(0, 0x08, 4), original.load(0, 0x08, 4));
  t.not(mock.load(0, 0x08, 4), 0);
  mock.store(0, 0x14, 4, 0x1234);
  t.is(mock.load(0, 0x14, 4), 0x1234);
  original.close();
  mock.close();
});

test("a mock device made from a snapshot of an e1000e has the e1000e's regions and interrupts", async (t) => {
  const connection = await openConnection(`mock:${E1000E}`);
  t.is(connection.load(7, 0, 4), 0x10d3_8086);
  t.deepEqual(
    [0, 1, 2, 3, 4].map((index) => connection.getIrqInfo(index).count),
    [1, 1, 5, 1, 1],
  );
  t.deepEqual(
    [0, 1, 2, 3].map((index) => Number(connection.getRegionInfo(index).size)),
    [0x20000, 0x20000, 0x20, 0x4000],
  );
  connection.close();
});

test('a mock device made from a snapshot has the IOVA ranges of the snapshot', async (t) => {
  const text = await snapshot('mock:edu');
  const narrow = text.replace(/"ranges": \[.*\]/, '"ranges": [["0x1000", "0xffff"]]');
  const connection = await openConnection(`mock:${file(narrow)}`);
  t.deepEqual(connection.addressSpace.ranges(), [{ start: 0x1000n, end: 0xffffn }]);
  const memory = connection.addressSpace.allocate(4096, false);
  await connection.addressSpace.map(memory, 0, 4096n, 0x1000n, 3);
  await t.throwsAsync(connection.addressSpace.map(memory, 0, 4096n, 0x10000n, 3), {
    instanceOf: VfioError,
    code: 'EINVAL',
  });
  connection.close();
});

type Edit = (snapshot: Record<string, unknown>) => void;
const regions = (one: Record<string, unknown>) => one.regions as Record<string, unknown>[];
const first = (one: Record<string, unknown>) => regions(one)[0] ?? {};

for (const [what, edit, says] of [
  ['another format', (one) => (one.format = 'vfio-snapshot/2'), /format must be vfio-snapshot\/1/],
  ['a missing field', (one) => delete one.resets, /has no 'resets'/],
  ['an unknown field', (one) => (one.extra = 1), /unknown field 'extra'/],
  ['a wrong flag', (one) => (first(one).flags = ['fly']), /regions\[0\]\.flags\[0\] must be/],
  ['a negative size', (one) => (first(one).size = -1), /regions\[0\]\.size must be/],
  ['an odd size', (one) => (first(one).size = 100), /BAR 0: size must be a power of two/],
  [
    'a device that did not respond',
    (one) => (one.config = ['000:', '010:', '020:', '030:'].map((row) => row + ' ff'.repeat(16))),
    /the device did not respond: its configuration space is all ones/,
  ],
  ['a duplicate region', (one) => regions(one).push(first(one)), /regions contain index 0 twice/],
  ['too many bytes', (one) => (one.config = ['fff: 00 01']), /ends past the end at 4096 bytes/],
  ['a row that cannot be parsed', (one) => (one.config = ['hello']), /'hello' is not an offset/],
  ['rows out of order', (one) => (one.config = ['010: 00', '000: 01']), /starts before the end/],
  [
    'a range that ends before its start',
    (one) => (one.dma = { page_sizes: 1, ranges: [[2, 1]] }),
    /ranges\[0\]/,
  ],
  [
    'an MSI-X table that overlaps the pending bits',
    ({ config }) => {
      const rows = config as string[];
      const msix = rows.findIndex((row) => row.startsWith('040: 11'));
      rows[msix] = rows[msix]?.replace('00 30 00 00', '10 20 00 00') ?? '';
    },
    /pending bit array at 0x2010 overlaps the MSI-X table/,
  ],
  [
    'a BAR smaller than its MSI-X table',
    (one) => (first(one).size = 4096),
    /MSI-X table ends at 0x[0-9a-f]+, past the end of BAR 0 at 0x1000/,
  ],
] as [string, Edit, RegExp][]) {
  test(`a snapshot file is refused because of ${what}`, async (t) => {
    const parsed = JSON.parse(await snapshot('mock:nvme')) as Record<string, unknown>;
    edit(parsed);
    const path = file(JSON.stringify(parsed));
    const error = await t.throwsAsync(openConnection(`mock:${path}`), { instanceOf: VfioError });
    t.like(error, { code: 'EINVAL', path });
    t.regex(error.message, says);
  });
}

test('readSnapshot() refuses a missing file, a file that is not JSON, and a folder', async (t) => {
  const open = (path: string) => openConnection(`mock:${path}`);
  await t.throwsAsync(open(join(folder, 'none.json')), { code: 'ENOENT' });
  await t.throwsAsync(open(file('{')), { code: 'EINVAL', message: /the file is not JSON/ });
  await t.throwsAsync(open(`${folder}/`), { code: 'EINVAL' });
});

test('readSnapshot() returns the snapshot that writeSnapshot() wrote', async (t) => {
  const connection = await openConnection('mock:nvme');
  const taken = takeSnapshot(connection, [0]);
  connection.close();
  const read = readSnapshot(writeSnapshot(taken));
  t.deepEqual(read.config, taken.config);
  t.deepEqual(read.dma, taken.dma);
  t.deepEqual(read.interrupts, taken.interrupts);
});

test('takeSnapshot() throws for a device that does not respond', async (t) => {
  const connection = await openConnection('mock:testdev');
  const control = mockControl('mock:testdev');
  control.unplug();
  t.throws(() => takeSnapshot(connection, []), {
    code: 'EIO',
    message:
      "EIO: the device does not respond: every read of configuration space returns all ones 'mock:testdev'",
  });
  connection.close();
  control.clear();
});
