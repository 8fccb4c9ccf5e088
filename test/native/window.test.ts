import { readFileSync } from 'node:fs';
import test from 'ava';
import { native, type NativeWindow } from '../../lib/native/binding.js';
import { collectGarbage, mappingAt, temporaryFile } from './helpers.js';
import { PAGE_SIZE as PAGE } from '../../lib/checks.js';

const calls = native();

/** Maps a file that stands for a BAR. */
function openBar(writable = true): { fd: number; path: string; window: NativeWindow } {
  const path = temporaryFile(3 * PAGE);
  const fd = calls.open(path, writable);
  return { fd, path, window: calls.mapRegion(fd, PAGE, 2 * PAGE, writable) };
}

const addressOf = (window: NativeWindow) => calls.addressOf(new Uint8Array(window.buffer));

for (const width of [1, 2, 4, 8]) {
  test(`blocks of ${width}-byte registers are read and written`, (t) => {
    const { fd, path, window } = openBar();
    const from = Uint8Array.from({ length: 64 }, (_, i) => i + 1);
    calls.writeBlock(window.handle, 16, from, width);
    t.deepEqual(new Uint8Array(readFileSync(path).subarray(PAGE + 16, PAGE + 80)), from);
    // The buffer of a block needs no alignment, but the register offset must be aligned.
    const into = new Uint8Array(65);
    calls.readBlock(window.handle, 16, into.subarray(1), width);
    t.deepEqual(into.subarray(1), from);
    t.deepEqual(new Uint8Array(window.buffer, 16, 64), from);
    calls.unmapRegion(window.handle, window.buffer);
    calls.close(fd);
  });
}

test('a block outside of the window or a misaligned block throws a RangeError', (t) => {
  const { fd, window } = openBar();
  const four = new Uint8Array(4);
  const expected = { instanceOf: RangeError };
  for (const name of ['readBlock', 'writeBlock'] as const) {
    const block: (typeof calls)['readBlock'] = (...args) => {
      calls[name](...args);
    };
    t.throws(() => {
      block(window.handle, 2 * PAGE, four, 4);
    }, expected);
    t.throws(() => {
      block(window.handle, 2 * PAGE - 2, four, 2);
    }, expected);
    t.throws(() => {
      block(window.handle, 2 ** 53 - 1, four, 1);
    }, expected);
    t.throws(() => {
      block(window.handle, 2, four, 4);
    }, expected);
    t.throws(() => {
      block(window.handle, 0, four, 8);
    }, expected);
    t.throws(
      () => {
        block(window.handle, 0, four, 3);
      },
      { instanceOf: TypeError },
    );
    t.notThrows(() => {
      block(window.handle, 2 * PAGE, new Uint8Array(0), 8);
    });
  }
  calls.unmapRegion(window.handle, window.buffer);
  calls.close(fd);
});

test('a write to a read-only window throws a TypeError', (t) => {
  const { fd, window } = openBar(false);
  calls.readBlock(window.handle, 0, new Uint8Array(4), 4);
  t.throws(
    () => {
      calls.writeBlock(window.handle, 0, new Uint8Array(4), 4);
    },
    {
      instanceOf: TypeError,
    },
  );
  calls.unmapRegion(window.handle, window.buffer);
  calls.close(fd);
});

test('unmapRegion unmaps the window at once, and a later access throws a TypeError', (t) => {
  const { fd, path, window } = openBar();
  const address = addressOf(window);
  const view = new Uint32Array(window.buffer);
  t.true(mappingAt(address).includes(path));
  calls.unmapRegion(window.handle, window.buffer);
  t.false(mappingAt(address).includes(path));
  t.is(view.length, 0);
  calls.unmapRegion(window.handle, window.buffer);
  t.throws(
    () => {
      calls.readBlock(window.handle, 0, new Uint8Array(4), 4);
    },
    {
      instanceOf: TypeError,
    },
  );
  calls.close(fd);
});

test('unmapRegion refuses a buffer that is not the buffer of the window', (t) => {
  const { fd, path, window } = openBar();
  const other = new ArrayBuffer(8);
  t.throws(
    () => {
      calls.unmapRegion(window.handle, other);
    },
    { instanceOf: TypeError },
  );
  t.is(other.byteLength, 8);
  t.true(mappingAt(addressOf(window)).includes(path));
  calls.unmapRegion(window.handle, window.buffer);
  calls.close(fd);
});

test.serial('garbage collection unmaps a window that is no longer referenced', async (t) => {
  const { fd, path, window } = openBar();
  const address = addressOf(window);
  const { handle } = window;
  (window as { buffer?: ArrayBuffer }).buffer = new ArrayBuffer(0);
  await collectGarbage();
  calls.readBlock(handle, 0, new Uint8Array(4), 4);
  const open = () => calls.addressOf(new Uint8Array(calls.mapRegion(fd, 0, PAGE, true).buffer));
  const dropped = open();
  await collectGarbage();
  t.true(mappingAt(address).includes(path));
  t.false(mappingAt(dropped).includes(path));
  calls.readBlock(handle, 0, new Uint8Array(4), 4);
  calls.close(fd);
});

test('mapRegion of a region that cannot be mapped fails with the errno of mmap', (t) => {
  const fd = calls.open('/proc/self/status', false);
  t.throws(() => calls.mapRegion(fd, 0, PAGE, false), { code: 'ENODEV' });
  t.throws(() => calls.mapRegion(fd, 1, PAGE, false), { code: 'EINVAL' });
  t.throws(() => calls.mapRegion(fd, 0, 0, false), { code: 'EINVAL' });
  calls.close(fd);
});
