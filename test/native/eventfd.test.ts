import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { native } from '../../lib/native/binding.js';

const calls = native();

test('a signal adds to the counter of an eventfd, and a read resets the counter', (t) => {
  const fd = calls.eventfdCreate();
  t.is(calls.eventfdRead(fd), 0n);
  calls.eventfdSignal(fd, 1n);
  calls.eventfdSignal(fd, 2n ** 40n);
  calls.eventfdSignal(fd, 0n);
  calls.eventfdSignal(fd);
  t.is(calls.eventfdRead(fd), 2n ** 40n + 2n);
  t.is(calls.eventfdRead(fd), 0n);
  calls.close(fd);
});

test('the counter of an eventfd can reach 2^64 - 2, and no call blocks', (t) => {
  const fd = calls.eventfdCreate();
  calls.eventfdSignal(fd, 2n ** 64n - 2n);
  const expected = { instanceOf: VfioError, code: 'EAGAIN' };
  t.is(
    t.throws(() => {
      calls.eventfdSignal(fd, 1n);
    }, expected).syscall,
    'write',
  );
  t.throws(
    () => {
      calls.eventfdSignal(fd, 2n ** 64n - 1n);
    },
    { code: 'EINVAL' },
  );
  t.is(calls.eventfdRead(fd), 2n ** 64n - 2n);
  calls.close(fd);
  t.throws(() => calls.eventfdRead(fd), { code: 'EBADF' });
});

test('one call signals many eventfds and stops at the first failure', (t) => {
  const fds = Array.from({ length: 64 }, () => calls.eventfdCreate());
  const bytes = (numbers: readonly number[]) => new Uint8Array(Int32Array.from(numbers).buffer);
  calls.eventfdSignalAll(bytes(fds), 64);
  calls.eventfdSignalAll(bytes(fds), 0);
  t.throws(
    () => {
      calls.eventfdSignalAll(bytes(fds), 65);
    },
    { instanceOf: TypeError },
  );
  for (const fd of fds) t.is(calls.eventfdRead(fd), 1n);
  const [first = -1, full = -1, last = -1] = fds;
  calls.eventfdSignal(full, 2n ** 64n - 2n);
  t.throws(
    () => {
      calls.eventfdSignalAll(bytes([first, full, last]), 3);
    },
    { instanceOf: VfioError, code: 'EAGAIN' },
  );
  t.deepEqual([calls.eventfdRead(first), calls.eventfdRead(last)], [1n, 0n]);
  for (const fd of fds) calls.close(fd);
});
