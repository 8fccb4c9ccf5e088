import test from 'ava';
import {
  defineModel,
  defineRegisters,
  modelRegisters,
  type Register,
} from '../../../../lib/mock.js';
import { RegisterTable } from '../../../../lib/backend/mock/hardware/registers.js';

const card = defineRegisters('card', {
  id: { offset: 0x00, width: 4, access: 'ro', reset: 0x10ed },
  control: {
    offset: 0x04,
    width: 4,
    reset: 0x8000_0010,
    fields: {
      start: 0,
      speed: [7, 4],
      busy: { bits: 8, access: 'ro' },
      done: { bits: 9, access: 'w1c' },
      key: { bits: [23, 16], access: 'wo' },
    },
  },
  status: { offset: 0x08, width: 4, access: 'w1c' },
  bell: { offset: 0x10, width: 2, access: 'wo', count: 4, stride: 4 },
  base: {
    offset: 0x20,
    width: 8,
    fields: { address: [63, 12], valid: { bits: 0, access: 'w1c' } },
  },
  byte: { offset: 0x28, width: 1 },
  issue: { offset: 0x30, width: 4, access: 'w1s', fields: { slots: [7, 0] } },
  issueWide: { offset: 0x38, width: 8, access: 'w1s' },
});

function create() {
  const model = modelRegisters(card);
  const table = new RegisterTable({ index: 0, size: 4096 }, model.registers, []);
  return { ...model, table };
}

test('registers begin with their reset values, and a reset restores these values', (t) => {
  const { regs, table, reset } = create();
  t.is(table.read(0, 4), 0x10ed);
  t.is(regs.control.value, 0x8000_0010);
  t.deepEqual(regs.control.read(), { start: 0, speed: 1, busy: 0, done: 0, key: 0 });
  table.write(4, 4, 0);
  regs.id.value = 5;
  regs.base.value = 7n;
  reset();
  t.deepEqual([table.read(0, 4), table.read(4, 4), table.read64(0x20)], [0x10ed, 0x8000_0010, 0n]);
});

test('a write of 1 sets bits, and a write of 0 keeps bits', (t) => {
  const { regs, table } = create();
  table.write(0x30, 4, 0x105);
  table.write(0x30, 4, 0x102);
  table.write(0x31, 1, 1);
  t.is(table.read(0x30, 4), 7);
  regs.issue.update({ slots: 2 });
  t.is(table.read(0x30, 4), 2);
  table.write64(0x38, 0x1_0000_0001n);
  table.write(0x3c, 4, 2);
  t.is(regs.issueWide.value, 0x3_0000_0001n);
});

test('a write of a driver changes only the bits that the driver may write', (t) => {
  const { regs, table } = create();
  table.write(0, 4, 1);
  t.is(table.read(0, 4), 0x10ed);
  regs.control.update({ busy: 1, done: 1 });
  // The reserved bits and the read-only field keep their values, and the write-only field reads 0.
  table.write(4, 4, 0x7faa_fcf1);
  t.is(regs.control.value, 0x80aa_03f1);
  t.is(table.read(4, 4), 0x8000_03f1);
  table.write(4, 4, 0x200);
  t.deepEqual(regs.control.read(), { start: 0, speed: 0, busy: 1, done: 0, key: 0 });
  regs.status.value = -1;
  table.write(8, 4, 0xff);
  t.is(table.read(8, 4), 0xffff_ff00);
});

test('a write of a part changes only this part', (t) => {
  const { regs, table } = create();
  regs.status.value = 0xffff_ffff;
  table.write(8, 1, 0xff);
  t.is(regs.status.value, 0xffff_ff00);
  regs.base.value = 1n;
  table.write64(0x20, 0x1234_5678_9abc_d000n);
  t.is(table.read64(0x20), 0x1234_5678_9abc_d001n);
  table.write(0x24, 4, 0xfedc_ba98);
  t.is(table.read64(0x20), 0xfedc_ba98_9abc_d001n);
  table.write(0x20, 4, 0x1111_1001);
  t.is(table.read64(0x20), 0xfedc_ba98_1111_1000n);
  t.is(table.read(0x24, 4), 0xfedc_ba98);
  table.write(0x28, 4, 0x1ff);
  t.is(regs.byte.value, 0xff);
});

test('listeners receive the writes and the reads of a driver', (t) => {
  const { regs, table } = create();
  const log: unknown[] = [];
  regs.control.onWrite((value, before) => log.push([value, before]));
  regs.bell.onWrite((value, before, index) => log.push([value, before, index]));
  regs.bell.onRead((index) => 100 + index);
  regs.control.value = 0x8000_0000;
  t.deepEqual(log, []);
  table.write(4, 4, 1);
  table.write(0x18, 2, 7);
  table.write(0x18, 2, 8);
  t.deepEqual(log, [
    [0x8000_0001, 0x8000_0000],
    [7, 0, 2],
    [8, 7, 2],
  ]);
  t.is(table.read(0x1c, 2), 103);
  t.is(regs.bell.at(2).value, 8);
  t.is(regs.bell.length, 4);
});

test('the device gets an error for a value that does not fit', (t) => {
  const { regs } = create();
  t.throws(() => (regs.byte.value = 0x100), {
    message: /the value of register byte must be an integer from -128 to 255/,
  });
  t.throws(() => (regs.base.value = 1n << 64n), { instanceOf: RangeError });
  t.throws(() => (regs.base.value = 1 as never), { message: /must be a bigint, not a number/ });
  t.throws(
    () => {
      regs.control.update({ speed: 16 });
    },
    { message: /field speed of register control must be an integer from 0 to 15/ },
  );
  t.throws(() => regs.bell.at(4), {
    message: /the index of register bell must be an integer from 0 to 3/,
  });
  t.throws(() => modelRegisters({} as never), {
    message: 'map must be a RegisterMap, not an object',
  });
  t.throws(
    () => {
      regs.control.onWrite(1 as never);
    },
    { message: /listener must be a function/ },
  );
});

test('a model can use the registers', (t) => {
  const model = defineModel({
    name: 'card',
    shape: { vendorId: 0x1234, deviceId: 1, classCode: 0xff0000, bars: [{ index: 0, size: 4096 }] },
    create() {
      const { registers, reset } = modelRegisters(card);
      return { registers: { 0: registers }, reset };
    },
  });
  const names = model
    .create(null as never)
    .registers[0]?.map(({ name }: Pick<Register, 'name'>) => name);
  t.deepEqual(names?.slice(2, 5), ['status', 'bell[0]', 'bell[1]']);
});

const ahci = defineRegisters('ahci', {
  port: {
    offset: 0x100,
    count: 4,
    stride: 0x80,
    registers: {
      cmd: { offset: 0x18, width: 4, reset: 2, fields: { st: 0, spun: { bits: 1, access: 'ro' } } },
      inner: { offset: 0x20, registers: { log: { offset: 4, width: 4, count: 2 } } },
    },
  },
});

test('each block of an array has its own registers and listeners', (t) => {
  const { registers, regs, reset } = modelRegisters(ahci);
  const table = new RegisterTable({ index: 0, size: 4096 }, registers, []);
  const written: number[] = [];
  regs.port.at(2).cmd.onWrite((value) => written.push(value));
  table.write(0x218, 4, 1);
  table.write(0x298, 4, 4);
  t.deepEqual(written, [3]);
  t.deepEqual(regs.port.at(2).cmd.read(), { st: 1, spun: 1 });
  t.is(regs.port.at(3).cmd.value, 2);
  table.write(0x2a8, 4, 9);
  t.is(regs.port.at(3).inner.log.at(1).value, 9);
  t.is(regs.port.at(2).inner.log.at(1).value, 0);
  t.true(registers.some(({ name, offset }) => name === 'port[3].cmd' && offset === 0x298));
  reset();
  t.is(table.read(0x298, 4), 2);
  t.throws(() => regs.port.at(4), { instanceOf: RangeError, message: /block port .* not 4/ });
});
