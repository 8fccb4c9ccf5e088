import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { example, QUEUES, run } from './run.js';

const AVA = 'node_modules/ava/entrypoints/cli.mjs';

test('the edu example prints a factorial and a copied text', async (t) => {
  t.is(await example('edu'), '10! = 3628800\ncopied to the device and back by DMA\n');
});

test('the nvme example prints the reads of each queue', async (t) => {
  const [model, ...queues] = (await example('nvme')).trim().split('\n');
  t.regex(model ?? '', /block size 512 bytes$/);
  t.is(queues.length, QUEUES.length);
  queues.forEach((line, i) => t.regex(line, QUEUES[i] ?? /^$/));
});

test('the virtio-blk example writes and reads blocks', async (t) => {
  t.deepEqual((await example('virtio-blk', 'mock:virtio-blk', '40')).trim().split('\n'), [
    '131072 sectors',
    '40 blocks written, 16 requests in flight',
    '40 blocks read, 0 blocks differ',
  ]);
});

test('the dsa example prints the work of each PASID', async (t) => {
  t.deepEqual((await example('dsa')).trim().split('\n'), [
    "queue 0 copied 'work of PASID 0x101' and raised vector 1",
    "queue 1 copied 'work of PASID 0x102' and raised vector 2",
    'queue 1 tried to raise vector 1: refused, 0 interrupts',
  ]);
});

test('the pool example sends all messages from one page', async (t) => {
  t.is(await example('pool'), '100 messages arrived in order\n1 page of DMA memory\n');
});

test('the worker example prints the results of its worker', async (t) => {
  t.is(
    await example('worker'),
    'factorials from the worker: 6, 120, 5040\nthe main thread was not blocked\n',
  );
});

test('the unit test example passes with node:test', async (t) => {
  const file = 'dist/examples/unit-test/factorial.node.test.js';
  const output = await run(process.execPath, '--test', '--test-reporter=tap', file);
  t.regex(output, /# pass 3\n# fail 0\n/);
});

test('the unit test example passes with ava', async (t) => {
  const file = 'dist/examples/unit-test/factorial.ava.test.js';
  const output = await run(
    process.execPath,
    AVA,
    '--tap',
    '--config',
    'scripts/ava.examples.mjs',
    file,
  );
  t.regex(output, /# pass 5\n# fail 0\n/);
});

test('Node.js can strip the types of each example', (t) => {
  const folder = new URL('../../../examples/', import.meta.url);
  for (const name of readdirSync(folder).filter((one) => one.endsWith('.ts'))) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    t.notRegex(text, /^\s*(enum|namespace) |^\s*(readonly|private|public) [^;]*,$/m, name);
  }
});

test('each example program has from 60 to 250 lines', (t) => {
  const folder = new URL('../../../examples/', import.meta.url);
  for (const name of readdirSync(folder)) {
    if (!name.endsWith('.ts')) continue;
    const { length } = readFileSync(new URL(name, folder), 'utf8').trimEnd().split('\n');
    t.true(length >= 60 && length <= 250, `${name}: ${length}`);
  }
});
