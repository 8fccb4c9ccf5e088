import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import * as dsa from '../../lib/demo/dsa/registers.js';
import { GuestDsa } from '../demo/guest-dsa.js';
import { temporaryFolder } from '../native/helpers.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/virtual-dsa.js', import.meta.url));

test('the virtual-dsa example serves a virtual DSA at each socket, and ends at SIGTERM', async (t) => {
  const folder = temporaryFolder();
  const sockets = ['one.sock', 'two.sock'].map((name) => join(folder, name));
  const server = spawn(process.execPath, [EXAMPLE, ...sockets], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const lines = createInterface(server.stdout)[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as unknown;
  for (const socket of sockets) t.is(await next(), `serving mock:dsa at ${socket}`);

  const guests: GuestDsa[] = [];
  for (const path of sockets) {
    guests.push(await GuestDsa.start(t, { path }));
    t.is(await next(), `${path}: process ${process.pid} has connected`);
  }
  for (const [i, guest] of guests.entries()) {
    t.is(await guest.submit({ handle: await guest.requestHandle() }), dsa.DSA_COMP_SUCCESS);
    t.deepEqual(
      guests.map((one) => one.takeInterrupts()[1]),
      i === 0 ? [1, 0] : [0, 1],
    );
  }
  guests[0]?.client.close();
  t.is(await next(), `${sockets[0]}: the client closed its connection`);
  server.kill('SIGTERM');
  t.deepEqual(await once(server, 'exit'), [0, null]);
  t.deepEqual(sockets.map(existsSync), [false, false]);
});

test('without a socket, the virtual-dsa example prints its usage', async (t) => {
  const server = spawn(process.execPath, [EXAMPLE], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [text] = (await once(server.stderr, 'data')) as [Buffer];
  t.is(text.toString(), 'usage: virtual-dsa <socket>...\n');
});
