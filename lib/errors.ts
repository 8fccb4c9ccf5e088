import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';

/** Errno values of VFIO that libuv and Node do not name. */
const KERNEL_ONLY: readonly (readonly [code: string, errno: number, text: string])[] = [
  ['EBADFD', 77, 'file descriptor in bad state'],
  ['ENOTSUPP', 524, 'operation is not supported'],
];

/** The fields of a {@link VfioError}. */
export interface VfioErrorFields {
  /** Symbolic errno such as `'EBUSY'`. Either `code` or `errno` is required. */
  code?: string | undefined;
  /** errno, positive as in C or negative as in Node. */
  errno?: number | undefined;
  /** The system call or ioctl, spelled as in the kernel headers: `'VFIO_DEVICE_SET_IRQS'`. */
  syscall?: string | undefined;
  /** The device node, sysfs file or device name of the failed operation. */
  path?: string | undefined;
  /** Replaces the system's description of the errno. */
  message?: string | undefined;
  /** The fix, as one or more sentences for the user. */
  hint?: string | undefined;
  /** The number of available interrupt vectors, if fewer vectors are available than requested. */
  available?: number | undefined;
  cause?: unknown;
}

/**
 * A failure of the system or of a device, with the fields of a `node:fs` error and a `hint`. Wrong
 * arguments throw TypeError or RangeError instead.
 *
 * @example
 * try {
 *   await openDevice('0000:01:00.0');
 * } catch (error) {
 *   if (error instanceof VfioError && error.code === 'EBUSY') console.error(error.hint);
 * }
 */
export class VfioError extends Error {
  override readonly name = 'VfioError';
  /** Symbolic errno, `'EINVAL'`. */
  readonly code: string;
  /** Negative errno, as in Node. */
  readonly errno: number;
  /** The system call or ioctl that failed: `'VFIO_DEVICE_SET_IRQS'`. */
  declare readonly syscall?: string;
  /** The device node, sysfs file or device name of the failed operation. */
  declare readonly path?: string;
  /** The fix, as one or more sentences for the user. */
  declare readonly hint?: string;
  /** The number of available interrupt vectors, if fewer vectors are available than requested. */
  declare readonly available?: number;
  readonly #description: string | undefined;

  /**
   * A code that this system does not define, such as Node's `'ERR_OUT_OF_RANGE'`, is kept. Its
   * errno is that of libuv's `UNKNOWN`, and its description is the message of the cause.
   *
   * @throws TypeError without code and errno
   */
  constructor(fields: VfioErrorFields) {
    const errno = fields.errno === undefined ? errnoOf(fields.code) : Math.abs(fields.errno);
    const code = fields.code ?? codeOf(errno);
    let message = `${code}: ${fields.message ?? describe(errno, fields.cause)}`;
    if (fields.syscall !== undefined) message += `, ${fields.syscall}`;
    if (fields.path !== undefined) message += ` '${fields.path}'`;
    super(message, fields.cause === undefined ? undefined : { cause: fields.cause });
    this.code = code;
    this.errno = -errno;
    this.#description = fields.message;
    if (fields.syscall !== undefined) this.syscall = fields.syscall;
    if (fields.path !== undefined) this.path = fields.path;
    if (fields.hint !== undefined) this.hint = fields.hint;
    if (fields.available !== undefined) this.available = fields.available;
  }

  /** Copies the error and adds context. Fields that are already set are not changed. */
  with(context: Pick<VfioErrorFields, 'path' | 'hint' | 'message'>): VfioError {
    return new VfioError({
      code: this.code,
      errno: this.errno,
      syscall: this.syscall,
      path: this.path ?? context.path,
      hint: this.hint ?? context.hint,
      message: context.message ?? this.#description,
      available: this.available,
      cause: this.cause,
    });
  }
}

function codeOf(errno: number): string {
  const known = getSystemErrorMap().get(-errno)?.[0];
  if (known !== undefined) return known;
  const own = KERNEL_ONLY.find(([, value]) => value === errno)?.[0];
  if (own !== undefined) return own;
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`;
}

/** Whether the system or the kernel defines an errno of this name. */
export function isErrno(code: string): boolean {
  return KERNEL_ONLY.some(([name]) => name === code) || Object.hasOwn(constants.errno, code);
}

/** errno of libuv's `UNKNOWN`. */
const UNKNOWN = 4094;

function errnoOf(code: string | undefined): number {
  if (code === undefined) throw new TypeError('a VfioError needs a code or an errno');
  const own = KERNEL_ONLY.find(([name]) => name === code)?.[1];
  return own ?? (constants.errno as Record<string, number>)[code] ?? UNKNOWN;
}

function describe(errno: number, cause: unknown): string {
  if (errno === UNKNOWN && cause instanceof Error) return cause.message;
  return (
    getSystemErrorMap().get(-errno)?.[1] ??
    KERNEL_ONLY.find(([, value]) => value === errno)?.[2] ??
    `errno ${errno}`
  );
}
