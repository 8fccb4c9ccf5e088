import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { mockBackend } from '../../../lib/backend/mock/index.js';
import { eduDemo } from '../../../lib/demo/edu.js';
import { nvmeDemo } from '../../../lib/demo/nvme/demo.js';
import { deviceApi } from '../../../lib/device/open.js';
import type { PciDevice } from '../../../lib/index.js';
import { observeBackend } from '../../../lib/observe/index.js';
import { createRecorder } from '../../../lib/observe/record/index.js';
import type { Reply } from '../../../lib/run/run.js';
import { answers } from '../../run/lines.js';

const folder = mkdtempSync(join(tmpdir(), 'vfio-record-test-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

type Line = Readonly<Record<string, unknown>> & { readonly op: string; readonly answer: Reply };

function read(path: string): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/** Runs a program on a mock device, records its calls and returns the lines of the record. */
async function record(
  name: string,
  program: (device: PciDevice) => unknown,
  path = join(folder, name.replace(/\W/g, '-')),
): Promise<Line[]> {
  const { openDevice } = deviceApi([observeBackend(mockBackend, [createRecorder(path)])]);
  const device = await openDevice(name);
  try {
    await program(device);
  } finally {
    device.close();
  }
  return read(path);
}

function without(lines: readonly Line[], ...ops: readonly string[]): Line[] {
  return lines.filter(({ op }) => !ops.includes(op));
}

for (const [model, demo] of [
  ['mock:edu', eduDemo],
  ['mock:nvme', nvmeDemo],
] as const) {
  test(`${model}: a replay of a recorded driver gives the recorded answers`, async (t) => {
    const lines = await record(`${model}#recorded`, demo);
    const ops = new Set(lines.map(({ op }) => op));
    for (const op of ['set_irqs', 'eventfd_read', 'mmio_write', 'dma_map', 'buffer_write']) {
      t.true(ops.has(op), op);
    }
    t.true(ops.has('buffer_read'));
    const replies = await answers(model, lines);
    t.deepEqual(
      replies.filter((reply) => 'recorded' in reply),
      [],
    );
  });
}

test('a record contains program writes before the call, and device writes after the interrupt', async (t) => {
  const lines = await record('mock:edu#memory', async (device) => {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    const vector = device.interrupts.msi.request(0, { counts: true });
    const buffer = await device.dma.allocate(8192);
    const copy = async (source: bigint, destination: bigint, command: bigint) => {
      const done = vector.next();
      registers.write64(0x80, source);
      registers.write64(0x88, destination);
      registers.write64(0x90, 4n);
      registers.write64(0x98, command);
      await done;
    };
    buffer.bytes.set([1, 2, 3, 4], 100);
    await copy(buffer.iova + 100n, 0x40000n, 5n);
    await copy(0x40000n, buffer.iova + 4200n, 7n);
  });
  const memory = lines.filter(({ op }) => op.startsWith('buffer'));
  t.deepEqual(memory, [
    { op: 'buffer', name: 'b1', size: 8192, answer: { ok: true } },
    { op: 'buffer_write', name: 'b1', offset: 100, data: '01020304', answer: { ok: true } },
    {
      ...{ op: 'buffer_read', name: 'b1', offset: 4200, length: 4, inferred: true },
      answer: { ok: true, data: '01020304' },
    },
  ]);
  const at = (part: object): number =>
    lines.findIndex((line) => Object.entries(part).every(([name, value]) => line[name] === value));
  t.true(at({ op: 'buffer_write' }) < at({ op: 'mmio_write', offset: 0x80 }));
  t.true(at({ op: 'eventfd_read' }) < at({ op: 'buffer_read' }));
});

test('changes of write-only memory are recorded as device writes even without an interrupt', async (t) => {
  const lines = await record('mock:edu#polled', async (device) => {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    const buffer = await device.dma.allocate(4096, { access: 'write' });
    buffer.bytes.fill(0xff);
    registers.write64(0x80, 0x40000n);
    registers.write64(0x88, buffer.iova);
    registers.write64(0x90, 2n);
    registers.write64(0x98, 3n);
    while ((registers.read64(0x98) & 1n) !== 0n);
  });
  const changes = lines.filter(({ op }) => op === 'buffer_write' || op === 'buffer_read');
  t.is(changes[0]?.op, 'buffer_read', 'a change of write-only memory is a buffer_read');
  t.like(changes.at(-1), { op: 'buffer_read', offset: 0, answer: { data: '0000ffff' } });
});

/** The lines of a record that show changes of memory: operation, buffer and offset. */
function changesOf(lines: readonly Line[]): string[] {
  return lines
    .filter(({ op }) => op === 'buffer_write' || op === 'buffer_read')
    .map(({ op, name, offset }) => `${op} ${String(name)} ${String(offset)}`);
}

test('rings come after other memory, and the words of a ring that change most often come last', async (t) => {
  const lines = await record('mock:edu#rings', async (device) => {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    const ring = await device.dma.allocate(4096, { access: 'read' });
    const data = await device.dma.allocate(4096, { access: 'read' });
    registers.write64(0x80, ring.iova);
    const words = new Uint32Array(ring.buffer);
    for (let n = 1; n <= 3; n++) {
      words[0] = n;
      words[n] = 7;
      data.bytes[8 * n] = n;
      registers.write32(4, n);
    }
  });
  t.deepEqual(changesOf(lines), [
    ...['buffer_write b2 8', 'buffer_write b1 0'],
    ...['buffer_write b2 16', 'buffer_write b1 8', 'buffer_write b1 0'],
    ...['buffer_write b2 24', 'buffer_write b1 12', 'buffer_write b1 0'],
  ]);
});

test('a word that the device changed once is a word of the device from then on', async (t) => {
  const lines = await record('mock:edu#owned', async (device) => {
    device.config.update('command', { memory: 1, bus_master: 1 });
    const registers = device.bar(0).map();
    const vector = device.interrupts.msi.request(0);
    const buffer = await device.dma.allocate(4096);
    const copy = async (source: bigint, destination: bigint, command: bigint) => {
      const done = vector.next();
      registers.write64(0x80, source);
      registers.write64(0x88, destination);
      registers.write64(0x90, 4n);
      registers.write64(0x98, command);
      await done;
    };
    buffer.bytes.set([1, 2, 3, 4]);
    await copy(buffer.iova, 0x40000n, 5n);
    await copy(0x40000n, buffer.iova + 8n, 7n);
    buffer.bytes.set([9], 8);
    buffer.bytes.set([9], 16);
    registers.write32(4, 1);
  });
  t.deepEqual(changesOf(lines), [
    'buffer_write b1 0',
    'buffer_read b1 8',
    'buffer_read b1 8',
    'buffer_write b1 16',
  ]);
});

test('a failing call is recorded; a call that the library refuses is not recorded', async (t) => {
  const lines = await record('mock:edu#failing', (device) => {
    t.throws(() => device.region(8));
    t.throws(() => device.bar(0).map({ offset: -1 }));
  });
  const failures = lines.filter(({ answer }) => !answer.ok);
  t.true(failures.length > 0);
  for (const { answer } of failures) t.regex(String(answer.code), /^E[A-Z]+$/);
});

test('repeated reads with the same result are recorded as one line', async (t) => {
  const lines = await record('mock:edu#asking', (device) => {
    device.config.update('command', { memory: 1 });
    const registers = device.bar(0).map();
    for (let i = 0; i < 5; i++) registers.read32(0);
    registers.write32(4, 1);
    for (let i = 0; i < 2; i++) registers.write32(4, 2);
    for (let i = 0; i < 5; i++) registers.read32(4);
    const block = new Uint8Array(8);
    registers.readBlock(0, block, 4);
  });
  const accesses = lines.filter(({ op }) => op.startsWith('mmio'));
  const [identity, inverted] = [0x010000ed, 0xffff_fffd];
  t.deepEqual(
    accesses.map(({ op, offset, value, answer }) => [op, offset, value ?? answer.value]),
    [
      ['mmio_read', 0, identity],
      ['mmio_write', 4, 1],
      ['mmio_write', 4, 2],
      ['mmio_write', 4, 2],
      ['mmio_read', 4, inverted],
      ['mmio_read', 0, identity],
      ['mmio_read', 4, inverted],
    ],
  );
});

test('the interrupt count of a vector without { counts: true } is recorded as "1+"', async (t) => {
  const lines = await record('mock:edu#uncounted', async (device) => {
    const vector = device.interrupts.msi.request(0);
    const next = vector.next();
    vector.trigger();
    vector.trigger();
    await next;
  });
  t.deepEqual(
    lines.filter(({ op }) => op === 'eventfd_read').map(({ answer }) => answer.value),
    ['1+'],
  );
  const replies = await answers('mock:edu', without(lines, 'region_info'));
  t.false(replies.some((reply) => 'recorded' in reply));
});

test('a recorder does not overwrite an existing file', async (t) => {
  const path = join(folder, 'taken');
  writeFileSync(path, 'mine');
  const observer = createRecorder(path);
  const { openDevice } = deviceApi([observeBackend(mockBackend, [observer])]);
  for (const name of ['mock:edu#one', 'mock:edu#two']) (await openDevice(name)).close();
  t.is(readFileSync(path, 'utf8'), 'mine');
  const files = readdirSync(folder).filter((name) => name.startsWith('taken'));
  t.deepEqual(files.sort(), ['taken', 'taken.2', 'taken.3']);
  t.is(read(`${path}.3`)[0]?.op, 'info');
});
