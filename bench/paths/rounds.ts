import type { PciDevice } from '../../lib/index.js';
import { helper } from '../lib/helper.js';
import { openBench, requestVectors } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';

/** Pairs of numbers: the number of vectors that fire at once, and the number of armed vectors. */
const SHAPES = [
  [1, 1],
  [1, 2048],
  [64, 64],
  [64, 2048],
  [2048, 2048],
] as const;

/** Returns the number of turns with which each round delivers about 60,000 interrupts. */
const turnsOf = (fired: number) => Math.max(30, Math.round(60_000 / (fired + 2)));

/**
 * The benchmarks of interrupts. One thread signals vectors, and each interrupt reaches the listener
 * of its vector.
 */
export function roundBenchmarks(): Benchmark[] {
  return SHAPES.map(([fired, armed]): Benchmark => {
    const { device } = openBench(armed);
    const fds = requestVectors(device, armed);
    const rounds = new Rounds(device, fds, fired);
    const fdsInC = Int32Array.from({ length: armed }, () => device.createEventfd().fd ?? -1);
    const turns = turnsOf(fired);
    return {
      title: `interrupts, ${fired} of ${armed}`,
      unit: 'us',
      contenders: [
        { name: 'C, read', run: () => helper.rounds(fdsInC, fired, turns, false) / 1000 },
        { name: 'C, edge triggered', run: () => helper.rounds(fdsInC, fired, turns, true) / 1000 },
        { name: 'vfio', run: () => rounds.run(turns) },
      ],
      goals:
        fired === 1
          ? [{ of: 'vfio', to: 'C, read', atMost: 2.5, stretch: 1.8 }]
          : [
              { of: 'vfio', to: 'C, read', atMost: 0.8, stretch: 0.7 },
              { of: 'vfio', to: 'C, edge triggered', atMost: 1.4 },
            ],
    };
  });
}

/** Runs rounds in the event loop. The signals come from C code, as in the C contenders. */
export class Rounds {
  readonly #fds: Int32Array;
  readonly #fired: number;
  readonly #seen = new Uint32Array(1);

  constructor(device: PciDevice, fds: Int32Array, fired: number) {
    this.#fds = fds;
    this.#fired = fired;
    const seen = this.#seen;
    for (let i = 0; i < fds.length; i++) {
      const count = () => {
        seen[0] = (seen[0] ?? 0) + 1;
      };
      // A vector does not keep the process alive. Only run() keeps the process alive.
      device.interrupts.msix.vector(i)?.on('interrupt', count).unref();
    }
  }

  /** Runs rounds. @returns microseconds per round */
  async run(turns: number): Promise<number> {
    return (await runTurns(this.#fds, this.#fired, this.#seen, turns)) / 1000;
  }
}

/**
 * Signals eventfds in the event loop, and waits until all signals were seen.
 * @returns CPU time per turn, in nanoseconds
 */
export async function runTurns(
  fds: Int32Array,
  count: number,
  seen: Uint32Array,
  turns: number,
): Promise<number> {
  const start = helper.threadTime();
  await new Promise<void>((resolve) => {
    helper.signalInLoop(fds, count, seen, turns, resolve);
  });
  return (helper.threadTime() - start) / turns;
}
