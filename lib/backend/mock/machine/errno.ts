import { VfioError } from '../../../errors.js';

/**
 * Throws a VfioError for a system call. The connection adds the name of the device to the error.
 */
export function fail(code: string, syscall: string): never {
  throw new VfioError({ code, syscall });
}
