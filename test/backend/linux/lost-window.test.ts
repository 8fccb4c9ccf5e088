import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import type { Width } from '../../../lib/contract/index.js';
import { MappedWindow } from '../../../lib/backend/linux/window.js';
import { native } from '../../../lib/native/binding.js';
import { temporaryFile } from '../../native/helpers.js';

const SIZE = 8192;
const WIDTHS: readonly Width[] = [1, 2, 4, 8];
const calls = native();

/** Maps a window on a file. A truncated file stands for a device that does not respond. */
function open(t: ExecutionContext, writable = true) {
  const path = temporaryFile(SIZE);
  const fd = calls.open(path, writable);
  const mapping = calls.mapRegion(fd, 0, SIZE, writable);
  const window = new MappedWindow(
    calls,
    mapping,
    { path: '0000:01:00.0 region 0', writable },
    () => undefined,
  );
  const events: string[] = [];
  window.on('lost', () => events.push('lost'));
  window.on('restored', () => events.push('restored'));
  t.teardown(() => {
    window.close();
    calls.close(fd);
  });
  const lose = () => {
    truncateSync(path, 0);
  };
  const restore = (byte = 0) => {
    writeFileSync(path, new Uint8Array(SIZE).fill(byte));
  };
  return { window, events, path, lose, restore };
}

function read(window: MappedWindow, width: Width, offset: number): bigint {
  if (width === 8) return window.read64(offset);
  if (width === 4) return BigInt(window.read32(offset));
  return BigInt(width === 2 ? window.read16(offset) : window.read8(offset));
}

function write(window: MappedWindow, width: Width, offset: number, value: number): void {
  if (width === 8) window.write64(offset, BigInt(value));
  else if (width === 4) window.write32(offset, value);
  else if (width === 2) window.write16(offset, value);
  else window.write8(offset, value);
}

const ones = (width: Width) => 2n ** BigInt(8 * width) - 1n;

for (const width of WIDTHS) {
  test(`${width} bytes: a lost window reads all ones and drops writes`, async (t) => {
    const { window, events, lose, restore } = open(t);
    write(window, width, 16, 1);
    lose();
    t.false(window.lost);
    for (const offset of [16, 4096]) {
      t.is(read(window, width, offset), ones(width));
      t.true(window.lost);
      write(window, width, offset, 2);
      t.is(read(window, width, offset), ones(width));
    }
    t.deepEqual(events, [], 'the window emits the event in a microtask');
    await Promise.resolve();
    t.deepEqual(events, ['lost']);
    restore();
    t.is(read(window, width, 16), 0n);
    t.false(window.lost);
    write(window, width, 16, 3);
    t.is(read(window, width, 16), 3n);
    await Promise.resolve();
    t.deepEqual(events, ['lost', 'restored']);
  });

  test(`${width} bytes: the write that detects the loss of the device is dropped`, (t) => {
    const { window, lose, restore } = open(t);
    lose();
    write(window, width, 16, 2);
    t.true(window.lost);
    t.is(read(window, width, 16), ones(width));
    restore();
    write(window, width, 24, 3);
    t.false(window.lost);
    t.is(read(window, width, 16), 0n);
    t.is(read(window, width, 24), 3n);
  });
}

test('the first write after the device is restored can write a negative value', (t) => {
  const { window, lose, restore } = open(t);
  for (const [width, value] of [
    [1, -2],
    [2, -2],
    [4, -2],
    [8, -2],
  ] as const) {
    lose();
    window.read8(0);
    restore();
    write(window, width, 8, value);
    t.is(read(window, width, 8), ones(width) - 1n);
  }
});

test('blocks of a lost window read all ones and drop writes', (t) => {
  const { window, lose, restore } = open(t);
  lose();
  const block = new Uint8Array(32);
  window.readBlock(4080, block, 2);
  t.true(block.every((byte) => byte === 0xff));
  t.true(window.lost);
  window.writeBlock(0, block.fill(1), 8);
  restore(7);
  window.readBlock(4080, block, 4);
  t.false(window.lost);
  t.true(block.every((byte) => byte === 7));
});

test('a lost window refuses wrong offsets, wrong values, and use after close', (t) => {
  const { window, lose } = open(t);
  lose();
  window.read8(0);
  for (const offset of [-1, SIZE, 2.5, NaN]) {
    for (const width of WIDTHS) {
      t.throws(() => read(window, width, offset), { instanceOf: RangeError });
      t.throws(
        () => {
          write(window, width, offset, 0);
        },
        { instanceOf: RangeError },
      );
    }
  }
  t.throws(
    () => {
      window.write32(0, 2 ** 32);
    },
    { instanceOf: RangeError },
  );
  t.true(window.lost);
  window.close();
  t.throws(() => window.read8(0), { code: 'EBADF', message: /closed/ });
  t.throws(
    () => {
      window.write8(0, 0);
    },
    { code: 'EBADF', message: /closed/ },
  );
});

test('a lost read-only window reads all ones and refuses writes', (t) => {
  const { window, lose } = open(t, false);
  lose();
  t.is(window.read32(0), 0xffff_ffff);
  t.throws(
    () => {
      window.write32(0, 0);
    },
    { message: /read-only/ },
  );
});

test('a register with a value of all ones does not make the window lost', async (t) => {
  const { window, events, restore } = open(t);
  restore(0xff);
  for (const width of WIDTHS) t.is(read(window, width, 0), ones(width));
  await Promise.resolve();
  t.false(window.lost);
  t.deepEqual(events, []);
});

const ROUNDS = 100;

/**
 * Program of a thread that truncates the file at a random time and later restores the file. A round
 * has three states. In state 0, the reader spins. In state 1, the reader has detected the loss. In
 * state 2, the file is restored.
 */
const TRUNCATE = `
  const { truncateSync } = require('node:fs');
  const { workerData: { path, turn } } = require('node:worker_threads');
  const awaitTurn = (n) => {
    for (let now; (now = Atomics.load(turn, 0)) !== n; ) Atomics.wait(turn, 0, now);
  };
  for (let n = 0; n < 3 * ${ROUNDS}; n += 3) {
    awaitTurn(n);
    Atomics.wait(turn, 1, 0, Math.random() * 3);
    truncateSync(path, 0);
    awaitTurn(n + 1);
    truncateSync(path, ${SIZE});
    Atomics.store(turn, 0, n + 2);
    Atomics.notify(turn, 0);
  }`;

for (const access of ['read', 'write'] as const) {
  test(`in every compiler tier, a ${access} loop detects a lost device at once`, async (t) => {
    const { window, path } = open(t);
    const turn = new Int32Array(new SharedArrayBuffer(8));
    const worker = new Worker(TRUNCATE, { eval: true, workerData: { path, turn } });
    const ended = once(worker, 'exit');
    const setTurn = (n: number) => {
      Atomics.store(turn, 0, n);
      Atomics.notify(turn, 0);
    };
    const spin = () => {
      for (;;) {
        if (access === 'read') {
          if (window.read32(8) === 0xffff_ffff) return;
        } else {
          window.write32(8, 1);
          if (window.lost) return;
        }
      }
    };
    let wrong = 0;
    for (let n = 0; n < 3 * ROUNDS; n += 3) {
      setTurn(n);
      spin();
      if (!window.lost || window.read32(8) !== 0xffff_ffff) wrong++;
      setTurn(n + 1);
      Atomics.wait(turn, 0, n + 1);
      if (window.read32(8) !== 0 || window.lost) wrong++;
    }
    t.is(wrong, 0);
    await ended;
  });
}
