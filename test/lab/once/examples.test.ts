import { example, QUEUES } from '../../examples/run.js';
import test from 'ava';

const { VFIO_LAB_NVME = '', VFIO_LAB_EDU = '', VFIO_LAB_E1000E = '' } = process.env;

test('the example program edu prints a factorial and a copied text', async (t) => {
  t.is(await example('edu', VFIO_LAB_EDU), '10! = 3628800\ncopied to the device and back by DMA\n');
});

test('the example program worker prints the results of its worker', async (t) => {
  t.is(
    await example('worker', VFIO_LAB_EDU),
    'factorials from the worker: 6, 120, 5040\nthe main thread was not blocked\n',
  );
});

test('the example program nvme prints the reads of each queue', async (t) => {
  const [, ...queues] = (await example('nvme', VFIO_LAB_NVME)).trim().split('\n');
  t.is(queues.length, QUEUES.length);
  queues.forEach((line, i) => t.regex(line, QUEUES[i] ?? /^$/));
});

test('the example program e1000e resolves the address of the gateway', async (t) => {
  t.deepEqual((await example('e1000e', VFIO_LAB_E1000E)).trim().split('\n'), [
    'link: 1000 Mb/s, full duplex',
    '52:54:00:12:34:56 (10.0.2.15) sent an ARP request for 10.0.2.2: vector 1 fired',
    '10.0.2.2 answered from 52:55:0a:00:02:02: vector 0 fired',
  ]);
});
