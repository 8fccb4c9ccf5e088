import test from 'ava';
import { VfioError } from '../lib/errors.js';

test('VfioError keeps a code that this system does not define, and keeps the message of its cause', (t) => {
  const cause = new RangeError('the value is out of range');
  const error = new VfioError({
    code: 'ERR_OUT_OF_RANGE',
    syscall: 'chown',
    path: '/dev/x',
    cause,
  });
  t.is(error.code, 'ERR_OUT_OF_RANGE');
  t.is(error.errno, -4094);
  t.is(error.message, "ERR_OUT_OF_RANGE: the value is out of range, chown '/dev/x'");
  t.is(error.cause, cause);
  t.is(new VfioError({ code: 'ENEW' }).with({ path: '/dev/x' }).code, 'ENEW');
});

test('VfioError derives a missing errno from the code, and a missing code from the errno', (t) => {
  t.is(new VfioError({ code: 'EBADFD' }).errno, -77);
  t.is(new VfioError({ errno: 16 }).code, 'EBUSY');
  t.is(new VfioError({ errno: -9999 }).code, 'E9999');
});

test('creating a VfioError without a code and without an errno throws a TypeError', (t) => {
  t.throws(() => new VfioError({}), { instanceOf: TypeError });
});
