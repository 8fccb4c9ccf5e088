import { once, EventEmitter } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { VfioError } from 'vfio';
import { native } from '../../../lib/native/binding.js';
import { type Servers, startServers } from '../../../lib/lab/servers.js';
import { modelModule } from '../../cli/model-module.js';
import { temporaryFolder } from '../../native/helpers.js';
import { RawClient } from '../../serve/raw-client.js';

const calls = native();

/** Starts servers. The event `message` of `said` has the messages of the servers. */
async function start(
  t: ExecutionContext,
  devices: readonly string[],
  signal?: AbortSignal,
  imports: readonly string[] = [],
): Promise<{ servers: Servers; said: EventEmitter<{ message: [string] }> }> {
  const said = new EventEmitter<{ message: [string] }>();
  const onMessage = (text: string) => {
    said.emit('message', text);
  };
  const options = { folder: temporaryFolder(), imports, onMessage, signal };
  const servers = await startServers(devices, options);
  t.teardown(() => servers.close());
  return { servers, said };
}

test('each served device has a socket at which a process of `vfio serve` listens', async (t) => {
  const { servers } = await start(t, ['mock:nvme', 'mock:edu']);
  t.is(servers.sockets.length, 2);
  for (const path of servers.sockets) (await RawClient.negotiated(path)).close();
  await servers.close();
  for (const path of servers.sockets) t.false(existsSync(path));
});

test('a served device can be the device of a model that a module registers', async (t) => {
  const module = join(temporaryFolder(), 'card.mjs');
  writeFileSync(module, modelModule('served-card'));
  const { servers } = await start(t, ['mock:served-card'], undefined, [module]);
  const client = await RawClient.negotiated(servers.sockets[0] ?? '');
  t.is((await client.read(7, 0, 2)).readUInt16LE(), 0x4711);
  client.close();
});

test('a device that cannot be served gives the error of the server', async (t) => {
  const error = await t.throwsAsync<VfioError>(start(t, ['mock:edu', 'mock:nonsense']), {
    code: 'ENODEV',
    message: "ENODEV: mock:nonsense cannot be served: unknown model 'mock:nonsense'",
  });
  t.regex(error.hint ?? '', /^The models are mock:edu/);
});

test('the name vfio-user:<path> selects a device that another program serves', async (t) => {
  const { servers: other } = await start(t, ['mock:edu']);
  const [path = ''] = other.sockets;
  const { servers } = await start(t, [`vfio-user:${path}`]);
  t.deepEqual(servers.sockets, [path]);
  await servers.close();
  (await RawClient.negotiated(path)).close();
  const file = join(temporaryFolder(), 'file');
  writeFileSync(file, '');
  for (const wrong of [file, '/nonexistent']) {
    await t.throwsAsync(start(t, [`vfio-user:${wrong}`]), {
      code: 'ENOENT',
      message: `ENOENT: no socket of a served device '${wrong}'`,
    });
  }
});

test('the end of a server is reported', async (t) => {
  const { servers, said } = await start(t, ['mock:edu']);
  const fd = calls.socketConnect(servers.sockets[0] ?? '');
  const { pid } = calls.socketPeer(fd);
  const message = once(said, 'message');
  process.kill(pid, 'SIGKILL');
  t.deepEqual(await message, ['mock:edu: the server ended: SIGKILL']);
  calls.close(fd);
});

test('aborting the signal ends the servers', async (t) => {
  const reason = new Error('enough');
  const abort = new AbortController();
  const starting = start(t, ['mock:edu'], abort.signal);
  abort.abort(reason);
  t.is(await t.throwsAsync(starting), reason);
});
