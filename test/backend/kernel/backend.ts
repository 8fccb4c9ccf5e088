import type { ExecutionContext } from 'ava';
import { KernelBackend } from '../../../lib/backend/kernel/index.js';
import { VfioError } from '../../../lib/errors.js';
import { FakeNative } from './fake-native.js';
import type { Tree } from '../../sysfs/tree.js';

/**
 * Makes a kernel back end for the sysfs files of `tree`. A fake kernel records and answers the
 * system calls.
 */
export function make(tree: Tree): { fake: FakeNative; backend: KernelBackend } {
  const fake = new FakeNative();
  return { fake, backend: new KernelBackend(tree.sysfs, () => fake.native) };
}

/** Returns the VfioError that a call throws. */
export function failure(t: ExecutionContext, run: () => unknown): VfioError {
  return t.throws(run, { instanceOf: VfioError });
}
