import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toJsonLine } from '../../../lib/run/json.js';
import { createFile } from '../../../lib/observe/append-file.js';
import { RecordFile } from '../../../lib/observe/record/index.js';
import { runCommand } from '../run-program.js';

const LIBRARY = new URL('../../../lib/mock.js', import.meta.url).href;
const START = `
  const { openDeviceSync } = await import(${JSON.stringify(LIBRARY)});
  const device = openDeviceSync('mock:edu');
  device.config.update('command', { memory: 1 });
  const registers = device.bar(0).map();
  registers.write32(4, 0x1234);`;

function makePath(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-record-file-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  return join(folder, 'record.jsonl');
}

/** Runs a program that is recorded. @returns the operations of the record */
async function operationsOf(t: ExecutionContext, end: string): Promise<string[]> {
  const path = makePath(t);
  const program = [process.execPath, '--input-type=module', '-e', START + end];
  await runCommand(program, { env: { VFIO_RECORD: path } });
  const text = readFileSync(path, 'utf8');
  t.true(text.endsWith('\n'));
  return text
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { op: string }).op);
}

test('the record contains the calls of the turn in which the program exits', async (t) => {
  const ops = await operationsOf(t, 'process.exit(0);');
  t.is(ops.at(-1), 'mmio_write');
});

test('the record contains the calls of the turn in which an exception ends the program', async (t) => {
  const ops = await operationsOf(t, "throw new Error('the driver failed');");
  t.is(ops.at(-1), 'mmio_write');
});

test('if a program is killed in a polling loop, the record contains the calls before the loop', async (t) => {
  const ops = await operationsOf(
    t,
    "for (let i = 0; i < 9; i++) registers.read32(0); process.kill(process.pid, 'SIGKILL');",
  );
  t.deepEqual(ops.slice(-2), ['mmio_write', 'mmio_read']);
});

test('if a program is killed after its turn, the record contains the calls of the turn', async (t) => {
  const ops = await operationsOf(t, "setTimeout(() => process.kill(process.pid, 'SIGKILL'), 1);");
  t.is(ops.at(-1), 'mmio_write');
});

test('a change of memory is the same line as any other operation', (t) => {
  const path = makePath(t);
  const file = new RecordFile(createFile(path).fd);
  const data = '01020304';
  const contents = Buffer.from(`0000000000000000${data}`, 'hex');
  const change = { name: 'b1', offset: 8, length: 4, contents, count: 0 };
  file.writeDeviceChange(change);
  file.writeProgramChange(change, true);
  file.writeProgramChange(change, false);
  file.write({ op: 'mmio_write', region: 0, offset: 8, width: 8, value: 1n << 60n }, { ok: true });
  file.flush();
  const { offset, length } = change;
  const place = { name: 'b1', offset };
  const lines = [
    { op: 'buffer_read', ...place, length, inferred: true, answer: { ok: true, data } },
    { op: 'buffer_write', ...place, data, inferred: true, answer: { ok: true } },
    { op: 'buffer_write', ...place, data, answer: { ok: true } },
    { op: 'mmio_write', region: 0, offset: 8, width: 8, value: 1n << 60n, answer: { ok: true } },
  ];
  t.is(readFileSync(path, 'utf8'), lines.map((line) => `${toJsonLine(line)}\n`).join(''));
});
