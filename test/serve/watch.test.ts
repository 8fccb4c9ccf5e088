// The event loop cannot watch another file, for example because the process has too many files.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openConnection, VfioError } from '../../lib/index.js';
import { type Native, native } from '../../lib/native/binding.js';
import { namedDevice } from '../../lib/serve/index.js';
import { DeviceServer } from '../../lib/serve/server.js';
import { Traps } from '../../lib/serve/traps.js';
import { Wire } from '../../lib/backend/vfio-user/wire.js';
import { countFds, temporaryFolder } from '../native/helpers.js';

const calls = native();

/** Native calls of which only the first watches succeed. */
function withWatches(count: number): Native {
  let left = count;
  return {
    ...calls,
    watchOpen(fd, onReady) {
      if (left-- === 0) throw new VfioError({ code: 'EMFILE', syscall: 'uv_poll_init' });
      return calls.watchOpen(fd, onReady);
    },
  };
}

/** @param watches - number of watches that succeed: for the REQ interrupt, the socket, a client */
async function createServer(socket: string, watches: number): Promise<DeviceServer> {
  const source = namedDevice(() => openConnection('mock:edu#watch'));
  const connection = await source.open();
  const traps = new Traps([]);
  try {
    const setup = { socket, source, connection, traps, frontEnd: traps };
    return new DeviceServer(withWatches(watches), setup);
  } catch (error) {
    source.close(connection);
    throw error;
  }
}

test.serial(
  'a server that cannot watch its files leaves no descriptor and no socket',
  async (t) => {
    const socket = join(temporaryFolder(), 's');
    const before = countFds();
    for (const watches of [0, 1]) {
      await t.throwsAsync(createServer(socket, watches), { code: 'EMFILE' });
      t.is(countFds(), before);
      t.false(existsSync(socket));
    }
  },
);

test.serial('a client whose socket cannot be watched is closed', async (t) => {
  const socket = join(temporaryFolder(), 's');
  const server = await createServer(socket, 2);
  const before = countFds();
  const failed = once(server, 'error');
  const fd = calls.socketConnect(socket);
  t.like((await failed)[0], { code: 'EMFILE' });
  t.is(countFds(), before + 1);
  calls.close(fd);
  await server.close();
});

test.serial('the client of a server leaves no socket if the socket cannot be watched', (t) => {
  const socket = join(temporaryFolder(), 's');
  const listener = calls.socketListen(socket);
  const before = countFds();
  const fd = calls.socketConnect(socket);
  t.throws(() => new Wire(withWatches(0), fd, () => undefined), { code: 'EMFILE' });
  calls.close(fd);
  t.is(countFds(), before);
  calls.close(listener);
});
