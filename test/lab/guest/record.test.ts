import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openConnection } from 'vfio';
import { mockBackend } from '../../../lib/backend/mock/index.js';
import { eduDemo } from '../../../lib/demo/edu.js';
import { nvmeDemo } from '../../../lib/demo/nvme/demo.js';
import { deviceApi } from '../../../lib/device/open.js';
import { observeBackend } from '../../../lib/observe/index.js';
import { createRecorder } from '../../../lib/observe/record/index.js';
import { edu } from '../../differential/targets/edu.js';
import { nvme } from '../../differential/targets/nvme.js';
import { readRecord, replayRecord } from '../../observe/record/replay-record.js';

// The mock emulates the kernel of an x86-64 machine.
const onX64 = process.arch === 'x64' ? test : test.skip;

for (const { target, demo, address } of [
  { target: edu, demo: eduDemo, address: process.env.VFIO_LAB_EDU ?? '' },
  { target: nvme, demo: nvmeDemo, address: process.env.VFIO_LAB_NVME ?? '' },
]) {
  onX64(
    `in the demo, QEMU's device gives the same answers as the mock device: ${target.name}`,
    async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'vfio-record-'));
      t.teardown(() => {
        rmSync(folder, { recursive: true });
      });
      const path = join(folder, 'record');
      const real = await openConnection(address);
      const kernel = /^\d+\.\d+/.exec(real.kernel)?.[0] ?? '';
      const via = real.via === 'cdev' ? 'cdev' : 'group';
      const { openDevice } = deviceApi([observeBackend(mockBackend, [createRecorder(path)])]);
      const device = await openDevice(`${target.mock}?kernel=${kernel}`, { via });
      const { ok } = await demo(device);
      device.close();
      t.true(ok);
      t.is(await replayRecord(readRecord(path), real, target), null);
    },
  );
}
