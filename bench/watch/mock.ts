import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mockBackend } from '../../lib/backend/mock/index.js';
import { deviceApi } from '../../lib/device/open.js';
import { observeBackend, type Observer } from '../../lib/observe/index.js';
import { createRecorder } from '../../lib/observe/record/index.js';
import { createTracer } from '../../lib/observe/trace/tracer.js';
import { timedAsync } from '../lib/helper.js';
import { measure, type Result } from '../lib/measure.js';
import { goalsOf, PLAIN, RECORDED, TRACED } from './results.js';
import { type Work, worksOf } from './work.js';

/** Measures the work on `mock:nvme`, with each observer and without an observer. */
export async function measureMock(rounds: number): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-watch-'));
  const observers: Readonly<Record<string, readonly Observer[]>> = {
    [PLAIN]: [],
    [TRACED]: [createTracer(join(folder, 'trace'))],
    [RECORDED]: [createRecorder(join(folder, 'record.jsonl'))],
  };
  try {
    const programs = await Promise.all(
      Object.entries(observers).map(async ([name, own]) => {
        const { openDevice } = deviceApi([observeBackend(mockBackend, own)]);
        const device = await openDevice(`mock:nvme#${name.replaceAll(' ', '-')}`);
        return { name, works: worksOf(device) };
      }),
    );
    const results: Result[] = [];
    for (;;) {
      const contenders: { name: string; work: Work }[] = [];
      for (const { name, works } of programs) {
        const next = await works.next();
        if (next.done !== true) contenders.push({ name, work: next.value });
      }
      const title = contenders[0]?.work.path;
      if (title === undefined) return results;
      console.error(`# ${title}`);
      const benchmark = {
        title,
        unit: 'ns',
        contenders: contenders.map(({ name, work }) => ({
          name,
          run: () => timedAsync(work.operations, work.run),
        })),
        goals: goalsOf(title),
      };
      results.push(await measure(benchmark, rounds));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
