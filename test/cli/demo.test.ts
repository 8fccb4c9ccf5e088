import { once } from 'node:events';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { vfioHere } from './in-process.js';
import { startVfio } from './vfio.js';

/** Replaces each value of an object by the value's type, recursively. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(shape);
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, shape(each)]));
}

test('`vfio demo mock:dsa --json` prints only the vectors and the forged handle', async (t) => {
  const { code, stdout } = await vfioHere(['demo', 'mock:dsa', '--json']);
  t.is(code, 0);
  const printed: unknown = JSON.parse(stdout);
  const vector = {
    vector: 'number',
    guestPasid: 'number',
    hostPasid: 'number',
    slot: 'number',
    handle: 'number',
    interrupts: 'number',
  };
  t.deepEqual(shape(printed), {
    vectors: [vector, vector],
    forged: { status: 'number', interrupts: 'number' },
  });
  t.like(printed, { forged: { status: 0x19, interrupts: 0 } });
});

test('the output of `vfio demo mock:edu --json` begins with a description of the device', async (t) => {
  const { code, stdout } = await vfioHere(['demo', 'mock:edu', '--json']);
  t.is(code, 0);
  t.like(JSON.parse(stdout), { device: 'mock:edu', ids: '1234:11e8', ok: true });
});

test('the demo of a served DSA says that vfio-user has no PASIDs', async (t) => {
  const path = join(temporaryFolder(), 's');
  const server = startVfio(['serve', 'mock:dsa', '--socket', path, '--once']);
  const ended = once(server, 'exit');
  await once(server.stdout, 'data');
  const { code, stderr } = await vfioHere(['demo', `vfio-user:${path}`]);
  t.is(code, 1);
  t.regex(stderr, /^vfio: ENOTSUP: the demo of a DSA attaches PASIDs.* no such command/);
  t.deepEqual(await ended, [0, null]);
});
