// Runs the tests of register windows with the writes of arm64, on every machine.
import test from 'ava';
import { FakeNative } from '../kernel/fake-native.js';
import type { Handle } from '../../../lib/native/binding.js';

Object.defineProperty(process, 'arch', { value: 'arm64' });
await import('./window.test.js');
const { MappedWindow } = await import('../../../lib/backend/linux/window.js');

test('on arm64, each write is one Atomics.store of its width', (t) => {
  const mapping = {
    handle: {} as Handle<'window'>,
    buffer: new ArrayBuffer(64),
    lost: new ArrayBuffer(4),
  };
  const options = { path: '', writable: true };
  const window = new MappedWindow(new FakeNative().native, mapping, options, () => undefined);
  const stores: string[] = [];
  const { store } = Atomics;
  Atomics.store = ((array: Uint32Array, index: number, value: number) => {
    stores.push(`${array.constructor.name}[${index}] = ${value}`);
    return store(array, index, value);
  }) as typeof store;
  t.teardown(() => {
    Atomics.store = store;
  });
  window.write8(9, -1);
  window.write16(10, 0xffff);
  window.write32(12, -5);
  window.write64(16, 7n);
  t.deepEqual(stores, [
    'Uint8Array[9] = -1',
    'Uint16Array[5] = 65535',
    'Uint32Array[3] = -5',
    'BigUint64Array[2] = 7',
  ]);
  t.is(window.read32(12), 0xffff_fffb);
});
