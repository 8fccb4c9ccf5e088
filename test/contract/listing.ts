import test from 'ava';
import { listDevices, openConnection } from 'vfio';
import { EDU, NVME } from './targets.js';

const CONFIG = 7;

test.serial('listDevices() lists the device with its vendor id and device id', (t) => {
  const found = listDevices().find((one) => one.name === NVME);
  t.is(found?.vendorId, 0x1b36);
  t.is(found?.deviceId, 0x0010);
  t.is(found?.classCode, 0x010802);
});

for (const name of [NVME, EDU]) {
  test.serial(
    `selftests: ${name === NVME ? 'nvme' : 'edu'}: config space has the listed ids`,
    async (t) => {
      const connection = await openConnection(name);
      t.teardown(() => {
        connection.close();
      });
      const listed = listDevices().find((one) => one.name === name);
      t.is(connection.load(CONFIG, 0, 2), listed?.vendorId ?? NaN);
      t.is(connection.load(CONFIG, 2, 2), listed?.deviceId ?? NaN);
    },
  );
}
