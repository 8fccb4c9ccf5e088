import test from 'ava';
import { findDemo } from '../../lib/demo/index.js';
import { EDU, NVME, withDevice } from './targets.js';

test.serial('the NVMe driver writes and reads data, and receives interrupts', async (t) => {
  await withDevice(t, NVME, async (device) => {
    const report = await (await findDemo(device))(device);
    t.true(report.ok, JSON.stringify(report.lines));
    const { total, byVector } = report.data.interrupts as { total: number; byVector: number[] };
    t.is(byVector.length, 3);
    t.true(byVector.every((count) => count > 0));
    t.is(
      total,
      byVector.reduce((sum, count) => sum + count),
    );
    t.is(device.dma.mapped, 0);
  });
});

test.serial('the edu driver computes a factorial, copies data and gets interrupts', async (t) => {
  await withDevice(t, EDU, async (device) => {
    const report = await (await findDemo(device))(device);
    t.true(report.ok, JSON.stringify(report.lines));
    t.deepEqual(report.data.factorial, { of: 10, value: 3628800 });
    t.deepEqual(report.data.interrupts, { total: 3 });
  });
});
