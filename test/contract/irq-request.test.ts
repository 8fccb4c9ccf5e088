import test from 'ava';
import type { IrqSet } from '../../lib/contract/index.js';
import {
  bindBlock,
  eventfdOf,
  selectedVectors,
  validateIrqSet,
} from '../../lib/contract/irq-request.js';
import { VfioError } from '../../lib/errors.js';

const INTX = 0;
const MSIX = 2;
const NONE = 1;
const BOOL = 2;
const EVENTFD = 4;
const MASK = 8;
const TRIGGER = 32;

/** A device with one INTx vector and eight MSI-X vectors. */
const DEVICE = {
  indexes: 5,
  vectors: (index: number) => ({ [INTX]: 1, [MSIX]: 8 })[index] ?? 0,
  checkEventfd: () => undefined,
};

function validate(set: Partial<IrqSet>) {
  return validateIrqSet({ index: MSIX, flags: NONE | TRIGGER, start: 0, count: 1, ...set }, DEVICE);
}

test('SET_IRQS fails with the errno of the first failing check', (t) => {
  for (const [code, set] of [
    ['EINVAL', { argsz: 19, flags: NONE }],
    ['EINVAL', { index: 5 }],
    ['EINVAL', { start: 1, count: 0xffff_fffe }],
    ['EINVAL', { flags: 64 | NONE | TRIGGER }],
    ['EINVAL', { index: 1, count: 0 }],
    ['EINVAL', { start: 8, count: 0 }],
    ['EINVAL', { start: 7, count: 2, flags: NONE }],
    ['EINVAL', { flags: NONE | BOOL }],
    ['EINVAL', { flags: BOOL, bools: [] }],
    ['ENOTTY', { flags: NONE }],
    ['ENOTTY', { flags: NONE | MASK }],
    ['ENOTTY', { flags: NONE | MASK | TRIGGER }],
    ['ENOTTY', { index: INTX, flags: NONE | MASK | TRIGGER }],
  ] as const) {
    const error = t.throws(() => validate(set), { instanceOf: VfioError }, JSON.stringify(set));
    t.is(error.code, code, JSON.stringify(set));
    t.is(error.syscall, 'VFIO_DEVICE_SET_IRQS');
  }
  t.like(validate({ index: INTX, flags: NONE | MASK }), { type: NONE, action: MASK });
});

test('DATA_NONE selects all vectors of the range; DATA_BOOL selects vectors with a nonzero value', (t) => {
  t.deepEqual(selectedVectors(validate({ start: 2, count: 3 })), [2, 3, 4]);
  const bools = { flags: BOOL | TRIGGER, start: 2, count: 3, bools: [1, 0, 2] };
  t.deepEqual(selectedVectors(validate(bools)), [2, 4]);
  t.deepEqual(selectedVectors(validate({ ...bools, bools: [1], argsz: 23 })), [2]);
});

test('if one bind of SET_IRQS fails, all vectors up to the failing vector are unbound', (t) => {
  const request = validate({
    flags: EVENTFD | TRIGGER,
    start: 1,
    count: 4,
    eventfds: [3, 3, 9, 3],
  });
  const calls: string[] = [];
  const failure = new Error('bind');
  const thrown = t.throws(() => {
    bindBlock(
      request,
      (vector, eventfd) => {
        calls.push(`bind ${vector}`);
        if (eventfd === 9) throw failure;
      },
      (vector) => calls.push(`unbind ${vector}`),
    );
  });
  t.is(thrown, failure);
  t.deepEqual(calls, ['bind 1', 'bind 2', 'bind 3', 'unbind 1', 'unbind 2', 'unbind 3']);
});

test('a negative file descriptor unbinds a vector; any other number fails with EBADF or EINVAL', (t) => {
  t.is(eventfdOf(null, 'ioctl'), null);
  t.is(eventfdOf(-2, 'ioctl'), null);
  t.throws(() => eventfdOf(2, 'ioctl'), { instanceOf: VfioError, code: 'EINVAL' });
  t.throws(() => eventfdOf(3, 'ioctl'), { instanceOf: VfioError, code: 'EBADF' });
});
