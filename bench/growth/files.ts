import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openConnection } from 'vfio/mock';
import { AppendFile, createFile } from '../../lib/observe/append-file.js';
import {
  KernelFaults,
  readTrace,
  writeChromeTrace,
  writeTracePage,
} from '../../lib/observe/trace/index.js';
import { readSnapshot, takeSnapshot, writeSnapshot } from '../../lib/snapshot/index.js';
import { helper } from '../lib/helper.js';
import type { Benchmark } from '../lib/measure.js';
import { growth, type Sized } from './growth.js';

const KIB = 1024;
/** Number of lines that are written to a trace file at once. */
const BATCH = 10_000;
/** The largest trace takes a minute, so its benchmark has few rounds. */
const ROUNDS = 3;

/** The benchmarks of reading large files. */
export async function fileBenchmarks(): Promise<Benchmark[]> {
  const connection = await openConnection('mock:edu');
  const snapshot = takeSnapshot(connection, []);
  connection.close();
  return [
    growth({
      title: 'a KiB of a snapshot, by KiB of a BAR',
      unit: 'us',
      sizes: [64, 1024, 16 * 1024],
      make(size) {
        const contents = new Uint8Array(size * KIB).map((_, i) => (i * 7) | 1);
        const regions = snapshot.regions.map((region) =>
          region.index === 0 ? { ...region, size: contents.length, contents } : region,
        );
        const text = writeSnapshot({ ...snapshot, regions });
        return {
          run: () => {
            const start = helper.threadTime();
            readSnapshot(text);
            return (helper.threadTime() - start) / size / 1000;
          },
        };
      },
    }),
    growth({
      title: 'a call of a trace, by calls',
      sizes: [1e4, 1e5, 1e6, 1e7],
      rounds: ROUNDS,
      make: tracePage,
    }),
  ];
}

/** Makes the page and the file for Perfetto of a trace with writes to a register. */
function tracePage(calls: number): Sized {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-growth-'));
  writeTrace(folder, calls);
  return {
    async run() {
      const start = helper.threadTime();
      const trace = await readTrace(folder, {
        command: null,
        late: null,
        ending: null,
        isRunning: false,
        faults: new KernelFaults(),
        signal: new AbortController().signal,
      });
      let characters = 0;
      const count = (text: string) => {
        characters += text.length;
      };
      writeChromeTrace(trace, count);
      writeTracePage(trace, count);
      if (characters === 0) throw new Error('the page is empty');
      return (helper.threadTime() - start) / calls;
    },
    close: () => {
      rmSync(folder, { recursive: true });
    },
  };
}

/** Writes the file that the tracer writes for a loop of register accesses. */
function writeTrace(folder: string, calls: number): void {
  const file = new AppendFile(createFile(join(folder, '1-0.jsonl')).fd);
  const start = { type: 'start', at: 0, pid: 1, thread: 0, argv: ['node', 'driver.js'] };
  const device = { device: 'mock:edu', via: 'group' };
  const window = { type: 'object', kind: 'window', id: 2, region: 0, offset: 0, ...device };
  file.append(`${JSON.stringify(start)}\nnull\n${JSON.stringify(window)}\n`);
  for (let done = 0; done < calls; done += BATCH) {
    let lines = '';
    for (let i = done; i < done + BATCH; i++) {
      lines += `[${i * 1000},300,2,"write32","0x4, 0x${i.toString(16)}"]\n`;
    }
    file.append(lines);
  }
  file.close();
}
