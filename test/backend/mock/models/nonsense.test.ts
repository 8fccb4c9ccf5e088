import test, { type ExecutionContext } from 'ava';
import type { DeviceHost } from '../../../../lib/backend/mock/hardware/model.js';
import { defineModel } from '../../../../lib/backend/mock/models/define.js';
import { connect } from '../support.js';

const shape = {
  vendorId: 0x1234,
  deviceId: 1,
  classCode: 0xff0000,
  bars: [{ index: 0, size: 0x1000 }],
};
const logic = () => ({ registers: {}, reset: () => undefined });
const wrong = { instanceOf: TypeError };

/** Defines a model in which some fields have values that the TypeScript type forbids. */
const define = (changes: object) => defineModel({ name: 'card', shape, create: logic, ...changes });

test('the error for a misspelt field contains the name of the field and of the enclosing object', (t) => {
  const msi = { name: 'msi', offset: 0x40, vectors: 1, mask: true };
  const cases: [object, RegExp][] = [
    [{ kernal: {} }, /^model 'card' has no 'kernal'; known: name, shape/],
    [{ kernel: { version: '6.1' } }, /kernel has no 'version'/],
    [{ shape: { ...shape, classcode: 1 } }, /shape has no 'classcode'/],
    [{ shape: { ...shape, bars: [{ index: 0, size: 32, io: true }] } }, /BAR 0 has no 'io'/],
    [{ shape: { ...shape, capabilities: [msi] } }, /msi has no 'mask'; known: name, offset/],
  ];
  for (const [changes, message] of cases) t.throws(() => define(changes), { ...wrong, message });
  t.throws(() => define({ kernel: { kernel: '5.0' } }), {
    instanceOf: RangeError,
    message: /6\.1, 6\.12, 7\.2, 7\.3, not '5\.0'/,
  });
});

test('the error for a value that is not an object names the kind of the value', (t) => {
  t.throws(() => defineModel(null as never), { ...wrong, message: 'a model must be an object' });
  for (const bars of [[null], [5]]) {
    t.throws(() => define({ shape: { ...shape, bars } }), { ...wrong, message: /a BAR must be/ });
  }
  t.throws(() => define({ shape: { ...shape, capabilities: [null] } }), {
    ...wrong,
    message: /a capability must be/,
  });
});

test('opening a device checks the result of create()', (t) => {
  const made = (result: unknown) => () => connect(t, define({ create: () => result }));
  t.throws(made(undefined), { ...wrong, message: /the result of create\(\) must be an object/ });
  t.throws(made({ reset: () => 0 }), { ...wrong, message: /registers must be an object/ });
  t.throws(made({ registers: {} }), { ...wrong, message: /reset must be a function/ });
  const register = (part: unknown) => made({ ...logic(), registers: { 0: part } });
  t.throws(register({}), { ...wrong, message: /registers must be an array/ });
  t.throws(register([null]), { ...wrong, message: /a register must be an object/ });
  const misspelt = { offset: 0, width: 4, name: 'go', wirte: () => 0 };
  t.throws(register([misspelt]), { ...wrong, message: /BAR 0: go has no 'wirte'/ });
});

/** Opens a device with one register, enables memory decode, and maps a window. */
function window(
  t: ExecutionContext,
  width: 4 | 8,
  read: () => unknown,
  write?: (host: DeviceHost) => void,
) {
  const create = (host: DeviceHost) => ({
    ...logic(),
    registers: { 0: [{ offset: 0, width, name: 'state', read, write: () => write?.(host) }] },
  });
  const connection = connect(t, define({ create }));
  connection.store(7, 4, 2, 6);
  return connection.map(0, 0, 4096);
}

test('if the function `read` of a register returns a negative number, the value becomes unsigned', (t) => {
  t.is(window(t, 4, () => 0x8000_0000 | 1).read32(0), 0x8000_0001);
  t.is(window(t, 4, () => -1).read8(0), 0xff);
  t.is(window(t, 8, () => -1n).read64(0), 2n ** 64n - 1n);
  t.is(window(t, 8, () => -1n).read32(4), 0xffff_ffff);
});

test('if the function `read` of a register returns a wrong value, a TypeError names the register', (t) => {
  for (const value of [undefined, null, true, '5', 5n, 1.5, NaN, 2 ** 32, -(2 ** 31) - 1]) {
    const registers = window(t, 4, () => value);
    const message = /^read of state must return an integer of 32 bits, not /;
    t.throws(() => registers.read32(0), { ...wrong, message });
    t.throws(() => registers.read16(2), { ...wrong, message });
  }
  for (const value of [undefined, 5, 2n ** 64n]) {
    const registers = window(t, 8, () => value);
    t.throws(() => registers.read64(0), { ...wrong, message: /must return a bigint of 64 bits/ });
  }
});

const nonsense: Readonly<Record<string, (host: DeviceHost) => void>> = {
  'a negative vector': (host) => {
    host.signal(-1);
  },
  'a vector number that is a string': (host) => {
    host.signal('x' as never);
  },
  'a pin level that is a number': (host) => {
    host.setPin(1 as never);
  },
  'an address that is a number': (host) => {
    host.dmaRead(0 as never, new Uint8Array(4));
  },
  'a negative address': (host) => {
    host.dmaRead(-1n, new Uint8Array(4));
  },
  'bytes that are an array': (host) => {
    host.dmaWrite(0n, [1] as never);
  },
  'work that is a string': (host) => {
    host.defer('x' as never);
  },
  'a delay that is NaN': (host) => {
    host.defer(() => undefined, NaN);
  },
};

for (const [name, call] of Object.entries(nonsense)) {
  test(`the host refuses ${name} from a device`, (t) => {
    const registers = window(t, 4, () => 0, call);
    const error: unknown = t.throws(
      () => {
        registers.write32(0, 1);
      },
      { message: /must be/ },
    );
    t.true(error instanceof TypeError || error instanceof RangeError, String(error));
  });
}
