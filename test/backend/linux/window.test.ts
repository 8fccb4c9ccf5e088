import test from 'ava';
import { inspect } from 'node:util';
import fc from '../../fast-check.js';
import type { Width } from '../../../lib/contract/index.js';
import { MappedWindow } from '../../../lib/backend/linux/window.js';
import { VfioError } from '../../../lib/errors.js';
import { FakeNative } from '../kernel/fake-native.js';
import type { Handle } from '../../../lib/native/binding.js';

const PATH = '0000:01:00.0 region 0';

function make(size: number, writable = true) {
  const fake = new FakeNative();
  const buffer = new ArrayBuffer(size);
  const mapping = { handle: {} as Handle<'window'>, buffer, lost: new ArrayBuffer(4) };
  const closed: MappedWindow[] = [];
  const window = new MappedWindow(fake.native, mapping, { path: PATH, writable }, (w) =>
    closed.push(w),
  );
  return { fake, window, bytes: new Uint8Array(buffer), closed };
}

const read = (window: MappedWindow, width: Width, offset: number): number | bigint => {
  if (width === 8) return window.read64(offset);
  return {
    1: () => window.read8(offset),
    2: () => window.read16(offset),
    4: () => window.read32(offset),
  }[width]();
};

const write = (window: MappedWindow, width: Width, offset: number, value: bigint): void => {
  const n = Number(value);
  if (width === 1) window.write8(offset, n);
  else if (width === 2) window.write16(offset, n);
  else if (width === 4) window.write32(offset, n);
  else window.write64(offset, value);
};

const WIDTHS: readonly Width[] = [1, 2, 4, 8];

test('property: each access is little-endian and accesses only the bytes of its width', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...WIDTHS),
      fc.nat(7),
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      (width, slot, random) => {
        const { window, bytes } = make(64);
        const value = BigInt.asUintN(8 * width, random);
        write(window, width, slot * width, value);
        const expected = new Uint8Array(64);
        for (let i = 0; i < width; i++) {
          expected[slot * width + i] = Number((value >> BigInt(8 * i)) & 0xffn);
        }
        t.deepEqual(bytes, expected);
        t.is(BigInt(read(window, width, slot * width)), value);
      },
    ),
  );
});

test('property: a wrong or misaligned offset throws a RangeError and writes nothing', (t) => {
  const offset = fc.oneof(
    fc.integer({ min: -16, max: 80 }),
    fc.double({ min: -1, max: 70 }),
    fc.constantFrom(NaN, Infinity, -0.5, 2 ** 32, 2 ** 32 + 4, 2 ** 53),
  );
  fc.assert(
    fc.property(fc.constantFrom(...WIDTHS), offset, (width, at) => {
      fc.pre(!(Number.isInteger(at) && at % width === 0 && at >= 0 && at + width <= 60));
      // The 8-byte register at offset 56 ends at offset 64, but the window ends at offset 60.
      const { window, bytes } = make(60);
      t.throws(() => read(window, width, at), { instanceOf: RangeError });
      t.throws(
        () => {
          write(window, width, at, 1n);
        },
        { instanceOf: RangeError },
      );
      t.true(bytes.every((byte) => byte === 0));
    }),
  );
});

test('writes accept signed numbers and refuse numbers that do not fit into the width', (t) => {
  const { window } = make(16);
  window.write32(0, ~0);
  t.is(window.read32(0), 0xffff_ffff);
  window.write64(8, -1n);
  t.is(window.read64(8), 2n ** 64n - 1n);
  const wrong: (() => void)[] = [
    () => {
      window.write8(0, 256);
    },
    () => {
      window.write8(0, -129);
    },
    () => {
      window.write16(0, 0x1_0000);
    },
    () => {
      window.write32(0, 2 ** 32);
    },
    () => {
      window.write32(0, 1.5);
    },
    () => {
      window.write32(0, NaN);
    },
    () => {
      window.write64(0, 2n ** 64n);
    },
  ];
  for (const run of wrong) t.throws(run, { instanceOf: RangeError });
  t.is(window.read32(0), 0xffff_ffff);
});

test('a 4-byte block is read with one register read and without native code', (t) => {
  const { window, bytes, fake } = make(64);
  bytes.set([0x11, 0x22, 0x33, 0xf4], 8);
  const into = new Uint8Array(6);
  window.readBlock(8, into.subarray(1, 5), 4);
  t.deepEqual([...into], [0, 0x11, 0x22, 0x33, 0xf4, 0]);
  t.deepEqual(fake.calls, []);
  t.throws(
    () => {
      window.readBlock(6, new Uint8Array(4), 4);
    },
    { instanceOf: RangeError },
  );
});

test('native code copies larger blocks after the same checks as for a single access', (t) => {
  const { window, fake } = make(4096);
  window.readBlock(8, new Uint8Array(16), 4);
  window.writeBlock(4088, new Uint8Array(8), 8);
  t.deepEqual(fake.drainCalls(), ['readBlock', 'writeBlock']);
  const wrong: (() => void)[] = [
    () => {
      window.readBlock(4, new Uint8Array(8), 8);
    },
    () => {
      window.readBlock(8, new Uint8Array(6), 4);
    },
    () => {
      window.readBlock(4092, new Uint8Array(8), 4);
    },
    () => {
      window.writeBlock(-4, new Uint8Array(4), 4);
    },
    () => {
      window.writeBlock(0, new Uint8Array(6), 3 as Width);
    },
  ];
  for (const run of wrong) t.throws(run, { instanceOf: RangeError });
  t.deepEqual(fake.calls, []);
});

test('every write to a read-only window throws a TypeError and changes no register', (t) => {
  const { window, fake, bytes } = make(16, false);
  t.is(window.read32(0), 0);
  for (const width of WIDTHS) {
    t.throws(
      () => {
        write(window, width, 0, 1n);
      },
      { instanceOf: TypeError, message: /read-only/ },
    );
  }
  t.throws(
    () => {
      window.writeBlock(0, new Uint8Array(4), 4);
    },
    { message: /read-only/ },
  );
  t.deepEqual([bytes[0], fake.calls.length], [0, 0]);
});

test('after close every access fails with EBADF, and closing again does nothing', (t) => {
  const { window, fake, closed } = make(64);
  window.close();
  window.close();
  window[Symbol.dispose]();
  t.deepEqual(fake.drainCalls(), ['unmapRegion']);
  t.deepEqual(closed, [window]);
  for (const width of WIDTHS) {
    t.throws(() => read(window, width, 0), { code: 'EBADF', message: /closed/ });
    t.throws(
      () => {
        write(window, width, 0, 1n);
      },
      { code: 'EBADF', message: /closed/ },
    );
  }
  t.throws(
    () => {
      window.readBlock(0, new Uint8Array(4), 4);
    },
    { code: 'EBADF', message: `EBADF: the register window is closed '${PATH}'` },
  );
  t.is(window.size, 64);
});

test('if a hint is passed to close(), the error of a later access contains the hint', (t) => {
  const { window } = make(64);
  window.close('The host requested the device back.');
  window.close();
  const error = t.throws(() => window.read32(0), { instanceOf: VfioError });
  t.deepEqual([error.code, error.hint], ['EBADF', 'The host requested the device back.']);
});

test('inspecting a window reads no register', (t) => {
  const { window, bytes } = make(4);
  bytes.fill(0xab);
  const text = inspect(window, { depth: 9, showHidden: true });
  t.false(/ArrayBuffer|171|ab ab/.test(text), text);
});

test('an offset or a value of a wrong type is refused, and the error names the right type', (t) => {
  const { window, bytes } = make(64);
  for (const wrong of [1n, '0', null, undefined, {}, [0], Symbol('offset'), true]) {
    const offset = wrong as never;
    const refused = { instanceOf: TypeError, message: /^offset must be a number, not / };
    for (const width of WIDTHS) {
      t.throws(() => read(window, width, offset), refused);
      t.throws(() => {
        write(window, width, offset, 1n);
      }, refused);
    }
  }
  const number = { instanceOf: TypeError, message: 'value must be a number, not a bigint' };
  for (const name of ['write8', 'write16', 'write32'] as const) {
    t.throws(() => {
      window[name](0, 1n as never);
    }, number);
  }
  t.throws(
    () => {
      window.write64(0, 1 as never);
    },
    { instanceOf: TypeError, message: 'value must be a bigint, not a number' },
  );
  for (const block of [null, undefined, [1, 2, 3, 4], new ArrayBuffer(4)]) {
    t.throws(
      () => {
        window.readBlock(0, block as never, 4);
      },
      { instanceOf: TypeError, message: 'a block must be a Uint8Array' },
    );
  }
  t.true(bytes.every((byte) => byte === 0));
});
