import { fileURLToPath } from 'node:url';
import fc from '../../fast-check.js';
import type { Span, Target } from '../targets.js';
import { clearConfig } from './ops.js';

const SNAPSHOT = fileURLToPath(new URL('../../../../test/snapshot/e1000e.json', import.meta.url));
/** The MSI-X table of five vectors. */
const TABLE: Span = [0, 0x50];
const PBA = 0x2000;
/** Address and data of MSI. */
const MESSAGE: Span = [0xd4, 0xde];
const RAW: readonly Span[] = [
  [0x40, 0xa0],
  [0xac, 0xc8],
  [0xde, 0xe0],
  [0xf4, 0x100],
  [0xff0, 0x1000],
];

/**
 * QEMU's 82574, and a mock device that was made from a snapshot of the 82574. Registers of this
 * mock device are plain memory.
 */
export const e1000e: Target = {
  name: 'e1000e',
  mock: `mock:${SNAPSHOT}`,
  vectors: [1, 1, 5, 1, 1],
  configSize: 4096,
  capabilities: { pm: 0xc8, msi: 0xd0, msix: 0xa0, pcie: 0xe0 },
  raw: RAW,
  bars: [
    {
      index: 0,
      size: 0x20000,
      reads: [0x00, 0x08, 0x14, 0x5400],
      // The flow control address registers have no effect without a link.
      writes: [0x28, 0x2c, 0x30].map((offset) => ({ offset, values: [] })),
    },
    {
      index: 3,
      size: 0x4000,
      reads: [TABLE[0], 4, 12, TABLE[1] - 16, TABLE[1] - 4, PBA, PBA + 4],
      writes: [
        { offset: 12, values: [0, 1] },
        { offset: TABLE[1] - 4, values: [0, 1] },
        { offset: PBA, values: [0, 0xffffffff] },
      ],
      table: TABLE,
    },
  ],
  // A reset of the device neither masks the vectors nor clears the MSI message.
  prologue: [
    ...[...RAW, MESSAGE].map(clearConfig),
    ...[0, 1, 2, 3, 4].map((vector) => ({
      ...{ op: 'mmio_write', region: 3, offset: TABLE[0] + 16 * vector + 12, width: 4, value: 1 },
    })),
  ],
  releasePin: [],
  messageMs: 0,
  steps: fc.constant(() => []),
};
