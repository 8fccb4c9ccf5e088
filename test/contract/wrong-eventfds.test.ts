// Values that are not eventfds, in SET_IRQS of the mock, of a virtual device and of the kernel.
import { inspect } from 'node:util';
import test from 'ava';
import { encodeIrqSet } from '../../lib/backend/kernel/irq-set.js';
import type { Eventfd, IrqSet } from '../../lib/contract/index.js';
import { openConnection, VirtualIrqs, VirtualMsi } from '../../lib/mock.js';

const unused = () => undefined;
const methods = { signal: unused, read: () => 0n, close: unused };

const device = await openConnection('mock:edu#wrong-eventfds');
const virtual = new VirtualIrqs({ msi: new VirtualMsi({ vectors: 1 }) });

const TAKES: Readonly<Record<string, (set: IrqSet) => unknown>> = {
  'the mock': (set) => device.setIrqs(set),
  'a virtual device': (set) => virtual.setIrqs(set),
  'the kernel back end': encodeIrqSet,
};

const noSignal = { instanceOf: TypeError, message: /^eventfd must be an Eventfd, but has no meth/ };
const noNumber = { instanceOf: TypeError, message: /^fd of eventfd must be a number, not/ };
const outOfRange = { instanceOf: RangeError, message: /^fd of eventfd must be an integer from 0/ };

for (const [eventfd, expected] of [
  [{ fd: 1 }, noSignal],
  [{ fd: '1' }, noSignal],
  [{ fd: 1.5 }, noSignal],
  [{ fd: '1', ...methods }, noNumber],
  [{ fd: 1n, ...methods }, noNumber],
  [{ fd: true, ...methods }, noNumber],
  [{ fd: {}, ...methods }, noNumber],
  [{ fd: 1.5, ...methods }, outOfRange],
  [{ fd: -1, ...methods }, outOfRange],
  [{ fd: NaN, ...methods }, outOfRange],
  [{ fd: 2 ** 31, ...methods }, outOfRange],
  ['1', { instanceOf: TypeError }],
  [undefined, { instanceOf: TypeError }],
  [1.5, { instanceOf: RangeError }],
  [2 ** 31, { instanceOf: RangeError }],
] as const) {
  for (const [what, take] of Object.entries(TAKES)) {
    test(`${what} refuses ${inspect(eventfd)} as an eventfd`, (t) => {
      const eventfds = [eventfd as unknown as Eventfd];
      t.throws(() => take({ index: 1, flags: 0x24, start: 0, count: 1, eventfds }), expected);
    });
  }
}

for (const [what, take] of Object.entries(TAKES)) {
  test(`${what} refuses an array with a hole`, (t) => {
    const eventfds = new Array<Eventfd>(1);
    const set = { index: 1, flags: 0x24, start: 0, count: 1, eventfds };
    t.throws(() => take(set), { instanceOf: TypeError });
  });
}
