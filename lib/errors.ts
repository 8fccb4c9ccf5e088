import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { checkInteger, checkOptions, checkString } from './checks.js';

const TEXTS = ['code', 'syscall', 'path', 'message', 'hint'] as const;
const S32_MIN = -(2 ** 31);
const S32_MAX = 2 ** 31 - 1;

/** The errno values of VFIO that have no name in libuv and Node. */
const KERNEL_ONLY: readonly (readonly [code: string, errno: number, text: string])[] = [
  ['EBADFD', 77, 'file descriptor in bad state'],
  ['ENOTSUPP', 524, 'operation is not supported'],
];

/** The fields of a {@link VfioError}. */
export interface VfioErrorFields {
  /** The name of the errno, for example `'EBUSY'`. Either `code` or `errno` is required. */
  code?: string | undefined;
  /** The number of the errno. The number can be positive, as in C, or negative, as in Node. */
  errno?: number | undefined;
  /**
   * The system call or ioctl, spelled as in the kernel headers, for example
   * `'VFIO_DEVICE_SET_IRQS'`.
   */
  syscall?: string | undefined;
  /**
   * The path of the device node or sysfs file, or the name of the device, that the failed operation
   * used.
   */
  path?: string | undefined;
  /** A text that replaces the system's description of the errno. */
  message?: string | undefined;
  /** One or more sentences that tell the user how to fix the problem. */
  hint?: string | undefined;
  /**
   * The number of available interrupt vectors. The field is set if the program requested more
   * vectors than are available.
   */
  available?: number | undefined;
  cause?: unknown;
}

/**
 * A failure of the system or of a device. The error has the fields of a `node:fs` error, and the
 * additional field `hint`. Wrong arguments cause a TypeError or a RangeError instead.
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
  /** The negative errno, as in Node. */
  readonly errno: number;
  /** The system call or ioctl that failed, for example `'VFIO_DEVICE_SET_IRQS'`. */
  declare readonly syscall?: string;
  /**
   * The path of the device node or sysfs file, or the name of the device, that the failed operation
   * used.
   */
  declare readonly path?: string;
  /** One or more sentences that tell the user how to fix the problem. */
  declare readonly hint?: string;
  /**
   * The number of available interrupt vectors. The field is set if the program requested more
   * vectors than are available.
   */
  declare readonly available?: number;
  readonly #description: string | undefined;

  /**
   * A code is kept even if the system does not define the code, for example Node's
   * `'ERR_OUT_OF_RANGE'`. The `errno` of an undefined code is libuv's `UNKNOWN`, and the
   * description is the message of `cause`.
   *
   * @throws TypeError if `fields` has neither `code` nor `errno`
   */
  constructor(fields: VfioErrorFields) {
    checkFields(fields);
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

  /**
   * Returns a copy of the error with additional fields. The copy keeps `path` and `hint` if the
   * error already has these fields.
   */
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

/**
 * Returns the error of a failed system call of `node:fs`, with the path that the caller used.
 *
 * @param cause - the error of Node
 */
export function systemError(cause: unknown, path: string, hint?: string): VfioError {
  const { code, syscall } = cause as NodeJS.ErrnoException;
  return new VfioError({ code, syscall, path, hint, cause });
}

function checkFields(fields: VfioErrorFields): void {
  checkOptions(fields, [...TEXTS, 'errno', 'available', 'cause'], 'fields');
  for (const name of TEXTS) if (fields[name] !== undefined) checkString(fields[name], name);
  for (const name of ['errno', 'available'] as const) {
    if (fields[name] !== undefined) checkInteger(fields[name], name, S32_MIN, S32_MAX);
  }
}

type SystemErrors = ReturnType<typeof getSystemErrorMap>;
let systemErrors: SystemErrors | undefined;

/**
 * Returns the errors of the system. The map is cached, because each call of `getSystemErrorMap`
 * creates a new map, which takes longer than the creation of the error.
 */
function knownErrors(): SystemErrors {
  return (systemErrors ??= getSystemErrorMap());
}

function codeOf(errno: number): string {
  const known = knownErrors().get(-errno)?.[0];
  if (known !== undefined) return known;
  const own = KERNEL_ONLY.find(([, value]) => value === errno)?.[0];
  if (own !== undefined) return own;
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `E${errno}`;
}

/** Whether the system or the kernel defines an errno with this name. */
export function isErrno(code: string): boolean {
  return KERNEL_ONLY.some(([name]) => name === code) || Object.hasOwn(constants.errno, code);
}

/** The errno of libuv's error `UNKNOWN`. */
const UNKNOWN = 4094;

function errnoOf(code: string | undefined): number {
  if (code === undefined) throw new TypeError('a VfioError needs a code or an errno');
  const own = KERNEL_ONLY.find(([name]) => name === code)?.[1];
  return own ?? (constants.errno as Record<string, number>)[code] ?? UNKNOWN;
}

function describe(errno: number, cause: unknown): string {
  if (errno === UNKNOWN && cause instanceof Error) return cause.message;
  return (
    knownErrors().get(-errno)?.[1] ??
    KERNEL_ONLY.find(([, value]) => value === errno)?.[2] ??
    `errno ${errno}`
  );
}
