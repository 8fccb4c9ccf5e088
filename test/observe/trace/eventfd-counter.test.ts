import test from 'ava';
import { createEventfd } from '../../../lib/index.js';
import { EventfdCounter } from '../../../lib/observe/trace/eventfd-counter.js';

test('reading a counter does not change the count of the eventfd', (t) => {
  // There are more counters than files that stay open.
  const eventfds = Array.from({ length: 70 }, () => createEventfd());
  const counters = eventfds.map(({ fd }) => new EventfdCounter(fd ?? -1));
  for (const round of [1, 2]) {
    eventfds.forEach((eventfd, i) => {
      eventfd.signal(BigInt(100 * i + 1));
      t.is(counters[i]?.read(), (100 * i + 1) * round);
    });
  }
  t.is(eventfds[69]?.read(), 13_802n);
  for (const counter of counters) counter.close();
  for (const eventfd of eventfds) eventfd.close();
  for (const counter of counters) t.is(counter.read(), 0);
});
