import fc from '../../fast-check.js';
import type { Op } from '../script.js';
import { sleep } from '../targets/ops.js';
import type { Step } from './situation.js';

const INTX = 0;
/** DATA_EVENTFD with ACTION_TRIGGER, ACTION_UNMASK and ACTION_MASK. */
const TRIGGER = 0x24;
const UNMASK = 0x14;
const MASK = 0x0c;
/** Time in milliseconds until the kernel has handled the signal or the close of an eventfd. */
const HANDLED_MS = 5;

const name = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
const count = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('1', '3') },
  { weight: 1, arbitrary: fc.constantFrom('0', '0xfffffffffffffffe', '0xffffffffffffffff') },
);

function signal(eventfd: string, value = '1'): Op[] {
  return [{ op: 'eventfd_signal', name: eventfd, count: value }, sleep(HANDLED_MS)];
}

function close(eventfd: string): Op[] {
  return [{ op: 'eventfd_close', name: eventfd }, sleep(HANDLED_MS)];
}

const single = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(name, count).map(
      ([eventfd, value]): Step =>
        () =>
          signal(eventfd, value),
    ),
  },
  {
    weight: 1,
    arbitrary: name.map(
      (eventfd): Step =>
        () =>
          close(eventfd),
    ),
  },
);

/** An operation on the eventfds of INTx, with which a virtual machine unmasks INTx. */
const intxOperation: fc.Arbitrary<readonly Op[]> = fc.oneof(
  fc
    .tuple(fc.constantFrom(UNMASK, UNMASK, MASK, TRIGGER), fc.option(name, { freq: 8 }))
    .map(([flags, eventfd]): Op[] => [
      { op: 'set_irqs', index: INTX, flags, start: 0, count: 1, fds: [eventfd] },
    ]),
  name.map((eventfd) => signal(eventfd)),
  name.map((eventfd): Op[] => [{ op: 'eventfd_read', name: eventfd }]),
  name.map((eventfd) => close(eventfd)),
);

/** Binds, signals and closes several eventfds of INTx in any order. */
const intx = fc
  .array(intxOperation, { minLength: 2, maxLength: 6 })
  .map((operations): Step => (situation) => [...situation.enable(INTX), ...operations.flat()]);

export const eventfds: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: single },
  { weight: 1, arbitrary: intx },
);
