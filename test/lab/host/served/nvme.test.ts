// Linux's own driver nvme uses mock:nvme through QEMU and a server.
import { once } from 'node:events';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test, { type ExecutionContext } from 'ava';
import { openDevice, PhysicalSource, serveDevice, VirtualIrqs, VirtualMsix } from 'vfio';
import { temporaryFolder } from '../../../native/helpers.js';
import { runScript, Server } from './support.js';

/** Vectors of the virtual MSI-X table. mock:nvme itself has 65 vectors. */
const VECTORS = 8;
const MODULES = ['nvme', 'ext4'];

/**
 * Runs nvme.sh in a guest, and ends the guest while the guest writes the disk.
 *
 * @param vectors - number of MSI-X vectors that the guest finds
 */
async function driveDisk(t: ExecutionContext, path: string, vectors: number): Promise<void> {
  const end = new AbortController();
  const ended = new Error('the guest was ended');
  const seen: string[] = [];
  const guest = runScript('nvme.sh', {
    serve: [`vfio-user:${path}`],
    modules: MODULES,
    signal: end.signal,
    onLine(line) {
      t.log(line);
      seen.push(line);
      if (line === 'busy') end.abort(ended);
    },
  });
  t.is(await t.throwsAsync(guest), ended);
  t.deepEqual(seen, [
    `MSI-X: Enable+ Count=${vectors} Masked-`,
    'written and read: 64 MiB, domain DMA',
    'queue 1 on CPU 0: 16 interrupts',
    'queue 2 on CPU 1: 16 interrupts',
    'controller reset: same data',
    'FLR: same data',
    'unbind and bind: same data, domain identity',
    'file system: same data',
    'busy',
  ]);
}

test('the driver nvme of a guest uses mock:nvme, and the next guest works after the end of a guest', async (t) => {
  t.timeout(600_000);
  const server = await Server.start(t, 'mock:nvme');
  const gone = server.next('gone');
  await driveDisk(t, server.path, 65);
  t.is(await gone, 'the client closed its connection');

  const stdin = new PassThrough();
  const { exitCode, lines, errors } = await runScript('lost.sh', {
    serve: [`vfio-user:${server.path}`],
    modules: MODULES,
    stdin,
    onLine(line) {
      if (line === 'ready') void server.kill().then(() => stdin.end());
    },
  });
  t.deepEqual(lines, [
    'second guest: same data',
    'ready',
    'configuration space: all ones',
    'controller reset: failed, blocks of the disk: 0',
  ]);
  t.is(exitCode, 0, errors);
  t.deepEqual(server.errors, []);
});

test('the driver nvme of a guest uses mock:nvme behind a virtual MSI-X table on physical vectors', async (t) => {
  t.timeout(600_000);
  using device = await openDevice('mock:nvme');
  const msix = new VirtualMsix({
    vectors: VECTORS,
    table: { bar: 0, offset: 0x2000 },
    pba: { bar: 0, offset: 0x3000 },
  });
  msix.attach(new PhysicalSource(device.connection));
  const interrupts = new VirtualIrqs({ msix });
  const socket = join(temporaryFolder(), 's');
  await using server = await serveDevice(device, { socket, interrupts });
  const errors: string[] = [];
  server.on('error', ({ message }) => errors.push(message));
  const gone = once(server, 'gone');
  await driveDisk(t, socket, VECTORS);
  t.deepEqual(await gone, ['the client closed its connection']);
  t.deepEqual(errors, []);
});
