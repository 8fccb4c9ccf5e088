import { type ChildProcess, execFile, execFileSync, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const SOURCE = fileURLToPath(new URL('../../../bench/c/serve.c', import.meta.url));
const at = (program: string) => fileURLToPath(new URL(program, import.meta.url));

/** The run with which the other runs are compared. */
const EMPTY = 'empty server, message';

/** Numbers of operations. */
export interface Counts {
  /** Reads with up to 32 reads at a time. */
  readonly deep: number;
  /** Reads, one at a time. */
  readonly single: number;
  /** Round trips of an empty server, each for its two kinds of answers. */
  readonly empty: number;
}

/** The result of one run of the client. */
export interface Run {
  readonly what: string;
  /** The run with which the run is compared, or null. */
  readonly against: string | null;
  readonly operations: number;
  readonly perSecond: number;
  /** Microseconds. */
  readonly p50: number;
  readonly p99: number;
  /** CPU time of the server for one operation, in microseconds. Null if it is not measured. */
  readonly cpu: number | null;
}

interface Printed {
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Measures a served mock:nvme with a C client in another process: 4 KiB reads by posted doorbells,
 * shared memory and an eventfd. Then measures the round trips of an empty Node server, which answers
 * by a message or, like the NVMe, by an eventfd.
 */
export async function measure({ deep, single, empty }: Counts): Promise<Run[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-bench-'));
  const client = join(folder, 'client');
  const socket = (name: string) => join(folder, name);
  const children: ChildProcess[] = [];
  try {
    execFileSync('gcc', ['-O2', '-o', client, SOURCE]);
    const run = async (...args: string[]) =>
      JSON.parse((await promisify(execFile)(client, args)).stdout) as Printed;
    children.push(...keepAwake());
    const nvme = await start('served-nvme.js', socket('nvme'));
    const echo = await start('empty-server.js', socket('empty'));
    children.push(nvme, echo);
    const reads = async (depth: number, count: number): Promise<Run> => {
      const used = once(nvme, 'message') as Promise<[{ cpu: number }]>;
      const printed = await run(socket('nvme'), 'reads', `${depth}`, `${count}`);
      const [{ cpu }] = await used;
      return describe(`reads, depth ${depth}`, count, printed, cpu / count);
    };
    // V8 compiles the code of the server during the first reads.
    await reads(32, Math.min(deep, 20_000));
    return [
      await reads(32, deep),
      await reads(1, single),
      describe(EMPTY, empty, await run(socket('empty'), 'echo', `${empty}`), null),
      describe(
        'empty server, eventfd',
        empty,
        await run(socket('empty'), 'signal', `${empty}`),
        null,
      ),
    ];
  } finally {
    for (const child of children) child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  }
}

function describe(what: string, operations: number, printed: Printed, cpu: number | null): Run {
  const { seconds, p50, p99 } = printed;
  const against = what === EMPTY ? null : EMPTY;
  return { what, against, operations, perSecond: operations / seconds, p50, p99, cpu };
}

async function start(program: string, socket: string): Promise<ChildProcess> {
  const child = fork(at(program), [socket]);
  await once(child, 'message');
  return child;
}

/**
 * Keeps every CPU busy at the lowest priority, until this process ends. The wake of a sleeping CPU
 * takes longer than all other steps of a round trip.
 */
function keepAwake(): ChildProcess[] {
  const loop = `while (process.ppid === ${process.pid});`;
  return cpus().map(() => spawn('nice', ['-n', '19', process.execPath, '-e', loop]));
}
