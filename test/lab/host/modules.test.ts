// Tests additional kernel modules in a guest. The driver nvme is bound to two disks of the lab.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import test from 'ava';
import { runInLab } from 'vfio/lab';
import { temporaryFolder } from '../../native/helpers.js';

const SCRIPT = `
for name in dm_mod e1000e nvme; do [ -d /sys/module/$name ] && echo "loaded $name"; done
for address in $VFIO_LAB_NVME $VFIO_LAB_NVME_2; do
  cd /sys/bus/pci/devices/$address
  basename $(readlink driver)
  echo > driver_override
  echo $address > driver/unbind
  echo $address > /sys/bus/pci/drivers_probe
done
for disk in nvme0n1 nvme1n1; do
  until [ -b /dev/$disk ]; do sleep 0.1; done
  echo $disk
done
cat /sys/devices/system/clocksource/clocksource0/current_clocksource
`;

test('the guest loads additional modules, and their drivers bind to a released device', async (t) => {
  t.timeout(240_000);
  const folder = join(temporaryFolder(), 'with,comma');
  mkdirSync(folder);
  process.env.TMPDIR = folder;
  process.env['NODE_a-b'] = '1';
  const stdout = new PassThrough();
  const printed = text(stdout);
  const { exitCode } = await runInLab({
    command: 'sh',
    args: ['-c', SCRIPT],
    kernel: 'debian-6.12',
    modules: ['dm-mod', 'e1000e', 'nvme'],
    devices: ['nvme', 'nvme'],
    memory: '512M',
    timeout: 180_000,
    stdout,
  });
  stdout.end();
  t.deepEqual((await printed).trimEnd().split('\n'), [
    'loaded dm_mod',
    'loaded e1000e',
    'loaded nvme',
    'vfio-pci',
    'vfio-pci',
    'nvme0n1',
    'nvme1n1',
    'hpet',
  ]);
  t.is(exitCode, 0);
});
