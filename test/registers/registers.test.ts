import test from 'ava';
import { defineRegisters, mockControl, openDevice } from '../../lib/mock.js';
import type { RegisterWindow } from '../../lib/contract/window.js';
import { VfioError } from '../../lib/errors.js';
import { FakeWindow } from './fake-window.js';

const nvme = defineRegisters('nvme', {
  cap: { offset: 0, width: 8, access: 'ro', fields: { mqes: [15, 0], to: [31, 24], mps: 55 } },
  cc: { offset: 0x14, width: 4, fields: { en: 0, iosqes: [19, 16], iocqes: [23, 20] } },
  csts: {
    offset: 0x1c,
    width: 4,
    fields: { rdy: { bits: 0, access: 'ro' }, nssro: { bits: 4, access: 'w1c' } },
  },
  asq: { offset: 0x28, width: 8, split: true, fields: { base: [63, 12] } },
  acq: { offset: 0x30, width: 8, fields: { base: [63, 12], low: [11, 0] } },
  small: { offset: 0x38, width: 1, fields: { high: 7 } },
  ci: { offset: 0x3c, width: 4, access: 'w1s', fields: { slot0: 0, slot1: 1 } },
  half: { offset: 0x3a, width: 2 },
  sqtdbl: { offset: 0x40, width: 4, access: 'wo', count: 4, stride: 8 },
});

const on = (window: FakeWindow) => nvme.on(window as unknown as RegisterWindow);

test('a register is read and written by fields, one access a call', (t) => {
  const window = new FakeWindow(0x100);
  const { cc } = on(window);
  cc.write({ en: 1, iosqes: 6, iocqes: 4 });
  t.is(cc.value, 0x0046_0001);
  t.deepEqual(cc.read(), { en: 1, iosqes: 6, iocqes: 4 });
  cc.write({ iosqes: 15 });
  t.deepEqual(window.takeLog(), [
    'write32 0x14 0x460001',
    'read32 0x14',
    'read32 0x14',
    'write32 0x14 0xf0000',
  ]);
});

test('an update keeps the other fields and the reserved bits', (t) => {
  const window = new FakeWindow(0x100);
  const { cc } = on(window);
  cc.value = 0x8046_0f00;
  cc.update({ en: 1, iocqes: 0 });
  t.is(cc.value, 0x8006_0f01);
});

test('an update clears no bit that is cleared by a 1, unless the field is given', (t) => {
  const window = new FakeWindow(0x100);
  const { csts } = on(window);
  csts.value = 0xff;
  window.takeLog();
  csts.update({});
  csts.update({ nssro: 1 });
  t.deepEqual(window.takeLog(), [
    'read32 0x1c',
    'write32 0x1c 0xef',
    'read32 0x1c',
    'write32 0x1c 0xff',
  ]);
});

test('a register of 8 bytes is one access, or two halves if it is split', (t) => {
  const window = new FakeWindow(0x100);
  const { asq, acq } = on(window);
  asq.write({ base: 0x1_2345_6789n });
  acq.write({ base: 0xf_edcb_a987_6543n, low: 0x210 });
  t.is(asq.value, 0x123_4567_8900_0n);
  t.deepEqual(acq.read(), { base: 0xf_edcb_a987_6543n, low: 0x210 });
  t.deepEqual(window.takeLog(), [
    'write32 0x28 0x56789000',
    'write32 0x2c 0x1234',
    'write64 0x30 0xfedcba9876543210',
    'read32 0x28',
    'read32 0x2c',
    'read64 0x30',
  ]);
});

test('a register of an array has the stride of the array', (t) => {
  const window = new FakeWindow(0x100);
  const { sqtdbl } = on(window);
  t.is(sqtdbl.length, 4);
  sqtdbl.at(3).value = 7;
  t.deepEqual(window.takeLog(), ['write32 0x58 0x7']);
  t.is(sqtdbl.at(3), sqtdbl.at(3));
  t.is(sqtdbl.at(3).name, 'nvme.sqtdbl[3]');
  for (const index of [-1, 4, 0.5]) t.throws(() => sqtdbl.at(index), { instanceOf: RangeError });
});

test('a register refuses the accesses that it does not have', (t) => {
  const window = new FakeWindow(0x100);
  const { cap, csts, sqtdbl } = on(window);
  t.throws(() => (cap.value = 1n), {
    instanceOf: TypeError,
    message: 'register nvme.cap is read-only',
  });
  t.throws(
    () => {
      cap.update({ mps: 1 });
    },
    { instanceOf: TypeError, message: 'field mps of register nvme.cap is read-only' },
  );
  t.throws(
    () => {
      csts.write({ rdy: 1 });
    },
    { instanceOf: TypeError, message: 'field rdy of register nvme.csts is read-only' },
  );
  t.throws(() => sqtdbl.at(0).value, {
    instanceOf: TypeError,
    message: 'register nvme.sqtdbl[0] is write-only',
  });
  t.deepEqual(window.takeLog(), []);
});

test('a wrong value of a field is refused before the register is accessed', (t) => {
  const window = new FakeWindow(0x100);
  const { cc, acq } = on(window);
  const wrong: [() => void, typeof TypeError | typeof RangeError][] = [
    [
      () => {
        cc.write({ en: 2 });
      },
      RangeError,
    ],
    [
      () => {
        cc.update({ iosqes: -1 });
      },
      RangeError,
    ],
    [
      () => {
        cc.write({ en: true as never });
      },
      TypeError,
    ],
    [
      () => {
        cc.write({ iosqe: 1 } as never);
      },
      TypeError,
    ],
    [
      () => {
        acq.write({ base: 1 as never });
      },
      TypeError,
    ],
    [
      () => {
        acq.update({ base: 2n ** 52n });
      },
      RangeError,
    ],
    [
      () => {
        cc.write(null as never);
      },
      TypeError,
    ],
  ];
  for (const [call, instanceOf] of wrong) t.throws(call, { instanceOf });
  t.deepEqual(window.takeLog(), []);
});

test('an update sets only the given bits of a register whose bits are set by a 1', (t) => {
  const window = new FakeWindow(0x100);
  const { ci } = on(window);
  ci.value = 0xf001;
  ci.update({ slot1: 1 });
  t.deepEqual(window.takeLog(), ['write32 0x3c 0xf001', 'read32 0x3c', 'write32 0x3c 0x2']);
  t.deepEqual(ci.read(), { slot0: 0, slot1: 1 });
});

test('until() reads a register until its fields match', async (t) => {
  const window = new FakeWindow(0x100);
  const { cc } = on(window);
  setTimeout(() => {
    cc.value = 1;
  }, 5);
  t.deepEqual(await cc.until({ en: 1 }, { timeout: 5000 }), { en: 1, iosqes: 0, iocqes: 0 });
  const error = await t.throwsAsync(cc.until({ en: 0, iosqes: 3 }, { timeout: 3 }), {
    instanceOf: VfioError,
  });
  t.is(error.code, 'ETIMEDOUT');
  t.true(error.message.includes('register nvme.cc is 0x1 after 3 ms, not en=0, iosqes=3'));
});

test('if a register reads as all ones, the error of until() has a hint', async (t) => {
  const window = new FakeWindow(0x100);
  const { cc } = on(window);
  for (const [value, hint] of [
    [0xffff_ffff, /All bits are 1/],
    [0xffff_fffe, /^$/],
  ] as const) {
    cc.value = value;
    const waiting = cc.until({ iosqes: 3 }, { timeout: 0 });
    const error = await t.throwsAsync(waiting, { instanceOf: VfioError });
    t.regex(error.hint ?? '', hint);
  }
});

test('on() refuses a region, and says how to map it', async (t) => {
  await using device = await openDevice('mock:nvme#region');
  t.throws(() => nvme.on(device.bar(0) as never), {
    instanceOf: TypeError,
    message: /not a region: pass region.map\(\)/,
  });
  t.throws(() => nvme.on(undefined as never), { instanceOf: TypeError });
});

test('the stopped clock of a mock measures the timeout of until()', async (t) => {
  await using device = await openDevice('mock:nvme#until');
  const { clock } = mockControl('mock:nvme#until');
  clock.stop();
  device.config.update('command', { memory: 1 });
  using window = device.bar(0).map();
  const waiting = nvme.on(window).csts.until({ rdy: 1 }, { timeout: 1000 });
  clock.step(1001);
  await t.throwsAsync(waiting, { code: 'ETIMEDOUT' });
});

test('the fields of a register have types', (t) => {
  const window = new FakeWindow(0x100);
  const { cap, acq, half } = on(window);
  const mqes: number = cap.read().mqes;
  const base: bigint = acq.read().base;
  const value: number = half.value;
  const wide: bigint = acq.value;
  t.deepEqual([mqes, base, value, wide], [0, 0n, 0, 0n]);
  const write = () => {
    // @ts-expect-error the register has no such field
    cap.write({ enable: 1 });
  };
  t.throws(write, { instanceOf: TypeError });
});

test('a wrong definition is refused', (t) => {
  const register = { offset: 0, width: 4 } as const;
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [null, TypeError],
    [{ a: null }, TypeError],
    [{ a: { ...register, width: 3 } }, TypeError],
    [{ a: { ...register, offset: 2 } }, RangeError],
    [{ a: { ...register, offset: -4 } }, RangeError],
    [{ a: { ...register, access: 'rc' } }, TypeError],
    [{ a: { ...register, split: true } }, TypeError],
    [{ a: { ...register, stride: 4 } }, TypeError],
    [{ a: { ...register, count: 0 } }, RangeError],
    [{ a: { ...register, count: 2, stride: 2 } }, RangeError],
    [{ a: { ...register, size: 4 } }, TypeError],
    [{ a: { ...register, fields: { x: 32 } } }, RangeError],
    [{ a: { ...register, fields: { x: [3, 4] } } }, RangeError],
    [{ a: { ...register, fields: { x: [4, 3, 2] } } }, TypeError],
    [{ a: { ...register, fields: { x: '4' } } }, TypeError],
    [{ a: { ...register, fields: { x: [4, 3], y: 4 } } }, RangeError],
    [{ a: { ...register, fields: { 'x y': 1 } } }, TypeError],
    [{ a: { ...register, fields: 5 } }, TypeError],
    [{ 'a-b': register }, TypeError],
  ];
  for (const [definitions, instanceOf] of wrong) {
    t.throws(() => defineRegisters('wrong', definitions as never), { instanceOf });
  }
  t.throws(() => defineRegisters('', {}), { instanceOf: TypeError });
});

test('all registers must be within the window', (t) => {
  t.throws(() => on(new FakeWindow(0x58)), {
    instanceOf: RangeError,
    message: 'register nvme.sqtdbl ends at byte 92, but the window has 88 bytes',
  });
});

const ahci = defineRegisters('ahci', {
  cap: { offset: 0, width: 4 },
  port: {
    offset: 0x100,
    count: 32,
    stride: 0x80,
    registers: {
      base: { offset: 0, width: 8, split: true },
      cmd: { offset: 0x18, width: 4, fields: { st: 0, fre: 4 } },
      sata: { offset: 0x28, registers: { status: { offset: 0, width: 4, access: 'ro' } } },
      log: { offset: 0x40, width: 2, count: 4 },
    },
  },
});

test('a block at an offset contains registers, other blocks and arrays', (t) => {
  const window = new FakeWindow(0x1100);
  const { port } = ahci.on(window as unknown as RegisterWindow);
  t.is(port.length, 32);
  const third = port.at(3);
  third.cmd.update({ st: 1 });
  t.deepEqual(window.takeLog(), ['read32 0x298', 'write32 0x298 0x1']);
  t.is(third.sata.status.value, 0);
  third.log.at(1).value = 7;
  port.at(31).base.value = 1n;
  t.deepEqual(window.takeLog(), [
    'read32 0x2a8',
    'write16 0x2c2 0x7',
    'write32 0x1080 0x1',
    'write32 0x1084 0x0',
  ]);
  t.is(third.log.at(1).name, 'ahci.port[3].log[1]');
  t.is(port.at(3), third);
  t.throws(() => port.at(32), { instanceOf: RangeError, message: /ahci\.port .* 0 to 31, not 32/ });
  t.throws(() => ahci.on(new FakeWindow(0x1000) as unknown as RegisterWindow), {
    message: 'block ahci.port ends at byte 4296, but the window has 4096 bytes',
  });
});

test('a block has the alignment of its widest register, and its size as the default stride', (t) => {
  const map = defineRegisters('card', {
    pair: {
      offset: 8,
      count: 3,
      registers: { wide: { offset: 0, width: 8 }, last: { offset: 8, width: 1 } },
    },
  });
  const { pair } = map.on(new FakeWindow(0x100) as unknown as RegisterWindow);
  t.is(pair.at(2).last.offset, 8 + 2 * 16 + 8);
});

test('a block can be as long as 100,000 registers, and longer than the largest stride', (t) => {
  const registers = Object.fromEntries(
    Array.from({ length: 200_000 }, (_, i) => [`r${i}`, { offset: 4 * i, width: 4 } as const]),
  );
  t.notThrows(() => defineRegisters('long', { block: { offset: 0, registers } }));
  const far = { offset: 2 ** 32, registers: { last: { offset: 8, width: 8 } } } as const;
  t.notThrows(() => defineRegisters('far', { block: { offset: 0, registers: { far } } }));
});

test('a wrong block is refused', (t) => {
  const registers = { a: { offset: 4, width: 4 } } as const;
  const wrong: [unknown, typeof TypeError | typeof RangeError][] = [
    [{ offset: 2, registers }, RangeError],
    [{ offset: 0, registers, count: 2, stride: 4 }, RangeError],
    [{ offset: 0, registers, count: 2, stride: 10 }, RangeError],
    [{ offset: 0, registers, stride: 8 }, TypeError],
    [{ offset: 0, registers, count: 0 }, RangeError],
    [{ offset: 0, registers, access: 'ro' }, TypeError],
    [{ offset: 0, registers: null }, TypeError],
    [{ offset: 0, registers: { a: null } }, TypeError],
  ];
  for (const [block, instanceOf] of wrong) {
    t.throws(() => defineRegisters('wrong', { block } as never), { instanceOf });
  }
});
