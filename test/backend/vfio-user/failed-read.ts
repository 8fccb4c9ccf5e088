import { openDevice, VfioError } from '../../../lib/index.js';

/** What a program sees of a device whose server fails at the first read. */
export interface FailedRead {
  readonly code: string;
  readonly message: string;
  /** Code of the error of a `next()` that waited. */
  readonly next: string;
  readonly word: number;
  readonly isLost: boolean;
  /** Whether the error of a later access is EBADF and says that the device is gone. */
  readonly isGone: boolean;
}

/** What every program sees after a read that ended the connection. */
export const AFTER_FAILED_READ = {
  next: 'ECANCELED',
  word: 0xffff_ffff,
  isLost: true,
  isGone: true,
} as const;

function errorOf(call: () => unknown): VfioError {
  try {
    call();
  } catch (error) {
    if (error instanceof VfioError) return error;
    throw error;
  }
  throw new Error('the call did not fail');
}

/** Opens a device, reads a word of BAR 0, and closes the device. */
export async function readOnce(name: string): Promise<FailedRead> {
  using device = await openDevice(name);
  const window = device.bar(0).map();
  const next = device.interrupts.msix.request(0).next();
  const nextCode = next.then(
    () => 'no error',
    (error: unknown) => (error instanceof VfioError ? error.code : String(error)),
  );
  device.dma.allocateSync(1 << 20, { iova: 1n << 20n });
  const { code, message } = errorOf(() => device.bar(0).load(0, 4));
  const later = errorOf(() => device.config.read32(0));
  return {
    code,
    message,
    next: await nextCode,
    word: window.read32(0),
    isLost: window.lost,
    isGone: later.code === 'EBADF' && (later.hint ?? '').includes('device is gone'),
  };
}
