import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { VfioError } from 'vfio';
import { readRelease } from '../../../lib/lab/image.js';
import { temporaryFolder } from '../../native/helpers.js';
import { fakeArm64Image, fakeImage, RELEASE } from './fake-kernel.js';

function write(content: Uint8Array): string {
  const path = join(temporaryFolder(), 'image');
  writeFileSync(path, content);
  return path;
}

test('the release of a kernel is read from its image', (t) => {
  t.is(readRelease(write(fakeImage()), 'x64'), RELEASE);
  t.is(readRelease(write(fakeArm64Image()), 'arm64'), RELEASE);
});

test('an image for the other architecture is refused, and the hint names the option', (t) => {
  for (const [content, arch, message, hint] of [
    [fakeImage(), 'arm64', 'the file is an x86 bzImage, not an arm64 Image', /--arch x64\b/],
    [fakeArm64Image(), 'x64', 'the file is an arm64 Image, not an x86 bzImage', /--arch arm64\b/],
  ] as const) {
    const path = write(content);
    const error = t.throws<VfioError>(() => readRelease(path, arch), {
      code: 'EINVAL',
      message: `EINVAL: ${message} '${path}'`,
    });
    t.regex(error.hint ?? '', hint);
  }
});

test('a file that is no kernel image is refused', (t) => {
  for (const content of [Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(100_000, 0x7f)]) {
    const path = write(content);
    const message = `EINVAL: the file is not an arm64 Image '${path}'`;
    t.throws(() => readRelease(path, 'arm64'), { code: 'EINVAL', message });
  }
});

test('an incomplete arm64 image is refused', (t) => {
  const path = write(fakeArm64Image());
  truncateSync(path, 0x1400);
  const error = t.throws<VfioError>(() => readRelease(path, 'arm64', 'Delete it.'), {
    code: 'EINVAL',
    message: `EINVAL: the kernel image is incomplete: 5120 of 6144 bytes '${path}'`,
  });
  t.is(error.hint, 'Delete it.');
});

test('an arm64 image without a release is refused', (t) => {
  const path = write(fakeArm64Image().fill(0, 0x1000));
  t.throws(() => readRelease(path, 'arm64'), { message: /the kernel image contains no release/ });
});
