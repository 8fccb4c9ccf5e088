import test from 'ava';
import { VfioError } from '../../../lib/errors.js';
import { mockBackend } from '../../../lib/backend/mock/index.js';
import { parseName } from '../../../lib/backend/mock/name.js';
import { profileOf } from '../../../lib/backend/mock/machine/profile.js';

test('a name without settings selects the default kernel and the feature DMA_BUF', (t) => {
  const { model, profile } = parseName('mock:nvme');
  t.is(model, 'nvme');
  t.deepEqual(profile, profileOf());
  t.like(profile, { version: '7.2', via: null, dmabuf: true, novirt: false });
});

test('the order of settings in a name makes no difference', (t) => {
  const { model, profile } = parseName('mock:edu?via=cdev&dmabuf=off&kernel=6.12&novirt=on');
  t.is(model, 'edu');
  t.like(profile, { version: '6.12', via: 'cdev', dmabuf: false, novirt: true });
  t.is(parseName('mock:edu?').profile.version, '7.2');
});

test('names with different labels mean different devices of a model', (t) => {
  t.like(parseName('mock:edu#left?kernel=6.1'), { model: 'edu', label: 'left' });
  t.not(parseName('mock:edu#1').key, parseName('mock:edu#2').key);
  const [left, right, again] = ['#left', '#right', '#left'].map((label) =>
    mockBackend.openSync(`mock:edu${label}`, {}),
  );
  left?.store(0, 4, 4, 1);
  t.is(again?.load(0, 4, 4), 0xffff_fffe);
  t.is(right?.load(0, 4, 4), 0);
  const group = (device: typeof left) => device?.getHotResetInfo().devices[0]?.id;
  t.not(group(left), group(right));
  for (const device of [left, right, again]) device?.close();
});

test('different names of the same device have the same key', (t) => {
  const key = (name: string) => parseName(name).key;
  t.is(key('mock:edu'), key('mock:edu?kernel=7.2&via=cdev'));
  t.is(key('mock:edu?kernel=6.1'), key('mock:edu?dmabuf=on&kernel=6.1'));
  t.not(key('mock:edu'), key('mock:nvme'));
  t.not(key('mock:edu'), key('mock:edu?kernel=6.12'));
  t.not(key('mock:edu'), key('mock:edu?novirt=on'));
});

test('the setting function selects a function of a card with two functions', (t) => {
  const first = parseName('mock:edu#a?kernel=6.12&function=0');
  const second = parseName('mock:edu#a?function=1&kernel=6.12');
  t.is(first.key, second.key);
  t.like(first, {
    index: 0,
    functions: ['mock:edu#a?kernel=6.12&function=0', 'mock:edu#a?kernel=6.12&function=1'],
  });
  t.is(second.index, 1);
  const single = parseName('mock:edu#a?kernel=6.12');
  t.like(single, { index: 0, functions: ['mock:edu#a?kernel=6.12'] });
  t.not(single.key, first.key);
});

test('the error for an unknown key or value lists the known keys or values', (t) => {
  for (const [name, expected] of [
    ['mock:nvme?kernel=5.10', /kernel must be 6\.1 or 6\.12 or 7\.2 or 7\.3, not '5\.10'/],
    ['mock:nvme?kernel', /kernel must be .*, not ''/],
    ['mock:nvme?dmabuf=yes', /dmabuf must be on or off/],
    ['mock:nvme?via=window', /via must be group or cdev/],
    [
      'mock:nvme?kernle=6.1',
      /unknown setting 'kernle': expected kernel, dmabuf, novirt, variant, via, function, vfs, vf/,
    ],
    ['mock:nvme?function=2', /function must be 0 or 1, not '2'/],
    ['mock:nvme?vfs=0', /vfs must be from 1 to 255, not 0/],
    ['mock:nvme?vfs=256', /vfs must be from 1 to 255, not 256/],
    ['mock:nvme?vfs=two', /vfs must be a number, not 'two'/],
    ['mock:nvme?vfs=2&vfs=2', /vfs is given twice/],
    ['mock:nvme?vf=0', /vf needs the setting vfs/],
    ['mock:nvme?vfs=2&vf=2', /vf must be below 2 \(vfs\), not 2/],
    ['mock:nvme?vfs=2&function=0', /vfs and function exclude each other/],
    ['mock:edu?vfs=2', /the model has no PCI Express capability/],
    ['mock:nvme?__proto__=1', /unknown setting '__proto__'/],
    ['mock:nvme?kernel=6.1&kernel=6.1', /kernel is given twice/],
    ['mock:nvme?kernel=6.1=x', /kernel must be .*, not '6\.1=x'/],
    ['mock:nvme#a#b', /more than one #/],
    ['mock:nvme\0/', /the name contains NUL/],
    ['mock:nvme?dmabuf=on&novirt=on', /share one feature number/],
  ] as const) {
    const error = t.throws(() => mockBackend.openSync(name, {}), { instanceOf: VfioError });
    t.like(error, { code: 'EINVAL', path: name });
    t.regex(error.message, expected);
    t.notRegex(error.message, /EINVAL.*EINVAL/);
  }
});
