// A thousand devices, one after the other: nothing of them is left.
import test from 'ava';
import { runCycles } from './run-cycles.js';

const COUNT = 1000;

test.serial(`the mock: ${COUNT} times opened and closed`, async (t) => {
  t.timeout(10 * 60_000);
  await runCycles(t, 'mock:nvme', COUNT);
});

test.serial(`the kernel back end over answers of a kernel: ${COUNT} times`, async (t) => {
  t.timeout(10 * 60_000);
  const { before, during } = await runCycles(t, 'bench', COUNT);
  // A window, a DMA buffer, eventfds and the device are what is looked for.
  t.true(during.fds >= before.fds + 5);
  t.true(during.windows > before.windows);
});
