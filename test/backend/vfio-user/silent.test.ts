// Servers that do not answer in time. A client blocks its thread for 5 s, so all clients of this file
// wait at the same time, each in a thread of its own.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import test from 'ava';
import { openDevice, openDeviceSync, VfioError } from '../../../lib/index.js';
import { collectGarbage, countFds } from '../../native/helpers.js';
import { AFTER_FAILED_READ, type FailedRead } from './failed-read.js';
import { startServer } from './support.js';

const client = new URL('programs/reading-client.js', import.meta.url);

/** Reads once from a device, in a thread of its own. */
async function readInThread(name: string): Promise<FailedRead> {
  const thread = new Worker(client, { workerData: name });
  const [message] = await Promise.all([once(thread, 'message'), once(thread, 'exit')]);
  return message[0] as FailedRead;
}

const SILENT = ['silent', 'half a message', 'commands for ever', 'never reads replies'];

test('a server that does not answer ends a read and an open after 5 s, and no descriptor stays open', async (t) => {
  const start = async (behaviour: string) => (await startServer(t, behaviour)).name;
  const names = await Promise.all(SILENT.map(start));
  const mute = await start('silent version');
  const before = countFds();

  const reports = Promise.all(names.map(readInThread));
  const opening = t.throwsAsync(openDevice(mute), { instanceOf: VfioError, code: 'ETIMEDOUT' });
  t.throws(() => openDeviceSync(mute), { code: 'ETIMEDOUT' });
  const { message } = await opening;
  t.regex(message, /did not answer within 5 s, VFIO_USER_VERSION/);
  t.true(message.includes(mute), message);

  for (const [i, seen] of (await reports).entries()) {
    t.like(seen, { ...AFTER_FAILED_READ, code: 'ETIMEDOUT' }, SILENT[i]);
    t.regex(seen.message, /VFIO_USER_REGION_READ/);
  }
  await collectGarbage();
  t.is(countFds(), before);
});
