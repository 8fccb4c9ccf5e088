import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { native } from '../../lib/native/binding.js';

const calls = native();

test('a counter that is added to and taken', (t) => {
  const fd = calls.eventfdCreate();
  t.is(calls.eventfdRead(fd), 0n);
  calls.eventfdSignal(fd, 1n);
  calls.eventfdSignal(fd, 2n ** 40n);
  calls.eventfdSignal(fd, 0n);
  t.is(calls.eventfdRead(fd), 2n ** 40n + 1n);
  t.is(calls.eventfdRead(fd), 0n);
  calls.close(fd);
});

test('it holds up to 2^64 - 2, and neither call ever blocks', (t) => {
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
