import { VfioError } from '../../../errors.js';

/** Fails as the kernel does; whoever knows the device adds its name. */
export function fail(code: string, syscall: string): never {
  throw new VfioError({ code, syscall });
}
