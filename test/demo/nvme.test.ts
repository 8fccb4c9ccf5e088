// Tests how the NVMe driver of the demo starts a controller that never becomes ready.
import test, { type ExecutionContext } from 'ava';
import { mockControl, openDeviceSync } from 'vfio/mock';
import { NvmeController } from '../../lib/demo/nvme/controller.js';

const CSTS = 0x1c;

let labels = 0;

function make(t: ExecutionContext) {
  const name = `mock:nvme#demo${labels++}`;
  const control = mockControl(name);
  const device = openDeviceSync(name);
  t.teardown(() => {
    device.close();
  });
  return { control, device };
}

test('the NVMe driver gives up if CSTS reads as never ready', async (t) => {
  const { control, device } = make(t);
  control.overrideRead(0, CSTS, 4, 0);
  control.clock.stop();
  const failed = t.throwsAsync(NvmeController.start(device), { code: 'ETIMEDOUT' });
  await new Promise(setImmediate);
  control.clock.step(60_000);
  t.regex((await failed).message, /not true after 7500 ms/);
});

test('the NVMe driver gives up at once if CSTS reports a fatal error', async (t) => {
  const { control, device } = make(t);
  control.overrideRead(0, CSTS, 4, 0x2);
  // No timeout can end the wait.
  control.clock.stop();
  const failed = await t.throwsAsync(NvmeController.start(device), { code: 'EIO' });
  t.regex(failed.message, /fatal error \(CSTS\.CFS\)/);
});
