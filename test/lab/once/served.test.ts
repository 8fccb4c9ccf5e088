// A real device, served by one process and driven by another process.
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { startVfio, vfio } from '../../cli/vfio.js';
import { temporaryFolder } from '../../native/helpers.js';

test('vfio demo drives the NVMe controller that vfio serve serves', async (t) => {
  const path = join(temporaryFolder(), 's');
  const address = process.env.VFIO_LAB_NVME ?? '';
  const server = startVfio(['serve', address, '--socket', path, '--once']);
  const ended = once(server, 'exit');
  await once(server.stdout, 'data');
  const { code, stdout, stderr } = await vfio(['demo', `vfio-user:${path}`, '--json']);
  t.is(code, 0, stderr);
  t.like(JSON.parse(stdout), { ok: true });
  t.deepEqual(await ended, [0, null]);
});
