import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { followTrace } from '../../../lib/observe/trace/follow.js';
import type { Line } from '../../../lib/observe/trace/format.js';
import { temporaryFolder } from '../../native/helpers.js';

const NAME = { device: 'mock:nvme', irq: 'msix', vector: 3 };
const OBJECT = { type: 'object', device: 'mock:nvme', via: 'group' } as const;
const START = { type: 'start', at: 1e9, pid: 12, argv: ['node', 'driver.js'] } as const;

const LINES: readonly Line[] = [
  { ...START, thread: 0 },
  { ...OBJECT, id: 1, kind: 'device' },
  [1_000_100_000, 5000, 1, 'load', '7, 4, 2', '3'],
  [1_000_200_000, 5000, 1, 'store', '7, 4, 2, 0x406'],
  [1_000_300_000, 5000, 1, 'write', '7, 0x40, 2 bytes: 06 04', '2'],
  { ...OBJECT, id: 2, kind: 'window', region: 4, offset: 0x2000 },
  [1_001_000_000, 1000, 2, 'write16', '0x1000, 0'],
  [1_002_000_000, 150_000_000, 2, 'read32', '0x1c', '0xdead', null, 1234],
  [1_160_000_000, 1000, 2, 'readBlock', '0, 64 bytes, 4'],
  [1_170_000_000, 1000, 2, 'read32', '3', null, 'offset 3 is not a multiple of 4'],
  { type: 'bind', at: 1_200_000_000, ...NAME },
  [1_210_000_000, 2_500_000, 1, 'setIrqs', 'msix 3 EVENTFD|TRIGGER', '0'],
  { ...OBJECT, id: 3, kind: 'eventSet' },
  { type: 'begin', at: 1_300_000_000, object: 3, method: 'wait', args: '-1' },
  {
    type: 'deliver',
    at: 1_400_000_000,
    end: 1_400_012_000,
    device: 'mock:nvme',
    vectors: [{ irq: 'msix', vector: 3, total: 1 }],
  },
  // The thread that watches eventfds reports this signal late.
  { type: 'signal', at: 1_399_000_000, ...NAME, total: 1 },
  [1_300_000_000, 100_000_000, 3, 'wait', '-1', '1'],
  { type: 'begin', at: 1_500_000_000, object: 3, method: 'wait', args: '-1' },
  { type: 'dmaFault', at: 1_600_000_000, device: 'mock:nvme', text: 'write to 0x1000: not mapped' },
  { type: 'mask', at: 1_700_000_000, device: 'mock:nvme', irq: 'intx', vector: 0 },
  { type: 'leave', at: 1_800_000_000, ...NAME, total: 3 },
  { type: 'release', at: 1_800_000_000, ...NAME },
  { type: 'end', at: 1_900_000_000, exitCode: 9 },
];

const WORKER: readonly Line[] = [
  { ...START, at: 1_050_000_000, thread: 2 },
  { ...OBJECT, id: 1, kind: 'window', region: 0, offset: 0 },
  [1_060_000_000, 1000, 1, 'write32', '0x14, 0x460001'],
];

/** Writes a trace, and returns its log. */
async function logOf(files: Record<string, readonly Line[]>): Promise<string> {
  const folder = temporaryFolder();
  for (const [name, lines] of Object.entries(files)) {
    writeFileSync(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  }
  let log = '';
  const source = { folder, isRunning: () => false, signal: new AbortController().signal };
  await followTrace(source, (text) => {
    log += text;
  });
  return log;
}

test('each event of a trace is one line, in the order of time', async (t) => {
  t.is(
    await logOf({ '12-0.jsonl': LINES, '12-2.jsonl': WORKER }),
    `  0.000000 process 12 starts: node driver.js
  0.000100 mock:nvme config+0x4 r16 -> 3
  0.000200 mock:nvme config+0x4 w16 <- 0x406
  0.000300 mock:nvme config+0x40 w[2 bytes] <- 06 04
  0.001000 mock:nvme bar4+0x3000 w16 <- 0
  0.002000 mock:nvme bar4+0x201c r32 -> 0xdead (1234 times in 0.150000 s)
  0.050000 [12.2] thread 2 of process 12 starts: node driver.js
  0.060000 [12.2] mock:nvme bar0+0x14 w32 <- 0x460001
  0.160000 mock:nvme bar4+0x2000 r32[16]
  0.170000 mock:nvme bar4+0x2003 r32 = offset 3 is not a multiple of 4
  0.200000 mock:nvme msix 3 bound
  0.210000 mock:nvme setIrqs(msix 3 EVENTFD|TRIGGER) = 0 <0.002500>
  0.300000 mock:nvme wait(-1) = 1 <0.100000>
  0.399000 mock:nvme msix 3 interrupt
  0.400000 mock:nvme msix 3 delivered <0.000012>
  0.500000 mock:nvme wait(-1) <unfinished ...>
  0.600000 mock:nvme DMA fault: write to 0x1000: not mapped
  0.700000 mock:nvme intx 0 masked
  0.800000 mock:nvme msix 3 lost 2 interrupts
  0.800000 mock:nvme msix 3 unbound
  0.900000 process 12 ends with exit code 9
+++ exit code 9
+++ mock:nvme: msix 3 fired 1 time, the last time at 0.399 s, and was bound for 0.400 s more
+++ mock:nvme: bus master is off: the program never set the bit bus_master of the command register, so the device sends no DMA and no MSI or MSI-X
+++ mock:nvme: bar4+0x201c r32 was polled in vain: 1,234 times in 0.150 s, always 0xdead, the last time 0.748 s before the end
+++ mock:nvme: DMA fault: write to 0x1000: not mapped
+++ mock:nvme: wait(-1) did not return for 0.400 s
`,
  );
});

test('a call that returns after its start was printed is resumed', async (t) => {
  // A window of 65,536 lines lies between the start and the end of the call.
  const reads = Array.from({ length: 70_000 }, (_, i): Line => [
    1_310_000_000 + i,
    1,
    2,
    'read32',
    '0',
    String(i),
  ]);
  const lines: Line[] = [
    { ...START, thread: 0 },
    { ...OBJECT, id: 2, kind: 'window', region: 0, offset: 0 },
    { ...OBJECT, id: 3, kind: 'eventSet' },
    { type: 'begin', at: 1_300_000_000, object: 3, method: 'wait', args: '-1' },
    ...reads,
    [1_300_000_000, 20_000_482_000, 3, 'wait', '-1', '1'],
  ];
  const log = await logOf({ '12-0.jsonl': lines });
  const calls = log.split('\n').filter((line) => line.includes('wait'));
  t.deepEqual(calls, [
    '  0.300000 mock:nvme wait(-1) <unfinished ...>',
    ' 20.300482 mock:nvme <... wait resumed> = 1 <20.000482>',
  ]);
  t.is(log.split('\n').filter((line) => line.includes('r32')).length, 70_000);
});

test('a killed program has no exit code', async (t) => {
  const log = await logOf({ '12-0.jsonl': LINES.slice(0, 4) });
  t.regex(log, /\+\+\+ killed or crashed after 0\.0 s\n$/);
});

test('the log says if the program opened no device', async (t) => {
  t.is(await logOf({}), '+++ killed or crashed after 0.0 s\n+++ the program opened no device\n');
  const none: Line[] = [
    { ...START, thread: 0 },
    { type: 'end', at: 1_900_000_000, exitCode: 0 },
  ];
  t.regex(
    await logOf({ '12-0.jsonl': none }),
    /\+\+\+ exit code 0\n\+\+\+ the program opened no device\n$/,
  );
});
