import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const exec = promisify(execFile);

async function example(name: string, ...args: string[]): Promise<string> {
  const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
  const { stdout } = await exec(process.execPath, [...args, file], { timeout: 60_000 });
  return stdout;
}

test('edu', async (t) => {
  t.is(await example('edu'), '10! = 3628800\nthere and back again by DMA\n');
});

test('nvme', async (t) => {
  const [model, ...queues] = (await example('nvme')).trim().split('\n');
  t.regex(model ?? '', /blocks of 512 bytes$/);
  t.is(queues.length, 3);
  t.regex(queues[0] ?? '', /^queue 1: 64 reads in .* ms, [1-9]\d* interrupts on vector 1$/);
  t.regex(queues[1] ?? '', /^queue 2: 64 reads in .* ms, [1-9]\d* interrupts on vector 2$/);
  t.regex(queues[2] ?? '', /^queue 3: 64 reads in .* ms, polled$/);
});

test('a unit test with node:test', async (t) => {
  t.regex(await example('unit-test/factorial.node.test', '--test'), /# pass 3\n# fail 0\n/);
});
