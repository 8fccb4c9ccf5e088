import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Benchmark, Contender } from '../lib/measure.js';

const sources = fileURLToPath(new URL('../../../bench', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'vfio-peers-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

const C = 'C program';
const PYTHON = 'Python';

interface Peer {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

/**
 * For each of our benchmarks, by title: the arguments of the other programs, and the goal relative
 * to Python.
 */
const PATHS = [
  { title: 'read32', arguments: ['load32'], unit: 1, toPython: 0.2 },
  { title: 'write32', arguments: ['store32'], unit: 1, toPython: 0.2 },
  { title: 'config.read32', arguments: ['pread32'], unit: 1, toPython: 0.5 },
  { title: 'eventfd.signal', arguments: ['signal'], unit: 1, toPython: undefined },
  { title: 'interrupts, 1 of 1', arguments: ['round', '1'], unit: 1000, toPython: undefined },
  { title: 'interrupts, 64 of 64', arguments: ['round', '64'], unit: 1000, toPython: 0.5 },
  { title: 'interrupts, 2048 of 2048', arguments: ['round', '2048'], unit: 1000, toPython: 0.5 },
] as const;

/**
 * The benchmarks of other programs. Each program runs in a separate process, in the same rounds as
 * our benchmarks.
 */
export function peerBenchmarks(benchmarks: readonly Benchmark[]): Benchmark[] {
  const peers = findPeers();
  if (peers.length === 0) return [];
  return PATHS.flatMap(({ title, arguments: path, unit, toPython }) => {
    const benchmark = benchmarks.find((one) => one.title === title);
    const own = benchmark?.contenders.find(({ name }) => name === 'vfio');
    if (benchmark === undefined || own === undefined) return [];
    const contenders = peers.map((peer): Contender => {
      return { name: peer.name, run: () => run(peer, path) / unit };
    });
    return {
      title: `peers: ${title}`,
      unit: benchmark.unit,
      contenders: [...contenders, { ...own, run: () => runTwice(own) }],
      goals: peers.map(({ name }) => ({
        of: own.name,
        to: name,
        ...(name === PYTHON && toPython !== undefined && { atMost: toPython }),
      })),
    };
  });
}

/**
 * Runs a contender twice and returns the duration of the second run. During the first run, the exit
 * of the previous process can still use CPU time.
 */
async function runTwice({ run }: Contender): Promise<number> {
  await run();
  return run();
}

function findPeers(): Peer[] {
  const program = join(folder, 'peer');
  const peers: Peer[] = [];
  if (succeeds('gcc', '-O2', '-o', program, join(sources, 'c/peer.c'))) {
    peers.push({ name: C, command: [program] });
  }
  if (succeeds('python3', '-c', 'import select')) {
    peers.push({ name: PYTHON, command: ['python3', join(sources, 'python/peer.py')] });
  }
  return peers;
}

function run({ command: [file, ...first] }: Peer, path: readonly string[]): number {
  return Number(execFileSync(file, [...first, ...path], { encoding: 'utf8' }));
}

function succeeds(file: string, ...args: string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    console.error(`# skipped: ${file} is missing or fails`);
    return false;
  }
}
