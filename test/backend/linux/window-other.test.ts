// Tests register windows on an architecture whose order of accesses is not known.
import test from 'ava';
import { FakeNative } from '../kernel/fake-native.js';
import type { Handle } from '../../../lib/native/binding.js';

Object.defineProperty(process, 'arch', { value: 'riscv64' });
const { MappedWindow } = await import('../../../lib/backend/linux/window.js');

test('on other architectures, native code makes each register access', (t) => {
  const fake = new FakeNative();
  const memory = new Uint8Array(64);
  fake.answers.readBlock = (_, offset, into) => {
    into.set(memory.subarray(offset, offset + into.length));
  };
  fake.answers.writeBlock = (_, offset, from) => {
    memory.set(from, offset);
  };
  const mapping = {
    handle: {} as Handle<'window'>,
    buffer: memory.buffer,
    lost: new ArrayBuffer(4),
  };
  const options = { path: '', writable: true };
  const window = new MappedWindow(fake.native, mapping, options, () => undefined);
  window.write8(9, 0x12);
  window.write16(10, 0x3456);
  window.write32(12, -5);
  window.write64(16, 7n);
  t.deepEqual(fake.drainCalls(), ['writeBlock', 'writeBlock', 'writeBlock', 'writeBlock']);
  t.deepEqual([window.read8(9), window.read16(10), window.read32(12)], [0x12, 0x3456, 0xffff_fffb]);
  t.is(window.read64(16), 7n);
  t.deepEqual(fake.drainCalls(), ['readBlock', 'readBlock', 'readBlock', 'readBlock']);
  t.throws(() => window.read32(61), { instanceOf: RangeError });
  t.throws(
    () => {
      window.write32(64, 0);
    },
    { instanceOf: RangeError },
  );
  t.deepEqual(fake.drainCalls(), []);
  t.is(window.size, 64);
});
