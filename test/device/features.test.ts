import test from 'ava';
import { VfioError } from '../../lib/errors.js';
import { openFake } from './fake.js';
import { FakeEventfd } from './fake-events.js';

test('probe() checks separately whether a feature can be read and written', (t) => {
  const { device, script } = openFake();
  t.deepEqual(device.features.probe(11), { get: true, set: true });
  t.deepEqual(script.take(), ['feature 0x5000b []', 'feature 0x6000b []']);
});

test('probe() returns false for EINVAL, ENOTTY and EOPNOTSUPP, and throws other errors', (t) => {
  for (const code of ['EINVAL', 'ENOTTY', 'EOPNOTSUPP', 'ENOTSUP']) {
    const { device, script } = openFake();
    script.fail('feature', new VfioError({ code }), 2);
    t.deepEqual(device.features.probe(0), { get: true, set: false }, code);
  }
  const { device, script } = openFake();
  script.fail('feature');
  t.throws(() => device.features.probe(0), { code: 'EIO' });
});

test('get() reads the data of a feature, and set() writes the data', (t) => {
  const { device, script } = openFake();
  t.deepEqual([...device.features.get(1, 3)], [0xab, 0xab, 0xab]);
  device.features.set(2, Uint8Array.of(1, 2));
  device.features.set(7);
  t.deepEqual(script.take(), [
    'feature 0x10001 [0,0,0]',
    'feature 0x20002 [1,2]',
    'feature 0x20007 []',
  ]);
});

test('an ENOTTY error of a feature gets a hint, and other errors stay unchanged', (t) => {
  const { device, script } = openFake();
  script.fail('feature', new VfioError({ code: 'ENOTTY', syscall: 'VFIO_DEVICE_FEATURE' }));
  const unknown = t.throws(() => device.features.get(9, 8), { instanceOf: VfioError });
  t.like(unknown, { code: 'ENOTTY', syscall: 'VFIO_DEVICE_FEATURE' });
  t.regex(unknown.hint ?? '', /does not have feature 9/);
  script.fail('feature', new VfioError({ code: 'EINVAL' }));
  t.like(
    t.throws(() => {
      device.features.set(9);
    }),
    { code: 'EINVAL', hint: undefined },
  );
});

test('setVfToken() accepts only a UUID', (t) => {
  const { device, script } = openFake();
  device.features.setVfToken('00112233-4455-6677-8899-AABBCCDDEEFF');
  t.deepEqual(script.take(), [
    'feature 0x20000 [0,17,34,51,68,85,102,119,136,153,170,187,204,221,238,255]',
  ]);
  for (const wrong of ['', '00112233445566778899aabbccddeeff', '{}', 7, undefined]) {
    t.throws(
      () => {
        device.features.setVfToken(wrong as never);
      },
      { instanceOf: TypeError },
    );
  }
  t.deepEqual(script.take(), []);
});

test('a device enters low power with and without a wakeup eventfd', (t) => {
  const { device, script } = openFake();
  device.features.enterLowPower();
  device.features.enterLowPower({ wakeup: new FakeEventfd(script, 0x1234) });
  device.features.exitLowPower();
  t.deepEqual(script.take(), [
    'feature 0x20003 []',
    'feature 0x20004 [0,0,0,0,0,0,0,0] e4660',
    'feature 0x20005 []',
  ]);
  t.throws(
    () => {
      device.features.enterLowPower({ wakeup: 5 as never });
    },
    { instanceOf: TypeError },
  );
  t.deepEqual(script.take(), []);
});

test('wrong arguments are refused before any call to the back end', (t) => {
  const { device, script } = openFake();
  for (const feature of [-1, 0x10000]) {
    t.throws(() => device.features.probe(feature), { instanceOf: RangeError });
    t.throws(() => device.features.get(feature, 0), { instanceOf: RangeError });
  }
  t.throws(() => device.features.get(1, -1), { instanceOf: RangeError });
  t.throws(
    () => {
      device.features.set(1, [1] as never);
    },
    { instanceOf: TypeError },
  );
  t.deepEqual(script.take(), []);
});
