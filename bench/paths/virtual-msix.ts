import { createEventfd, SoftwareSource, VirtualMsix } from 'vfio';
import { timed } from '../lib/helper.js';
import type { Benchmark } from '../lib/measure.js';

const VECTORS = 64;
const TURNS = 200;
const STORES = 1_000_000;
const ENABLE = 0x8000;
const VECTOR_CONTROL = 12;
/** Size of the table in bytes. */
const TABLE = 16 * VECTORS;

const makeTable = () =>
  new VirtualMsix({
    vectors: VECTORS,
    table: { bar: 0, offset: 0x2000 },
    pba: { bar: 0, offset: 0x3000 },
  });

/**
 * The benchmarks of writes to the table and of emulated interrupts. The times of the interrupts
 * include the signals of the eventfds.
 */
export function virtualMsixBenchmarks(): Benchmark[] {
  const eventfds = Array.from({ length: VECTORS }, () => createEventfd());
  const vectors = Uint32Array.from(eventfds, (_, vector) => vector);
  const msix = makeTable();
  const software = new SoftwareSource(msix);
  software.emulate(0, VECTORS);
  msix.configWrite(2, 2, ENABLE);
  for (const [vector, eventfd] of eventfds.entries()) {
    msix.connect(vector, eventfd);
    msix.tableWrite(16 * vector + VECTOR_CONTROL, 4, 0);
  }
  const turns = (run: () => void) => () =>
    timed(TURNS, () => {
      for (let turn = 0; turn < TURNS; turn++) run();
    });

  const masked = makeTable();
  const words = new Uint32Array(TABLE / 4);
  const store = (offset: number, value: number) => {
    if (offset % 4 !== 0 || offset < 0 || offset >= TABLE) return;
    words[offset / 4] = value;
  };
  // The benchmark writes 1 to Vector Control, so the mask bit stays set.
  const stores = (write: (offset: number, value: number) => void) => () =>
    timed(STORES, () => {
      for (let i = 0; i < STORES; i++) write((4 * i) % TABLE, (i & 3) === 3 ? 1 : i);
    });
  const bare = 'eventfd writes';
  const one = 'sendSignal';
  const all = 'sendSignals';
  const plain = 'typed array';
  const table = 'tableWrite';
  return [
    {
      title: `${VECTORS} of ${VECTORS} emulated vectors`,
      unit: 'ns',
      contenders: [
        {
          name: bare,
          run: turns(() => {
            for (const eventfd of eventfds) eventfd.signal();
          }),
        },
        {
          name: one,
          run: turns(() => {
            for (const vector of vectors) software.sendSignal(vector);
          }),
        },
        { name: all, run: turns(() => software.sendSignals(vectors)) },
      ],
      goals: [
        { of: one, to: bare, atMost: 1.3 },
        { of: all, to: bare, atMost: 1.3 },
      ],
    },
    {
      title: 'write to a masked table',
      unit: 'ns',
      contenders: [
        { name: plain, run: stores(store) },
        {
          name: table,
          run: stores((offset, value) => {
            masked.tableWrite(offset, 4, value);
          }),
        },
      ],
      goals: [{ of: table, to: plain, atMost: 10 }],
    },
  ];
}
