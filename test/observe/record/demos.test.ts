import test from 'ava';
import { openConnection } from 'vfio/mock';
import { edu } from '../../differential/targets/edu.js';
import { nvme } from '../../differential/targets/nvme.js';
import { readRecord, replayRecord } from './replay-record.js';

const FOLDER = new URL('../../../../test/observe/record/demos/', import.meta.url);

/**
 * Records of `vfio demo` on devices of QEMU. The records were made on Linux 7.2 through the
 * character device.
 */
for (const target of [edu, nvme]) {
  test(`${target.name}: the mock device gives the recorded answers of QEMU's device`, async (t) => {
    const record = readRecord(new URL(`${target.name}.jsonl`, FOLDER));
    for (const op of ['set_irqs', 'eventfd_read', 'mmio_write', 'buffer_write', 'buffer_read']) {
      t.true(
        record.some((line) => line.op === op),
        op,
      );
    }
    const connection = await openConnection(`${target.mock}#demo?kernel=7.2`, { via: 'cdev' });
    t.is(await replayRecord(record, connection, target), null);
  });

  test(`${target.name}: a replay without the driver's writes gives other answers`, async (t) => {
    const record = readRecord(new URL(`${target.name}.jsonl`, FOLDER));
    const end = record.findIndex(({ op }) => op === 'eventfd_read');
    const silent = record.slice(0, end + 1).filter(({ op }) => op !== 'mmio_write');
    const connection = await openConnection(`${target.mock}#silent?kernel=7.2`, { via: 'cdev' });
    t.not(await replayRecord(silent, connection, target), null);
  });
}
