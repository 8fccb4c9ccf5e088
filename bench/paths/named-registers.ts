import { defineRegisters } from '../../lib/index.js';
import { timed } from '../lib/helper.js';
import type { Bench } from '../lib/host.js';
import type { Benchmark } from '../lib/measure.js';

const TURNS = 100_000;
const OFFSET = 0x1c;
const PORTS = 4;
const PORT_OFFSET = 0x100;
const STRIDE = 0x20;

const REGISTERS = defineRegisters('bench', {
  status: { offset: OFFSET, width: 4, fields: { ready: 0, state: [3, 1] } },
  port: {
    offset: PORT_OFFSET,
    count: PORTS,
    stride: STRIDE,
    registers: { status: { offset: 4, width: 4, fields: { ready: 0 } } },
  },
});

/** Compares reads of registers by name with reads of the same registers by offset. */
export function namedRegisterBenchmarks({ device }: Bench): Benchmark[] {
  const window = device.bar(0).map();
  const regs = REGISTERS.on(window);
  const port = regs.port.at(0);
  // Each loop is written out, because V8 optimizes each function for its own reads.
  return [
    compare(
      'register by name, value',
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) sum ^= window.read32(OFFSET);
        return sum;
      },
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) sum ^= regs.status.value;
        return sum;
      },
    ),
    compare(
      'register of a block, value',
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) sum ^= window.read32(PORT_OFFSET + 4);
        return sum;
      },
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) sum ^= port.status.value;
        return sum;
      },
    ),
    compare(
      'register of the block at(i), value',
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) {
          sum ^= window.read32(PORT_OFFSET + (turn % PORTS) * STRIDE + 4);
        }
        return sum;
      },
      () => {
        let sum = 0;
        for (let turn = 0; turn < TURNS; turn++) sum ^= regs.port.at(turn % PORTS).status.value;
        return sum;
      },
    ),
  ];
}

function compare(title: string, byOffset: () => number, byName: () => number): Benchmark {
  return {
    title,
    unit: 'ns',
    contenders: [
      { name: 'read32', run: () => timed(TURNS, byOffset) },
      { name: 'vfio', run: () => timed(TURNS, byName) },
    ],
    goals: [{ of: 'vfio', to: 'read32', atMost: 1.5 }],
  };
}
