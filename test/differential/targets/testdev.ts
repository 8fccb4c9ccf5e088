import fc from '../../fast-check.js';
import type { Target } from '../targets.js';
import { load, store } from './ops.js';

const PORTS = 1;
/** Numbers of the tests that a BAR offers, and the number of an unknown test. */
const KINDS = [0, 1, 2, 3, 0xff];
const HEADER = [0x00, 0x01, 0x02, 0x04, 0x08, 0x0c, 0x0d, 0x10, 0x18, 0x1c, 0x24, 0x2c, 0x30];
/** Values for the data writes of a test. */
const DATA = [0xfa, 0xce, 0];

export const testdev: Target = {
  name: 'testdev',
  mock: 'mock:testdev',
  vectors: [0, 0, 0, 0, 1],
  configSize: 256,
  capabilities: {},
  raw: [[0x40, 0x100]],
  bars: [
    {
      index: 0,
      size: 4096,
      reads: [...HEADER, 2048, 2050, 4092],
      writes: [
        { offset: 0, values: KINDS },
        ...[2048, 2049, 2050, 2051].map((offset) => ({ offset, values: DATA })),
      ],
    },
    {
      index: PORTS,
      size: 256,
      reads: [...HEADER, 128, 131, 252],
      writes: [
        { offset: 0, values: KINDS },
        ...[128, 131, 132, 133].map((offset) => ({ offset, values: DATA })),
      ],
    },
  ],
  prologue: [{ op: 'write', region: 7, offset: 0x40, data: '00'.repeat(0xc0) }, store(0, 0xff, 1)],
  releasePin: [],
  messageMs: 0,
  steps: fc
    .tuple(fc.constantFrom(0, PORTS), fc.constantFrom(0, 1, 2), fc.constantFrom(...DATA), fc.nat(3))
    .map(([region, kind, data, times]) => () => {
      const watched = region === 0 ? 2048 + kind : 128 + 3 + kind;
      return [
        { ...store(0, kind, 1), region },
        ...Array.from({ length: times }, () => ({ ...store(watched, data, 1), region })),
        { ...load(0x0c), region },
      ];
    }),
};
