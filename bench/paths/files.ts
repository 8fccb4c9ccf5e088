import { signalEventfds } from 'vfio';
import { helper, timed } from '../lib/helper.js';
import type { Bench } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';

const TURNS = 400;
const DWORDS = 64;
/**
 * Offset of a register outside of all capabilities. A write to this register cannot start a
 * function reset, so the library does not inspect the write.
 */
const HEADER = 60;
const BATCH = 64;
const BATCHES = 50;

/**
 * The benchmarks of operations that make a system call: accesses to configuration space, and
 * eventfd signals. Each benchmark has its own loop, so that V8 can inline the operation.
 */
export function fileBenchmarks({ device, fd, configOffset }: Bench): Benchmark[] {
  const { config } = device;
  const eventfds = Array.from({ length: BATCH }, () => device.createEventfd());
  const [eventfd] = eventfds;
  const fds = Int32Array.from(eventfds, ({ fd: number }) => number ?? -1);
  const bare = fds[0] ?? -1;
  const c = 'C';
  const ours = 'vfio';
  return [
    {
      title: 'config.read32',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.pread32(fd, configOffset + 64, 1, TURNS) },
        {
          name: 'C, by Node-API',
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) helper.bareRead(fd, configOffset + 64);
            }),
        },
        {
          name: ours,
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) config.read32(64);
            }),
        },
      ],
      goals: [
        { of: ours, to: c, atMost: 1.2, stretch: 1.1 },
        { of: ours, to: 'C, by Node-API' },
      ],
    },
    {
      title: 'config.write32',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.pwrite32(fd, configOffset + HEADER, TURNS) },
        {
          name: 'C, by Node-API',
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) {
                helper.bareWrite(fd, configOffset + HEADER, turn);
              }
            }),
        },
        {
          name: ours,
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) config.write32(HEADER, turn);
            }),
        },
      ],
      goals: [
        { of: ours, to: c, atMost: 1.2, stretch: 1.1 },
        { of: ours, to: 'C, by Node-API' },
      ],
    },
    {
      title: `config.read of ${DWORDS} dwords`,
      unit: 'ns',
      contenders: [
        {
          name: 'C, a pread each',
          run: () => DWORDS * helper.pread32(fd, configOffset, DWORDS, 6),
        },
        {
          name: ours,
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) config.read(0, 4 * DWORDS);
            }),
        },
      ],
      goals: [{ of: ours, to: 'C, a pread each', atMost: 1.07 }],
    },
    {
      title: 'eventfd.signal',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.signalTurns(fds.subarray(0, 1), TURNS) },
        {
          name: 'C, by Node-API',
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) helper.bareSignal(bare);
            }),
        },
        {
          name: ours,
          run: () =>
            timed(TURNS, () => {
              for (let turn = 0; turn < TURNS; turn++) eventfd?.signal();
            }),
        },
      ],
      goals: [
        { of: ours, to: c, atMost: 1.2, stretch: 1.1 },
        { of: ours, to: 'C, by Node-API' },
      ],
    },
    {
      title: `signalEventfds, ${BATCH}`,
      unit: 'ns',
      contenders: [
        { name: c, run: () => BATCH * helper.signalTurns(fds, BATCHES) },
        {
          name: ours,
          run: () =>
            timed(BATCHES, () => {
              for (let i = 0; i < BATCHES; i++) signalEventfds(eventfds);
            }),
        },
      ],
      goals: [{ of: ours, to: c, atMost: 1.05 }],
    },
  ];
}
