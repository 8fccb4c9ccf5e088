import { getEventListeners, once } from 'node:events';
import { existsSync, lstatSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { openDevice, serveDevice } from '../../lib/index.js';
import { native } from '../../lib/native/binding.js';
import { mockControl } from '../../lib/mock.js';
import { countFds, temporaryFolder } from '../native/helpers.js';
import { RawClient } from './raw-client.js';
import { connect, startServer } from './support.js';

const newPath = () => join(temporaryFolder(), 's');

test('the socket file has mode 0600, and close() removes the file', async (t) => {
  const socket = newPath();
  const server = await serveDevice('mock:edu#mode', { socket });
  t.is(server.path, socket);
  t.is(server.device, 'mock:edu#mode');
  t.is(lstatSync(socket).mode & 0o777, 0o600);
  t.true(lstatSync(socket).isSocket());
  await server.close();
  await server.close();
  t.false(existsSync(socket));
});

test('a socket file is replaced if nobody listens, and refused if a program listens', async (t) => {
  const socket = newPath();
  native().close(native().socketListen(socket));
  t.true(existsSync(socket));
  const server = await serveDevice('mock:edu#old', { socket });
  await t.throwsAsync(serveDevice('mock:edu#new', { socket }), { code: 'EADDRINUSE' });
  const client = await RawClient.negotiated(socket);
  client.close();
  await server.close();
});

test('other files are never removed', async (t) => {
  const file = newPath();
  writeFileSync(file, 'precious');
  const link = newPath();
  const target = newPath();
  native().close(native().socketListen(target));
  symlinkSync(target, link);
  for (const socket of [file, link]) {
    await t.throwsAsync(serveDevice('mock:edu#file', { socket }), { code: 'EEXIST' });
    t.true(existsSync(socket));
  }
  await t.throwsAsync(serveDevice('mock:edu#folder', { socket: '/nowhere/s' }), { code: 'ENOENT' });
  const long = { socket: `/tmp/${'x'.repeat(120)}` };
  await t.throwsAsync(serveDevice('mock:edu#long', long), { code: 'ENAMETOOLONG' });
});

test('close() leaves the socket file of a later server', async (t) => {
  const socket = newPath();
  const first = await serveDevice('mock:edu#first', { socket });
  const { unlinkSync } = await import('node:fs');
  unlinkSync(socket);
  const second = await serveDevice('mock:edu#second', { socket });
  await first.close();
  t.true(existsSync(socket));
  await second.close();
});

test('a server with `once` closes after its first client', async (t) => {
  const server = await startServer(t, 'mock:edu#once', { once: true });
  const client = await RawClient.negotiated(server.path);
  const gone = once(server, 'gone');
  client.close();
  t.deepEqual(await gone, ['the client closed its connection']);
  await server.close();
  t.false(existsSync(server.path));
});

test('many servers can have the same signal, and each removes its listener', async (t) => {
  const { signal } = new AbortController();
  const servers = await Promise.all(
    Array.from({ length: 12 }, (_, i) => startServer(t, `mock:edu#many${i}`, { signal })),
  );
  t.is(getEventListeners(signal, 'abort').length, 1);
  await Promise.all(servers.map((server) => server.close()));
  t.is(getEventListeners(signal, 'abort').length, 0);
});

test('an aborted signal closes the server and ends its client', async (t) => {
  const abort = new AbortController();
  const server = await startServer(t, 'mock:edu#signal', { signal: abort.signal });
  const client = await connect(t, server);
  const gone = once(server, 'gone');
  abort.abort();
  await client.waitForEnd();
  t.deepEqual(await gone, ['the server was closed']);
  await server.close();
  t.false(existsSync(server.path));
  const { signal } = abort;
  await t.throwsAsync(serveDevice('mock:edu#signal', { socket: newPath(), signal }), {
    any: true,
    name: 'AbortError',
  });
});

test('an open device stays open after the server', async (t) => {
  const device = await openDevice('mock:edu#open');
  {
    await using server = await serveDevice(device, { socket: newPath() });
    t.is(server.device, 'mock:edu#open');
  }
  t.false(device.closed);
  t.is(device.config.read16(0), 0x1234);
  device.close();
});

test.serial('a device that cannot be opened for the next client closes the server', async (t) => {
  const before = countFds();
  const server = await startServer(t, 'mock:edu#blocked');
  const errors: Error[] = [];
  server.on('error', (error) => errors.push(error));
  const client = await RawClient.negotiated(server.path);
  mockControl('mock:edu#blocked').blockGroup();
  const gone = once(server, 'gone');
  client.close();
  await gone;
  await server.close();
  t.like(errors.at(-1), { code: 'EBUSY' });
  t.is(countFds(), before);
});

test('the errors of the device name are the errors of openDevice()', async (t) => {
  const socket = newPath();
  await t.throwsAsync(serveDevice('mock:nothing', { socket }), { code: 'ENODEV' });
  t.false(existsSync(socket));
});
