import test from 'ava';
import type { OpenOptions } from '../../lib/contract/index.js';
import { checkOpenOptions } from '../../lib/contract/open-options.js';

const UUID = '83F6C9A2-0001-4b5c-8d7e-00112233aabb';

test('a VF token is text for a group and 16 bytes for a cdev', (t) => {
  const { token } = checkOpenOptions({ vfToken: UUID });
  t.is(token?.text, UUID.toLowerCase());
  t.is(Buffer.from(token?.bytes ?? []).toString('hex'), '83f6c9a200014b5c8d7e00112233aabb');
});

test('each omitted open option has a default', (t) => {
  t.deepEqual(checkOpenOptions({}), {
    via: undefined,
    token: null,
    noiommu: false,
    fds: undefined,
  });
});

test('an error for a wrong option names the option', (t) => {
  const wrong: [options: unknown, message: RegExp, type: ErrorConstructor][] = [
    [null, /^options must be an object/, TypeError],
    ['group', /^options must be an object/, TypeError],
    [{ vftoken: UUID }, /^unknown option 'vftoken'; known: via, vfToken/, TypeError],
    [{ via: 'vfio' }, /^via must/, TypeError],
    [{ vfToken: 'abc' }, /^vfToken must be a UUID/, TypeError],
    [{ vfToken: `${UUID}0` }, /^vfToken must be a UUID/, TypeError],
    [{ vfToken: 5 }, /^vfToken must be a UUID/, TypeError],
    [{ noiommu: 1 }, /^noiommu must/, TypeError],
    [{ fds: { via: 'x' } }, /^fds\.via must/, TypeError],
    [{ via: 'cdev', fds: { via: 'group', container: 1, group: 2 } }, /fds\.via is/, TypeError],
    [{ fds: { via: 'group', container: -1, group: 2 } }, /^fds\.container/, RangeError],
    [{ fds: { via: 'group', container: 1 } }, /^fds\.group/, TypeError],
    [{ fds: { via: 'cdev', iommufd: 1.5, device: 1 } }, /^fds\.iommufd/, RangeError],
    [{ fds: { via: 'cdev', iommufd: 1, device: 2 ** 31 } }, /^fds\.device/, RangeError],
  ];
  for (const [options, message, type] of wrong) {
    t.throws(() => checkOpenOptions(options as OpenOptions), { message, instanceOf: type });
  }
});
