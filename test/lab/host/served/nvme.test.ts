// Linux's own driver nvme uses mock:nvme through QEMU and `vfio serve`.
import test from 'ava';
import { runScript, Server } from './support.js';

const MODULES = ['nvme', 'ext4'];

test('the driver nvme of a guest uses mock:nvme, and the next guest works after the end of a guest', async (t) => {
  t.timeout(600_000);
  const server = await Server.start(t, 'mock:nvme');
  const serve = [`vfio-user:${server.path}`];

  const end = new AbortController();
  const ended = new Error('the guest was ended');
  const seen: string[] = [];
  const gone = server.next('gone');
  const first = runScript('nvme.sh', {
    serve,
    modules: MODULES,
    signal: end.signal,
    onLine(line) {
      t.log(line);
      seen.push(line);
      if (line === 'busy') end.abort(ended);
    },
  });
  t.is(await t.throwsAsync(first), ended);
  t.deepEqual(seen, [
    'written and read: 64 MiB',
    'queue 1 on CPU 0: 16 interrupts',
    'queue 2 on CPU 1: 16 interrupts',
    'controller reset: same data',
    'FLR: same data',
    'unbind and bind: same data, domain identity',
    'file system: same data',
    'busy',
  ]);
  t.is(await gone, 'the client closed its connection');

  const { exitCode, lines, errors } = await runScript('lost.sh', {
    serve,
    modules: MODULES,
    onLine(line) {
      if (line === 'ready') server.kill();
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
