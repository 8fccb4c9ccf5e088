import test from 'ava';
import { resolveUser } from '../../lib/host/owner.js';
import { VfioError } from '../../lib/errors.js';

test('the number of a user must be in the range 0 to 2^32 - 2', (t) => {
  t.is(resolveUser('0'), 0);
  t.is(resolveUser('4294967294'), 4294967294);
  for (const user of ['4294967295', '99999999999', '9'.repeat(400)]) {
    t.throws(() => resolveUser(user), {
      instanceOf: VfioError,
      code: 'EINVAL',
      message: `EINVAL: a user number must be 0 to 4294967294 '${user}'`,
    });
  }
});

test('an unknown user name gives an error', (t) => {
  t.is(resolveUser('root'), 0);
  for (const user of ['no-such-user', '', '-1', '1.5', '0x10']) {
    t.throws(() => resolveUser(user), { instanceOf: VfioError, code: 'ENOENT' }, user);
  }
});
