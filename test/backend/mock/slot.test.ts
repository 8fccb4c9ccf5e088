import test from 'ava';
import { MockBackend } from '../../../lib/backend/mock/index.js';
import { deviceApi } from '../../../lib/device/open.js';
import { dsa } from '../../../lib/backend/mock/models/dsa/index.js';

test.serial(
  'a closed device with a mapped BAR is freed in the same turn of the event loop',
  (t) => {
    t.timeout(120_000);
    const { openDeviceSync } = deviceApi([new MockBackend([dsa])]);
    const use = (devices: number) => {
      for (let i = 0; i < devices; i++) {
        const device = openDeviceSync(`mock:dsa#${i}`);
        device.bar(0).map();
        device.close();
      }
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = use(10);
    const bytes = (use(40) - before) / 40;
    t.log(`${Math.round(bytes)} bytes for each device`);
    t.true(bytes < 200_000);
  },
);
