// Opens and closes many devices, one after another, and checks that no resource leaks.
import test from 'ava';
import { FULL } from '../full.js';
import { runCycles } from './run-cycles.js';

const COUNT = FULL ? 1000 : 100;

test.serial(`opening and closing ${COUNT} mock devices leaks no resource`, async (t) => {
  t.timeout(10 * 60_000);
  await runCycles(t, 'mock:nvme', COUNT);
});

test.serial(
  `opening and closing ${COUNT} devices of the kernel back end leaks no resource`,
  async (t) => {
    t.timeout(10 * 60_000);
    const { before, during } = await runCycles(t, 'bench', COUNT);
    // While a device is open, the measurement must count its eventfds and its window.
    t.true(during.fds >= before.fds + 5);
    t.true(during.windows > before.windows);
  },
);
