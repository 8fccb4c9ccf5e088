// Tests that a forked child process inherits neither DMA memory nor mapped registers.
// native/test/forked.cc forks without exec. A child process that Node starts would prove nothing,
// because Node calls exec, which drops the parent's memory.
import { truncateSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test from 'ava';
import { native } from '../../lib/native/binding.js';
import { compile, nodeApi, temporaryFile, temporaryFolder } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();
const path = join(temporaryFolder(), 'forked.node');
compile(path, ['-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-I', nodeApi], 'test/forked.cc');
const { inherited } = createRequire(import.meta.url)(path) as {
  inherited: (address: bigint) => number;
};

test('a forked child inherits ordinary memory', (t) => {
  t.is(inherited(calls.addressOf(new Uint8Array(PAGE)) & ~BigInt(PAGE - 1)), 1);
});

test('a forked child does not inherit DMA memory, with plain or huge pages', (t) => {
  for (const pages of [0, -1]) {
    const { address, handle, buffer } = calls.memoryAllocate(4 * PAGE, pages);
    t.is(inherited(address), 0);
    t.is(inherited(address + BigInt(3 * PAGE)), 0);
    calls.memoryRelease(handle, buffer);
  }
});

test('a forked child does not inherit mapped registers, even after the device was lost', (t) => {
  const file = temporaryFile(PAGE);
  const fd = calls.open(file, true);
  const { buffer, handle } = calls.mapRegion(fd, 0, PAGE, true);
  const address = calls.addressOf(new Uint8Array(buffer));
  const bytes = new Uint8Array(4);
  t.is(inherited(address), 0);
  truncateSync(file, 0);
  calls.readBlock(handle, 0, bytes, 4);
  t.deepEqual([...bytes], [255, 255, 255, 255]);
  truncateSync(file, PAGE);
  calls.readBlock(handle, 0, bytes, 4);
  t.deepEqual([...bytes], [0, 0, 0, 0]);
  t.is(inherited(address), 0);
  calls.unmapRegion(handle, buffer);
  calls.close(fd);
});
