/** Counts the signals of two eventfds of the kernel as the tracer does. */
import { createEventfd } from '../../../lib/index.js';
import { Guard } from '../../../lib/observe/guard.js';
import { SignalCounters } from '../../../lib/observe/trace/signal-counters.js';

const guard = new Guard('VFIO_TRACE', () => '');
const counters = new SignalCounters(guard, () => undefined);
for (const counted of [false, true]) {
  const eventfd = createEventfd();
  const counter = counters.create(eventfd, counted);
  eventfd.signal(3n);
  const total = counter.total(counted ? eventfd.read() : 0n);
  counter.stop();
  console.log(`total ${total}, left ${eventfd.read()}`);
}
counters.flush();
process.exit();
