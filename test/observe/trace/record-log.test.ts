import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { followRecord } from '../../../lib/observe/trace/record-log.js';
import { temporaryFolder } from '../../native/helpers.js';

const OK = { ok: true };
const LINES = [
  { op: 'irq_info', index: 2, answer: { ...OK, flags: 1, count: 65 } },
  { op: 'read', region: 7, offset: 0, length: 4, answer: { ...OK, data: '361b1000' } },
  { op: 'write', region: 7, offset: 4, data: '0604', answer: { ...OK, length: 2 } },
  { op: 'mmio_write', region: 4, offset: 0x3000, width: 2, value: 0, answer: OK },
  { op: 'mmio_read', region: 0, offset: 8, width: 8, answer: { ...OK, value: '0x20000000000001' } },
  { op: 'reset', answer: { ok: false, code: 'EINVAL', syscall: 'VFIO_DEVICE_RESET' } },
];

test('a record is a text while the program writes the record', async (t) => {
  const path = join(temporaryFolder(), 'record.jsonl');
  const [first, ...rest] = LINES.map((line) => `${JSON.stringify(line)}\n`);
  writeFileSync(path, first ?? '');
  let log = '';
  let isRunning = true;
  const source = { isRunning: () => isRunning, signal: new AbortController().signal };
  await followRecord(path, source, (text) => {
    if (log === '') {
      // The program continues after its first line was printed.
      appendFileSync(path, rest.join(''));
      isRunning = false;
    }
    log += text;
  });
  t.is(
    log,
    `irq_info(index 2) = flags 1, count 65
config+0x0 r[4 bytes] -> 36 1b 10 00
config+0x4 w[2 bytes] <- 06 04
bar4+0x3000 w16 <- 0
bar0+0x8 r64 -> 0x20000000000001
reset() = EINVAL VFIO_DEVICE_RESET
`,
  );
});
