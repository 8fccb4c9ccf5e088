import fc from '../../fast-check.js';
import type { Op } from '../script.js';
import type { Step } from './situation.js';

const CONFIG = 7;

/** Operations that do not refer to buffers or eventfds of the first connection. */
const operation: fc.Arbitrary<Step> = fc.oneof(
  fc
    .tuple(fc.constantFrom('a', 'b', null), fc.integer({ min: 1, max: 3 }))
    .map(([eventfd, count]): Step => ({ index, vectors }) => {
      const n = Math.min(count, Math.max(vectors, 1));
      const fds = Array.from({ length: n }, () => eventfd);
      return [{ op: 'set_irqs', index, flags: 0x24, start: 0, count: n, fds }];
    }),
  fc.constantFrom<Step>(
    ({ index }) => [{ op: 'set_irqs', index, flags: 0x21, start: 0, count: 1 }],
    ({ index }) => [{ op: 'set_irqs', index, flags: 0x21, start: 0, count: 0 }],
    ({ index }) => [{ op: 'irq_info', index }],
    () => [{ op: 'eventfd_read', name: 'a' }],
    () => [{ op: 'read', region: CONFIG, offset: 0, length: 64 }],
    () => [{ op: 'info' }],
    () => [{ op: 'reset' }],
    () => [{ op: 'hot_reset_info' }],
    () => [{ op: 'iova_ranges' }],
    () => [{ op: 'dma_unmap', iova: 0, size: 0x10000, flags: 0 }],
  ),
);

const onSecond = operation.map(
  (make): Step =>
    (situation) =>
      make(situation).map((op): Op => ({ ...op, second: true })),
);

/** Opens the device a second time, and uses or closes the second connection. */
export const second: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.constant<Step>(() => [{ op: 'open_second' }]) },
  { weight: 4, arbitrary: onSecond },
  { weight: 1, arbitrary: fc.constant<Step>(() => [{ op: 'close_second' }]) },
);
