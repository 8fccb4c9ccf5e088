import test from 'ava';
import { canReset, didReset, type ResetConfig } from '../../lib/pci/function-reset.js';

/** The capabilities PCI Express and Advanced Features at these offsets. Both support FLR. */
function configOf(express: number, advanced: number): ResetConfig {
  return {
    find: (name) => (name === 'pcie' ? { offset: express } : { offset: advanced }),
    details: () => ({ flr: true }),
    read8: () => 0x03,
  };
}

/** Every write of one bit, and of all bits, to the first 512 bytes of configuration space. */
function* writes(): Generator<{ offset: number; width: number; value: number }> {
  for (const width of [1, 2, 4]) {
    const values = [0, 2 ** (8 * width) - 1];
    for (let bit = 0; bit < 8 * width; bit++) values.push(2 ** bit);
    for (let offset = 0; offset < 512; offset += width) {
      for (const value of values) yield { offset, width, value };
    }
  }
}

test('each write that resets a function is a write that can reset a function', (t) => {
  let resets = 0;
  for (const [express, advanced] of [
    [0x40, 0xf8],
    [0x7c, 0x40],
    [0xc4, 0x50],
  ] as const) {
    const config = configOf(express, advanced);
    for (const { offset, width, value } of writes()) {
      if (!didReset(config, offset, width, (n) => (value >>> (8 * n)) & 0xff)) continue;
      resets++;
      if (!canReset(offset, value)) t.fail(`${width} bytes at ${offset}: ${value}`);
    }
  }
  // For each capability: one byte, two bytes and four bytes, each with the bit alone and all bits.
  t.is(resets, 3 * 2 * 3 * 2);
});

test('a write without a reset bit, or to the header, cannot reset a function', (t) => {
  t.false(canReset(0x3c, 0xffff_ffff));
  t.false(canReset(0x48, 0xffff_7ffe));
  t.false(canReset(0x4a, 0xffff));
  t.false(canReset(0x49, 0x7f));
  t.true(canReset(0x48, 0x8000));
  t.true(canReset(0x49, 0x80));
  t.true(canReset(0x4c, 0x01));
});
