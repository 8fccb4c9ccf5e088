// A window rewriter loses no write, for random writes of a guest.
import test from 'ava';
import fc from '../../fast-check.js';
import { FULL, SEED } from '../../full.js';
import { WINDOW } from './wlan.js';
import { ENABLE, LOW, openMsixWindow, openWindow, type Window } from './window.js';

const programs = fc.array(
  fc.record({
    offset: fc.integer({ min: 0, max: 8 }).map((n) => 4 * n),
    width: fc.constantFrom<1 | 2 | 4>(1, 2, 4, 4, 4),
    value: fc.constantFrom(LOW, LOW, ENABLE, 0, 0x20, 0x21, 0x22, 0x23, 1, 0xdead_beef),
    then: fc.constantFrom('', '', '', 'flush', 'refresh', 'elsewhere', 'toggle'),
  }),
  { maxLength: 40 },
);

/** Runs a program, and returns the words that the guest has written. */
function run(window: Window, steps: typeof programs extends fc.Arbitrary<infer T> ? T : never) {
  const { rewriter } = window;
  const expected = new DataView(new ArrayBuffer(48));
  const enabled = { address: 0xfee0_0000n, data: 0x20, vectors: 3 };
  window.guest = enabled;
  for (const { offset, width, value, then } of steps) {
    for (let at = 0; at < 4; at += width) {
      const part = Math.floor(value / 2 ** (8 * at)) % 2 ** (8 * width);
      rewriter.write(offset + at, width, part);
      if (rewriter.read(offset + at, width) !== part) throw new Error(`${part} is lost`);
    }
    expected.setUint32(offset, value, true);
    if (then === 'flush') rewriter.flush();
    if (then === 'refresh') rewriter.refresh();
    if (then === 'elsewhere') rewriter.read(0x800, 4);
    if (then === 'toggle') window.guest = window.guest === null ? enabled : null;
  }
  return expected;
}

for (const [index, open] of [
  ['msi', openWindow],
  ['msix', openMsixWindow],
] as const) {
  test(`${index}: no write is lost, whatever the guest writes`, (t) => {
    const window = open(t);
    const { device, rewriter, registers } = window;
    const base = index === 'msi' ? WINDOW.offset : 0x1000;
    device.interrupts[index].enable({ vectors: 4 });
    for (let n = 0; n < 3; n++) device.interrupts[index].request(n);
    fc.assert(
      fc.property(programs, (steps) => {
        for (let at = 0; at < 48; at += 4) registers.write32(base + at, 0);
        rewriter.reset();
        const expected = run(window, steps);
        for (let at = 0; at < 48; at += 4) {
          if (rewriter.read(at, 4) !== expected.getUint32(at, true)) return false;
        }
        // While the guest's messages are disabled, the device gets what the guest writes.
        window.guest = null;
        for (let at = 0; at < 48; at += 4) {
          rewriter.write(at, 4, expected.getUint32(at, true));
        }
        for (let at = 0; at < 48; at += 4) {
          if (registers.read32(base + at) !== expected.getUint32(at, true)) return false;
        }
        return true;
      }),
      { numRuns: FULL ? 20_000 : 300 },
    );
    t.log(`seed ${SEED}`);
    t.pass();
  });
}
