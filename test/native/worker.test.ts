import { join } from 'node:path';
import test from 'ava';
import { fakeKernel, runWorker, temporaryFolder, type Outcome } from './helpers.js';

const ended = (...lines: string[]): Outcome => ({
  code: 0,
  signal: null,
  output: lines.map((line) => `${line}\n`).join(''),
});

/**
 * Opens event sets, memory, a window and fds. Defines `serve(callback)`, which serves one of the
 * event sets.
 */
const EVERYTHING = `
  const set = native.eventSetCreate(new Uint32Array(1), new BigUint64Array(1));
  const eventfd = native.eventfdCreate();
  native.eventSetAdd(set, 0, eventfd, false);
  const signal = () => native.eventfdSignal(eventfd, 1n);
  const fd = native.open(file, true);
  globalThis.kept = [
    native.eventSetCreate(new Uint32Array(1), new BigUint64Array(1)),
    native.memoryAllocate(2 ** 24, 0),
    native.memoryMapFd(fd, 0, 8192, false),
    native.mapRegion(fd, 0, 8192, true),
  ];
  const serve = (callback) => {
    native.eventSetServe(set, callback);
    native.eventSetRef(set);
  };
`;

/** Prints `clean` if the worker left no resource open. */
const COMPARE = `
  const after = open();
  output(after === before ? 'clean' : before + ' became ' + after);
`;

test('terminate closes everything', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => undefined);
     post('ready');`,
    `start();
     await next();
     output(open() === before ? 'nothing was open' : 'open');
     await worker.terminate();
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('open', 'clean'));
});

test('terminate closes started watches, sockets, and descriptors that nobody took', async (t) => {
  const path = join(temporaryFolder(), 's');
  const outcome = await runWorker(
    `const listener = native.socketListen('${path}');
     const client = native.socketConnect('${path}');
     const server = native.socketAccept(listener);
     const [sender, receiver] = [client, server].map((fd) => native.streamOpen(fd, new ArrayBuffer(64)));
     const message = new Uint8Array(16);
     message[4] = 16;
     native.streamSend(sender, message, 16, [native.eventfdCreate()]);
     native.streamSend(sender, message, 16, [native.eventfdCreate()]);
     const watch = native.watchOpen(server, () => {
       native.watchStop(watch);
       post(native.streamReceive(receiver));
     });
     native.watchStart(watch, 1);
     const other = native.watchOpen(listener, () => undefined);
     native.watchStart(other, 1);`,
    `start();
     output('received ' + (await next()));
     await worker.terminate();
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('received 16', 'clean'));
});

test('terminate() closes all resources of several workers, also when repeated', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => undefined);
     post('ready');`,
    `for (let round = 0; round < 3; round++) {
       const workers = [start(), start(), start()];
       await Promise.all(workers.map((one) => once(one, 'message')));
       await Promise.all(workers.map((one) => one.terminate()));
     }
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('clean'));
});

test('a worker that ends by itself closes all its resources', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => undefined);
     native.eventSetUnref(set);
     require('node:worker_threads').parentPort.unref();`,
    `const [code] = await once(start(), 'exit');
     output('exit ' + code);
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('exit 0', 'clean'));
});

test('after an event set was closed, process.exit() in a worker closes all resources', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => {
       native.eventSetClose(set);
       process.exit(3);
     });
     signal();`,
    `const [code] = await once(start(), 'exit');
     output('exit ' + code);
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('exit 3', 'clean'));
});

for (const wait of ['eventSetWait', 'eventSetSpin']) {
  test(`terminate() interrupts a ${wait} call that has no time limit`, async (t) => {
    const outcome = await runWorker(
      `${EVERYTHING}
       post('ready');
       native.${wait}(set, -1);
       post('came back');`,
      `start();
       await next();
       // The message arrives before the worker waits.
       await new Promise((resolve) => setTimeout(resolve, 100));
       worker.on('message', output);
       const terminatedAt = performance.now();
       await worker.terminate();
       const took = performance.now() - terminatedAt;
       output(took < 1000 ? 'at once' : 'after ' + took + ' ms');
       ${COMPARE}`,
    );
    t.deepEqual(outcome, ended('at once', 'clean'));
  });
}

test('terminate() interrupts a callback that does not return', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => {
       post('inside');
       for (;;);
     });
     signal();`,
    `start();
     await next();
     await worker.terminate();
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('clean'));
});

test('an exception in the callback is reported as an error event of the worker', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => {
       throw new Error('an error of the callback');
     });
     signal();`,
    `start();
     const exit = new Promise((resolve) => worker.on('exit', resolve));
     const [error] = await once(worker, 'error');
     output(error.message);
     await exit;
     ${COMPARE}`,
  );
  t.deepEqual(outcome, ended('an error of the callback', 'clean'));
});

test('the process can end while a worker waits for an event', async (t) => {
  const outcome = await runWorker(
    `${EVERYTHING}
     serve(() => undefined);
     const other = native.eventSetCreate(new Uint32Array(1), new BigUint64Array(1));
     post('ready');
     native.eventSetWait(other, -1);`,
    `start();
     await next();
     process.exit(5);`,
  );
  t.deepEqual(outcome, { code: 5, signal: null, output: '' });
});

test.serial('terminate() during asynchronous calls closes all resources', async (t) => {
  const kernel = fakeKernel();
  for (const request of ['3b6a', '3b6f', '3b76']) {
    const outcome = await runWorker(
      `${EVERYTHING}
       const failed = (error) => post(String(error));
       native.groupGetDeviceFdAsync(fd, 'x').catch(failed);
       native.deviceResetAsync(fd).catch(failed);
       native.deviceBindIommufdAsync(fd, fd, null).catch(failed);
       native.containerMapDmaAsync(fd, 3, 0n, 0n, 4096n).catch(failed);
       native.iommufdIoasMapAsync(fd, 1, 7, 0n, 0n, 4096n).catch(failed);
       native.close(fd);
       post('ready');`,
      `start();
       output(await next());
       worker.on('message', output);
       await new Promise((resolve) => setTimeout(resolve, 50));
       await worker.terminate();
       ${COMPARE}`,
      {
        ...kernel,
        VFIO_TEST_SLEEP: `${request}:400`,
        // This call fails after the environment of its worker has ended.
        ...(request === '3b76' && { VFIO_TEST_FAIL: '3b76:16' }),
      },
    );
    t.deepEqual(outcome, ended('ready', 'clean'), request);
  }
});
