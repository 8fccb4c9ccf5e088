import { VfioError } from './errors.js';

/** Part of a hint: what works without the addon. */
export const MOCKS =
  "To open a mock device ('vfio/mock', mock:nvme), a program needs neither Linux nor the addon.";

/**
 * Refuses all systems except Node.js on Linux. Other kernels have no VFIO. Bun aborts when it loads the
 * addon, and Deno ends with SIGSEGV.
 *
 * @param what - what does not work, with its verb: `'a real device needs'`
 * @throws VfioError ENOTSUP
 */
export function requireNodeOnLinux(what: string): void {
  const other = (['Bun', 'Deno'] as const).find((name) => name.toLowerCase() in process.versions);
  if (other === undefined && process.platform === 'linux') return;
  throw new VfioError({
    code: 'ENOTSUP',
    message: `${what} Node.js on Linux; this program runs on ${other ?? process.platform}`,
    hint: MOCKS,
  });
}
