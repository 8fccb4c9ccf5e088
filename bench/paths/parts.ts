import { native } from '../../lib/native/binding.js';
import type { PciDevice } from '../../lib/index.js';
import { helper, LOOP_PARTS } from '../lib/helper.js';
import { openBench, requestVectors } from '../lib/host.js';
import type { Benchmark, Contender } from '../lib/measure.js';
import { runTurns } from './rounds.js';

const TURNS = 8000;

/**
 * The benchmark of the parts of one interrupt. Each contender does the work of the contenders above
 * it and one part more, so the difference of two contenders is the cost of a part.
 */
export function partBenchmarks(): Benchmark[] {
  const c = Int32Array.of(native().eventfdCreate());
  const inLoop = (part: number): (() => Promise<number>) => {
    const fd = native().eventfdCreate();
    const seen = new Uint32Array(1);
    helper.receiveInLoop(fd, part, seen, counterOf(seen));
    return () => runTurns(Int32Array.of(fd), 1, seen, TURNS);
  };
  return [
    {
      title: 'parts of one interrupt',
      unit: 'ns',
      contenders: [
        { name: 'C, read', run: () => helper.rounds(c, 1, TURNS, false) },
        { name: 'signal', run: () => helper.signalTurns(c, TURNS) },
        { name: 'C, edge triggered', run: () => helper.rounds(c, 1, TURNS, true) },
        { name: 'event loop', run: inLoop(LOOP_PARTS.loop) },
        { name: 'second epoll set', run: inLoop(LOOP_PARTS.secondSet) },
        { name: 'JavaScript function', run: inLoop(LOOP_PARTS.function) },
        { name: 'asynchronous context', run: inLoop(LOOP_PARTS.callback) },
        addonContender(),
        vectorContender('listener', (device, onInterrupt) => {
          device.interrupts.msix.vector(0)?.on('interrupt', onInterrupt);
        }),
        vectorContender('async iterator', (device, onInterrupt) => {
          void iterate(device, onInterrupt);
        }),
      ],
    },
  ];
}

/** The event set of the addon, with a function in place of the dispatcher. */
function addonContender(): Contender {
  const calls = native();
  const seen = new Uint32Array(1);
  const fd = calls.eventfdCreate();
  const set = calls.eventSetCreate(new Uint32Array(1), new BigUint64Array(1));
  calls.eventSetAdd(set, 0, fd, false);
  calls.eventSetServe(set, counterOf(seen));
  return {
    name: 'addon',
    run: async () => {
      calls.eventSetRef(set);
      try {
        return await runTurns(Int32Array.of(fd), 1, seen, TURNS);
      } finally {
        calls.eventSetUnref(set);
      }
    },
  };
}

/** A vector of a device, with a receiver that `receive` adds. */
function vectorContender(
  name: string,
  receive: (device: PciDevice, onInterrupt: () => void) => void,
): Contender {
  const { device } = openBench(1);
  const fds = requestVectors(device, 1);
  const seen = new Uint32Array(1);
  receive(device, counterOf(seen));
  device.interrupts.msix.vector(0)?.unref();
  return { name, run: () => runTurns(fds, 1, seen, TURNS) };
}

async function iterate(device: PciDevice, onInterrupt: () => void): Promise<void> {
  const vector = device.interrupts.msix.vector(0);
  if (vector === undefined) throw new Error('vector 0 is not requested');
  for await (const count of vector) {
    if (count > 0n) onInterrupt();
  }
}

/** Returns a function that adds 1 to `seen[0]`. */
function counterOf(seen: Uint32Array): () => void {
  return () => {
    seen[0] = (seen[0] ?? 0) + 1;
  };
}
