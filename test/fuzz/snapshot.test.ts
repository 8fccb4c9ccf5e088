// Tests edited and damaged snapshot files. Either the file is refused with a reason, or the opened
// device matches the file.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openConnection, VfioError } from 'vfio/mock';
import fc from '../fast-check.js';
import { MockBackend } from '../../lib/backend/mock/index.js';
import { ModelRegistry } from '../../lib/backend/mock/models/registry.js';
import {
  readSnapshot,
  SnapshotError,
  takeSnapshot,
  writeSnapshot,
} from '../../lib/snapshot/index.js';
import { fuzz, u32 } from './inputs.js';

const folder = mkdtempSync(join(tmpdir(), 'vfio-snapshot-'));
const path = join(folder, 'fuzz.json');
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

const e1000e = fileURLToPath(new URL('../../../test/snapshot/e1000e.json', import.meta.url));
const texts = [readFileSync(e1000e, 'utf8')];
for (const name of ['mock:edu', 'mock:nvme', 'mock:testdev']) {
  const connection = await openConnection(name);
  texts.push(writeSnapshot(takeSnapshot(connection, [])));
  connection.close();
}

const hex = (value: number | bigint) => `0x${value.toString(16)}`;
const odd = fc.oneof(
  fc.constantFrom<unknown>(null, true, '', '0x', '0x10000000000000000', -1, 0.5, 1e300, [], {}),
  fc.constantFrom<unknown>(['read', 'mmap'], [[0, 0]], '000: 00', 'cdev', 0x1000, 0x4000, 2 ** 40),
  u32,
  u32.map(hex),
  // A row of a configuration space dump with random bytes, in the header or in capabilities.
  fc.tuple(fc.nat(0x1ff), fc.uint8Array({ minLength: 1, maxLength: 17 })).map(([at, bytes]) => {
    const row = [...bytes].map((byte) => byte.toString(16).padStart(2, '0'));
    return `${at.toString(16).padStart(3, '0')}: ${row.join(' ')}`;
  }),
);
const edit = fc.record({
  // Index of the value to edit, among all values of the file.
  at: fc.nat(),
  how: fc.constantFrom('replace', 'replace', 'delete', 'double', 'bytes'),
  value: odd,
});
const input = fc.record({
  text: fc.constantFrom(...texts),
  edits: fc.array(edit, { maxLength: 4 }),
  cut: fc.option(fc.nat(5000), { freq: 20 }),
});

type Tree = Record<string, unknown> | unknown[];

/** Returns the parent and the key of every value in a tree. */
function places(tree: Tree): [Tree, string][] {
  return Object.keys(tree).flatMap((key): [Tree, string][] => {
    const value = (tree as Record<string, unknown>)[key];
    const below = typeof value === 'object' && value !== null ? places(value as Tree) : [];
    return [[tree, key], ...below];
  });
}

function apply(tree: Tree, { at, how, value }: { at: number; how: string; value: unknown }): void {
  const all = places(tree);
  const [parent, key] = all[at % Math.max(all.length, 1)] ?? [tree, ''];
  const holder = parent as Record<string, unknown>;
  const old = holder[key];
  if (how === 'delete') {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else Reflect.deleteProperty(holder, key);
  } else if (how === 'double' && Array.isArray(old)) {
    old.push(...(old as unknown[]));
  } else if (how === 'bytes' && typeof old === 'string' && typeof value === 'number') {
    // Replace one digit of a dump or of a number.
    const digit = value % Math.max(old.length, 1);
    holder[key] = `${old.slice(0, digit)}${(value >>> 28).toString(16)}${old.slice(digit + 1)}`;
  } else {
    // Clone the value, because another edit can change the value.
    holder[key] = structuredClone(value);
  }
}

function textOf({
  text,
  edits,
  cut,
}: {
  text: string;
  edits: Parameters<typeof apply>[1][];
  cut: number | null;
}) {
  const tree = JSON.parse(text) as Tree;
  for (const one of edits) apply(tree, one);
  const edited = JSON.stringify(tree);
  return cut === null ? edited : edited.slice(0, cut);
}

test('a damaged snapshot file is refused, or its snapshot can be written and read back unchanged', async (t) => {
  let taken = 0;
  await fuzz(t, 500, input.map(textOf), (text) => {
    let first: ReturnType<typeof readSnapshot>;
    try {
      first = readSnapshot(text);
    } catch (error) {
      if (!(error instanceof SnapshotError)) throw error;
      return;
    }
    taken++;
    const written = writeSnapshot(first);
    if (writeSnapshot(readSnapshot(written)) !== written)
      throw new Error('the snapshot that was written differs from the snapshot that was read');
  });
  t.true(taken > 0);
});

test('a damaged snapshot file is refused, or opens a mock device that matches the file', async (t) => {
  let opened = 0;
  await fuzz(t, 200, input.map(textOf), (text) => {
    writeFileSync(path, text);
    let connection;
    try {
      connection = new MockBackend(new ModelRegistry([])).openSync(`mock:${path}`, {});
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
      if (error.path !== path)
        throw new Error('the path in the error is not the path of the file', { cause: error });
      return;
    }
    opened++;
    const { config, regions } = readSnapshot(text);
    for (const { index, size } of regions) {
      if (index > 5) continue;
      const seen = connection.getRegionInfo(index);
      if (seen.size !== BigInt(size)) throw new Error(`BAR ${index} has ${seen.size} bytes`);
      const bytes = new Uint8Array(8);
      connection.read(index, 0, bytes);
    }
    const identity = connection.load(7, 0, 4);
    if (identity !== new DataView(config.buffer).getUint32(0, true)) throw new Error('wrong ids');
    const shape = takeSnapshot(connection, []);
    connection.close();
    // The mock back end can open a snapshot that was taken from a mock device.
    writeFileSync(path, writeSnapshot(shape));
    new MockBackend(new ModelRegistry([])).openSync(`mock:${path}`, {}).close();
  });
  t.true(opened > 0);
});
