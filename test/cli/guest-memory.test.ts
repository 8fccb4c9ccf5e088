import test from 'ava';
import { lockedMemoryWarning } from '../../lib/cli/guest-memory.js';
import { FakeHost } from '../host/fake-host.js';

const DISK = '0000:01:00.0';

test('vfio serve warns if the guest of the printed arguments needs more locked memory', (t) => {
  const little = new FakeHost(t, { memlock: '8388608' });
  const warning = lockedMemoryWarning(little, DISK) ?? '';
  t.regex(warning, /^warning: the limit of locked memory is 8 MiB, less than the 1 GiB needed by/);
  t.regex(warning, /\nfix: ulimit -l 1048576,/);
  t.is(lockedMemoryWarning(little, 'mock:nvme'), null);
  const enough = new FakeHost(t, { memlock: '1073741824' });
  t.is(lockedMemoryWarning(enough, DISK), null);
});
