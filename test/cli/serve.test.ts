import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { RawClient } from '../serve/raw-client.js';
import { vfioHere } from './in-process.js';
import { modelModule } from './model-module.js';
import { VFIO } from './vfio.js';

/** Starts `vfio serve`. The process is killed when the test ends. */
function start(t: ExecutionContext, cwd: string, ...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [VFIO, 'serve', ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  if (child.stdout === null) throw new Error('no output');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async () => {
    const { value } = (await lines.next()) as { value?: string };
    return value ?? '';
  };
  return { child, next };
}

test('serve prints the arguments for QEMU, and SIGTERM removes the socket', async (t) => {
  const folder = temporaryFolder();
  const socket = join(folder, "it's");
  const { child, next } = start(t, folder, 'mock:nvme', '--socket', "it's");
  t.is(await next(), `serving mock:nvme at ${socket}`);
  t.is(
    await next(),
    '-m 1G -object memory-backend-memfd,id=mem,size=1G,share=on ' +
      '-machine q35,memory-backend=mem -device ' +
      `'{"driver":"vfio-user-pci","socket":{"type":"unix","path":"${folder}/it'\\''s"}}'`,
  );
  const client = await RawClient.negotiated(socket);
  t.is(await next(), `client: process ${process.pid} of user ${process.getuid?.() ?? -1}`);
  client.close();
  t.is(await next(), 'gone: the client closed its connection');
  child.kill('SIGTERM');
  t.deepEqual(await once(child, 'close'), [0, null]);
  t.false(existsSync(socket));
});

test('serve --once --json prints JSON lines, and ends after the first client', async (t) => {
  const folder = temporaryFolder();
  const socket = join(folder, 's');
  const { child, next } = start(t, folder, 'mock:edu', '--socket', socket, '--once', '--json');
  const serving = JSON.parse(await next()) as { qemu: string[] };
  t.like(serving, { event: 'serving', device: 'mock:edu', socket });
  t.is(serving.qemu[0], '-m');
  const client = await RawClient.negotiated(socket);
  await client.mapDma(undefined, 0n, 0n, 4096n);
  client.post(0, 0x7fff_fff0, new Uint8Array(4));
  await client.read(7, 0, 4);
  client.close();
  const events: string[] = [];
  for (let line = await next(); line !== ''; line = await next()) {
    events.push((JSON.parse(line) as { event: string }).event);
  }
  t.deepEqual(events, ['client', 'unshared', 'error', 'gone']);
  t.deepEqual(await once(child, 'close'), [0, null]);
});

test('serve --import serves a model that a module registers', async (t) => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'card.mjs'), modelModule('imported'));
  const { next } = start(t, folder, 'mock:imported', '--socket', 's', '--import', 'card.mjs');
  t.is(await next(), `serving mock:imported at ${folder}/s`);
  const client = await RawClient.negotiated(join(folder, 's'));
  t.is((await client.read(7, 0, 2)).readUInt16LE(), 0x4711);
  client.close();
});

test('wrong usage and a socket in use are one-line errors', async (t) => {
  const missing = await vfioHere(['serve', 'mock:nvme']);
  t.is(missing.code, 2);
  t.regex(missing.stderr, /give --socket <path>/);
  const folder = temporaryFolder();
  const { next } = start(t, folder, 'mock:edu', '--socket', 's');
  await next();
  const second = await vfioHere(['serve', 'mock:edu', '--socket', join(folder, 's')]);
  t.is(second.code, 1);
  t.regex(second.stderr, /EADDRINUSE: another program listens at the socket/);
});
