// Resets, and the end of a client.
import { EventEmitter, once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { PAGE_SIZE } from '../../lib/checks.js';
import type { AddressSpace, DeviceConnection } from '../../lib/contract/index.js';
import { type DeviceServer, openConnection, type ResetCause } from '../../lib/index.js';
import { native } from '../../lib/native/binding.js';
import { catchUncaught } from '../uncaught.js';
import { PIN } from './card.js';
import { CONFIG } from './guest-nvme.js';
import { COMMANDS, RawClient } from './raw-client.js';
import {
  connect,
  createEventfd,
  createEventfds,
  GuestRam,
  readEventfd,
  startServer,
} from './support.js';

const PAGE = BigInt(PAGE_SIZE);
const [INTX, MSIX, REQ] = [0, 2, 4] as const;
const BIND = 0x24;
const UNMASK_BY_EVENTFD = 0x14;
/** Device Control of mock:serve-card, with the bit Initiate FLR. */
const FLR = { offset: 0x88, bytes: Uint8Array.of(0x10, 0xa8) } as const;

/** Returns the number of eventfds that this process has. */
function countEventfds(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === 'anon_inode:[eventfd]';
    } catch {
      return false;
    }
  }).length;
}

/** Returns a connection that logs the calls by which a server ends a client. */
function logCalls(connection: DeviceConnection, log: (call: string) => void): DeviceConnection {
  const wrap = <T extends object>(target: T, calls: Readonly<Record<string, unknown>>): T =>
    new Proxy(target, {
      get(_, key) {
        if (key in calls) return calls[key as string];
        const value: unknown = Reflect.get(target, key);
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  const space = connection.addressSpace;
  const unmap: AddressSpace['unmap'] = (...args) => {
    log('unmap');
    return space.unmap(...args);
  };
  return wrap(connection, {
    addressSpace: wrap(space, { unmap }),
    setIrqs(set: Parameters<DeviceConnection['setIrqs']>[0]) {
      if (set.count === 0) log(`disable ${set.index}`);
      return connection.setIrqs(set);
    },
    store(...[region, offset, width, value]: Parameters<DeviceConnection['store']>) {
      const turnsOff = offset === 4 && (value & 4) === 0;
      if (turnsOff && (connection.load(CONFIG, 4, 2) & 4) !== 0) log('DMA off');
      connection.store(region, offset, width, value);
    },
    async reset() {
      log('reset');
      await connection.reset();
    },
  });
}

/** Ends a client that has used DMA and three interrupt indexes. */
async function endBusyClient(t: ExecutionContext, server: DeviceServer) {
  const client = await RawClient.negotiated(server.path);
  const ram = new GuestRam(t, 2 * PAGE_SIZE);
  await client.write(CONFIG, 4, Uint8Array.of(6, 0));
  t.is((await client.mapDma(ram.fd, 0n, 0n, PAGE)).errno, 0);
  t.is((await client.mapDma(ram.fd, PAGE, 0x10_0000n, PAGE)).errno, 0);
  t.is((await client.setIrqs(MSIX, BIND, 0, 2, createEventfds(t, 2))).errno, 0);
  t.is((await client.setIrqs(REQ, BIND, 0, 1, [createEventfd(t)])).errno, 0);
  const gone = once(server, 'gone');
  client.close();
  await gone;
}

test.serial('a client ends in order: DMA off, interrupts, memory, reset, gone', async (t) => {
  const connection = await openConnection('mock:serve-card#order');
  const log: string[] = [];
  let own = countEventfds();
  const server = await startServer(
    t,
    logCalls(connection, (call) => {
      // The client's own eventfds are in this process too.
      if (call === 'unmap' || call === 'reset') log.push(`${countEventfds() - own} received`);
      log.push(call);
    }),
  );
  server.on('client', () => log.push('client'));
  server.on('gone', () => log.push('gone'));
  for (let round = 0; round < 2; round++) {
    own = countEventfds() + 3;
    await endBusyClient(t, server);
    t.deepEqual(log.splice(0), [
      ...['client', 'DMA off', `disable ${MSIX}`, `disable ${REQ}`],
      ...['0 received', 'unmap', '0 received', 'unmap', '0 received', 'reset', 'gone'],
    ]);
  }
  await server.close();
  connection.close();
});

test.serial(
  'with `reset`, the end is the same, but `reset` takes the place of the reset',
  async (t) => {
    const connection = await openConnection('mock:serve-card#order-reset');
    const log: string[] = [];
    const server = await startServer(
      t,
      logCalls(connection, (call) => log.push(call)),
      { reset: (cause) => void log.push(cause) },
    );
    server.on('gone', () => log.push('end'));
    await endBusyClient(t, server);
    t.deepEqual(log, [`disable ${MSIX}`, `disable ${REQ}`, 'unmap', 'unmap', 'gone', 'end']);
    t.is(connection.load(CONFIG, 4, 2) & 4, 4, 'the bus master bit is unchanged');
    await server.close();
    connection.close();
  },
);

test.serial('a client that disappears during a reset ends after the reset', async (t) => {
  const log: string[] = [];
  let finish: () => void = () => undefined;
  const server = await startServer(t, 'mock:serve-card#during', {
    reset: (cause) => {
      log.push(cause);
      if (cause === 'gone') return undefined;
      return new Promise<void>((resolve) => {
        finish = () => {
          log.push('finished');
          resolve();
        };
      });
    },
  });
  const client = await RawClient.negotiated(server.path);
  const first = once(server, 'gone');
  client.send(COMMANDS.reset);
  while (log.length === 0) await new Promise((resolve) => setImmediate(resolve));
  client.close();
  // The server cannot read the end of the first client before the command ends. Until then, a second
  // client waits.
  const second = RawClient.negotiated(server.path);
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(log, ['command']);
  finish();
  await first;
  t.deepEqual(log, ['command', 'finished', 'gone']);
  (await second).close();
});

test.serial('an exception of a listener is uncaught, and the server goes on', async (t) => {
  const server = await startServer(t, 'mock:serve-card#listeners', {
    traps: [
      {
        ...{ region: 0, offset: 0, size: 4 },
        write() {
          throw new Error('write');
        },
      },
    ],
  });
  for (const event of ['client', 'gone', 'error'] as const) {
    server.on(event, () => {
      throw new Error(`listener of ${event}`);
    });
  }
  const uncaught = catchUncaught();
  for (let client = 0; client < 2; client++) {
    const raw = await RawClient.negotiated(server.path);
    const gone = new Promise<void>((resolve) => {
      server.prependOnceListener('gone', () => {
        resolve();
      });
    });
    raw.post(0, 0, new Uint8Array(4));
    await raw.read(CONFIG, 0, 4);
    raw.close();
    await gone;
  }
  await server.close();
  await server.closed;
  const errors = (await uncaught()) as Error[];
  t.deepEqual(
    errors.map(({ message }) => message),
    ['client', 'error', 'gone', 'client', 'error', 'gone'].map((event) => `listener of ${event}`),
  );
});

test('a failed `reset` is an error reply; a failed reset at the end closes the server', async (t) => {
  const causes: ResetCause[] = [];
  const server = await startServer(t, 'mock:serve-card#failed', {
    reset: (cause) => {
      causes.push(cause);
      throw new Error(`no reset for ${cause}`);
    },
  });
  const errors: string[] = [];
  server.on('error', ({ message }) => errors.push(message));
  const client = await RawClient.negotiated(server.path);
  t.is((await client.request(COMMANDS.reset)).errno, constants.errno.EIO);
  t.is((await client.write(CONFIG, FLR.offset, FLR.bytes)).errno, constants.errno.EIO);
  const gone = once(server, 'gone');
  client.close();
  await gone;
  await server.closed;
  t.deepEqual(causes, ['command', 'flr', 'gone']);
  t.deepEqual(
    errors,
    causes.map((cause) => `no reset for ${cause}`),
  );
});

test('INTx and its unmask eventfd are bound after DEVICE_RESET and FLR', async (t) => {
  const server = await startServer(t, 'mock:serve-card#intx-reset');
  const client = await RawClient.negotiated(server.path);
  const [trigger = -1, unmask = -1] = createEventfds(t, 2);
  t.is((await client.setIrqs(INTX, BIND, 0, 1, [trigger])).errno, 0);
  t.is((await client.setIrqs(INTX, UNMASK_BY_EVENTFD, 0, 1, [unmask])).errno, 0);
  for (const reset of [
    () => client.request(COMMANDS.reset),
    () => client.write(CONFIG, FLR.offset, FLR.bytes),
  ]) {
    t.is((await reset()).errno, 0);
    await client.write(CONFIG, 4, Uint8Array.of(6, 0));
    await client.write(0, PIN, Uint8Array.of(1, 0, 0, 0));
    t.is(readEventfd(trigger), 1n);
    native().eventfdSignal(unmask);
    while (readEventfd(trigger) === 0n) await client.read(0, PIN, 4);
    await client.write(0, PIN, Uint8Array.of(0, 0, 0, 0));
    native().eventfdSignal(unmask);
    await client.read(0, PIN, 4);
    await client.read(0, PIN, 4);
  }
  client.close();
});

test('when a server closes, each command that has arrived gets a reply', async (t) => {
  const reset = new EventEmitter<{ start: []; finish: [] }>();
  const server = await startServer(t, 'mock:serve-card#replies', {
    async reset(cause) {
      if (cause !== 'command') return;
      const finish = once(reset, 'finish');
      reset.emit('start');
      await finish;
    },
  });
  const client = await connect(t, server);
  const started = once(reset, 'start');
  const inProgress = client.send(COMMANDS.reset);
  await started;
  client.post(0, PIN, Uint8Array.of(0, 0, 0, 0));
  const waiting = [client.send(COMMANDS.getInfo), client.send(COMMANDS.getInfo)];
  const closed = server.close();
  reset.emit('finish');
  const replies = [await client.reply(), await client.reply(), await client.reply()];
  await client.waitForEnd();
  await closed;
  const { ENODEV } = constants.errno;
  t.deepEqual(
    replies.map(({ id, errno }) => ({ id, errno })),
    [{ id: inProgress, errno: 0 }, ...waiting.map((id) => ({ id, errno: ENODEV }))],
  );
});
