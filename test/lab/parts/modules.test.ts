import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { VfioError } from 'vfio';
import { openModules, planModules } from '../../../lib/lab/modules.js';
import { temporaryFolder } from '../../native/helpers.js';
import { writeKernel } from './fake-kernel.js';

const LABEL = { kernel: 'debian-6.12', hint: 'Delete the folder.' };

function plan(names: readonly string[], modules: Readonly<Record<string, readonly string[]>>) {
  const folder = writeKernel(temporaryFolder(), modules).modules;
  return planModules(openModules(folder, LABEL), names);
}

test('each additional module is loaded after its dependencies', (t) => {
  const { required, further } = plan(['dm-crypt', 'nvme'], {
    'dm-crypt': ['license=GPL', 'depends=dm-mod'],
    'dm-mod': ['depends=dax'],
    dax: ['depends='],
    nvme: ['depends=nvme-core,dax'],
    'nvme-core': [],
    vfio_iommu_type1: [],
  });
  t.deepEqual(
    required.map(({ name }) => name),
    ['vfio_iommu_type1'],
  );
  t.deepEqual(
    further.map(({ name }) => name),
    ['dax', 'dm_mod', 'dm_crypt', 'nvme_core', 'nvme'],
  );
});

test('a soft dependency that the kernel has is loaded before its module', (t) => {
  const kernel = {
    libcrc32c: ['softdep=pre: crc32c unknown post: later'],
    ext4: ['softdep=pre: crypto-crc32c'],
    crc32c_generic: [],
    later: [],
  };
  for (const name of ['libcrc32c', 'ext4']) {
    t.deepEqual(
      plan([name], kernel).further.map((module) => module.name),
      ['crc32c_generic', name],
    );
  }
});

test('a built-in module needs no module file', (t) => {
  t.deepEqual(plan(['overlay', 'vfio_pci'], {}).further, []);
});

test('the error for an unknown module contains the name of the kernel', (t) => {
  t.throws(() => plan(['nonsense'], {}), {
    instanceOf: VfioError,
    code: 'ENOENT',
    message: "ENOENT: the kernel debian-6.12 has no module 'nonsense'",
  });
});

test('a module compressed with xz is unpacked', (t) => {
  const { modules } = writeKernel(temporaryFolder(), { nvme: [] });
  const plain = readFileSync(join(modules, 'nvme.ko'));
  execFileSync('xz', [join(modules, 'nvme.ko')]);
  const { further } = planModules(openModules(modules, LABEL), ['nvme']);
  t.deepEqual(
    further.map(({ name, data }) => [name, Buffer.from(data)]),
    [['nvme', plain]],
  );
});

for (const [what, damage] of [
  ['truncated', (data: Buffer) => data.subarray(0, data.length / 2)],
  ['empty', () => Buffer.alloc(0)],
  ['foreign', () => Buffer.alloc(5000)],
] as const) {
  test(`a damaged module gives an error with its path and a fix: ${what}`, (t) => {
    const { modules } = writeKernel(temporaryFolder(), { nvme: ['depends='] });
    const path = join(modules, 'nvme.ko');
    writeFileSync(path, damage(readFileSync(path)));
    const error = t.throws<VfioError>(() => planModules(openModules(modules, LABEL), ['nvme']), {
      code: 'EINVAL',
      message: `EINVAL: the kernel module is damaged or incomplete '${path}'`,
    });
    t.is(error.hint, LABEL.hint);
  });
}
