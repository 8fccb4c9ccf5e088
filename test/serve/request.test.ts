// The host requests a served device back, or the program closes the device.
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { type DeviceServer, openDevice, VirtualIrqs } from '../../lib/index.js';
import { mockControl } from '../../lib/mock.js';
import { countFds } from '../native/helpers.js';
import './card.js';
import { CONFIG, GuestNvme } from './guest-nvme.js';
import { RawClient, words } from './raw-client.js';
import { createEventfd, readEventfd, startServer } from './support.js';

const REQ = 4;
const BIND = 0x24;
const WHY = 'the host requested the device back';

function recordEvents(server: DeviceServer): string[] {
  const events: string[] = [];
  server.on('gone', (why) => events.push(why));
  server.on('error', ({ message }) => events.push(`error: ${message}`));
  return events;
}

/** Waits until the eventfd of a client is signalled. */
async function waitForSignal(t: ExecutionContext, fd: number): Promise<void> {
  let count = 0n;
  while (count === 0n) {
    await new Promise((resolve) => setImmediate(resolve));
    count = readEventfd(fd);
  }
  t.is(count, 1n);
}

test.serial('a request of the host ends the client and closes the server', async (t) => {
  const name = 'mock:nvme#request';
  const before = countFds();
  const server = await startServer(t, name);
  const events = recordEvents(server);
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  mockControl(name).requestDevice();
  await client.waitForEnd();
  await server.closed;
  t.deepEqual(events, [WHY]);
  t.false(existsSync(server.path));
  mockControl(name).clear();
  client.close();
  // The host gets the device: it can be opened again.
  const device = await openDevice(name);
  device.close();
  t.is(countFds(), before + 2, 'the memory and the eventfd of the guest');
});

test.serial(
  'without a client, a request of the host closes the server with an error',
  async (t) => {
    for (const reset of [undefined, () => undefined]) {
      const name = `mock:nvme#request-idle-${typeof reset}`;
      const before = countFds();
      const server = await startServer(t, name, { reset });
      const events = recordEvents(server);
      mockControl(name).requestDevice();
      await server.closed;
      t.is(events.length, 1);
      t.regex(events[0] ?? '', /^error: ENODEV: the host requested the device back/);
      mockControl(name).clear();
      t.is(countFds(), before);
    }
  },
);

test.serial('a client with its own REQ eventfd gets time until the second request', async (t) => {
  for (const isObedient of [true, false]) {
    const name = `mock:nvme#request-bound-${isObedient}`;
    const server = await startServer(t, name);
    const events = recordEvents(server);
    const client = await RawClient.negotiated(server.path);
    const fd = createEventfd(t);
    t.is((await client.setIrqs(REQ, BIND, 0, 1, [fd])).errno, 0);
    mockControl(name).requestDevice();
    await waitForSignal(t, fd);
    t.is((await client.read(CONFIG, 0, 2)).length, 2, 'the client is still served');
    if (isObedient) client.close();
    else mockControl(name).requestDevice();
    await server.closed;
    t.deepEqual(events, [isObedient ? 'the client closed its connection' : WHY]);
    client.close();
    mockControl(name).clear();
  }
});

test.serial(
  'each client binds REQ anew, and a request reaches only the current client',
  async (t) => {
    const name = 'mock:nvme#request-next';
    const server = await startServer(t, name);
    const [first, second] = [createEventfd(t), createEventfd(t)];
    for (const fd of [first, second]) {
      const client = await RawClient.negotiated(server.path);
      t.is((await client.setIrqs(REQ, BIND, 0, 1, [fd])).errno, 0);
      if (fd === second) {
        mockControl(name).requestDevice();
        await waitForSignal(t, second);
        t.is(readEventfd(first), 0n);
      }
      const gone = once(server, 'gone');
      client.close();
      await gone;
    }
    await server.closed;
    mockControl(name).clear();
  },
);

test.serial('virtual interrupts do not hide a request of the host', async (t) => {
  const name = 'mock:nvme#request-virtual';
  const server = await startServer(t, name, { interrupts: new VirtualIrqs({}) });
  const events = recordEvents(server);
  const client = await RawClient.negotiated(server.path);
  t.is((await client.setIrqs(REQ, BIND, 0, 1, [createEventfd(t)])).errno, 0);
  mockControl(name).requestDevice();
  await server.closed;
  t.deepEqual(events, [WHY]);
  client.close();
  mockControl(name).clear();
});

test.serial('if the program closes the device, the next command ends the client', async (t) => {
  const before = countFds();
  const device = await openDevice('mock:nvme#closed');
  const server = await startServer(t, device);
  const events = recordEvents(server);
  const client = await RawClient.negotiated(server.path);
  const nvme = new GuestNvme(t, client);
  await nvme.start();
  device.close();
  client.post(0, 0x1000, words(1));
  await client.waitForEnd();
  await server.closed;
  t.is(events.length, 2);
  t.regex(events[0] ?? '', /^error: EBADF: the device is closed/);
  t.is(events[1], 'the device was closed');
  client.close();
  t.is(countFds(), before + 2);
});
