import type { RegisterWindow } from '../../lib/index.js';
import { helper, timed } from '../lib/helper.js';
import type { Bench } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';

const REGISTERS = 256;
/**
 * Number of turns of a loop. A loop takes about 1 ms, which is shorter than the time slice of a
 * busy machine.
 */
const TURNS = 500;
const TURNS_IN_C = 10_000;
const BLOCKS = 300;
const WORDS = 20_000;
const BLOCK = 4096;

/**
 * The benchmarks of mapped registers. The registers are plain memory, so the times contain only the
 * overhead and not the time of a device.
 */
export function registerBenchmarks({ device }: Bench): Benchmark[] {
  const window = device.bar(0).map();
  const block = new Uint8Array(4 * BLOCK);
  const memory = new Uint32Array(BLOCK);
  const copied = new Uint32Array(BLOCK);
  const registers = new Uint32Array(REGISTERS);
  const one = new Uint8Array(4);
  const c = 'C';
  const ours = 'vfio';
  return [
    {
      title: 'read32',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.loadRegisters(registers, TURNS_IN_C) },
        { name: ours, run: () => timed(TURNS * REGISTERS, () => read(window, TURNS)) },
      ],
      goals: [
        { of: ours, to: c, atMost: 25, stretch: 10 },
        { of: ours, atMost: 15 },
      ],
    },
    {
      title: 'write32',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.storeRegisters(registers, TURNS_IN_C) },
        {
          name: ours,
          run: () =>
            timed(TURNS * REGISTERS, () => {
              write(window, TURNS);
            }),
        },
      ],
      goals: [
        { of: ours, to: c, atMost: 10, stretch: 6 },
        { of: ours, atMost: 5 },
      ],
    },
    {
      title: `readBlock, ${BLOCK} words`,
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.copyRegisters(memory, copied, BLOCKS) },
        {
          name: ours,
          run: () =>
            timed(BLOCKS, () => {
              for (let turn = 0; turn < BLOCKS; turn++) window.readBlock(0, block, 4);
            }),
        },
      ],
      goals: [{ of: ours, to: c, atMost: 1.25, stretch: 1.1 }],
    },
    {
      title: 'readBlock, 1 word',
      unit: 'ns',
      contenders: [
        { name: c, run: () => helper.loadRegisters(registers, TURNS_IN_C) },
        {
          name: ours,
          run: () =>
            timed(WORDS, () => {
              for (let turn = 0; turn < WORDS; turn++) window.readBlock(4, one, 4);
            }),
        },
      ],
      goals: [
        { of: ours, to: c, atMost: 80, stretch: 50 },
        { of: ours, atMost: 45 },
      ],
    },
  ];
}

function read(window: RegisterWindow, turns: number): number {
  let sum = 0;
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 0; i < 4 * REGISTERS; i += 4) sum ^= window.read32(i);
  }
  return sum;
}

function write(window: RegisterWindow, turns: number): void {
  for (let turn = 0; turn < turns; turn++) {
    for (let i = 0; i < 4 * REGISTERS; i += 4) window.write32(i, i);
  }
}
