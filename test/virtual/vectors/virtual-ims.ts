import type { ExecutionContext } from 'ava';
import { ImsSource, type ImsSourceOptions, PasidMap, VfioError } from 'vfio/mock';
import { dsa } from '../ims/bench.js';
import { Guest, tableOf } from '../msix/guest.js';

export const DEFAULT = 100;
/** Returns an entry of MSIX_PERM with a guest PASID. */
export const sva = (guest: number) => (guest << 12) | 8;

/** Creates a guest whose vectors use the slots of DSA. */
export function virtual(
  vectors: number,
  options: Partial<ImsSourceOptions> = {},
  domainOptions: Parameters<typeof dsa>[1] = {},
) {
  const bench = dsa(vectors * 2, domainOptions);
  const pasids = new PasidMap(DEFAULT);
  const source = new ImsSource(bench.domain, { count: vectors, pasids, ...options });
  const msix = tableOf(vectors);
  msix.attach(source);
  const guest = new Guest(msix);
  const failed: [number, string][] = [];
  msix.on('failed', (vector, error) => failed.push([vector, (error as VfioError).code]));
  /** Completes work with a PASID and the handle of a vector. */
  const complete = (vector: number, pasid: number | null) =>
    bench.device.complete(source.slotOf(vector)?.handle ?? -1, pasid);
  return { ...bench, pasids, source, msix, guest, failed, complete };
}

export function refuses(t: ExecutionContext, code: string, run: () => void): void {
  t.throws(run, { instanceOf: VfioError, code });
}

/** Returns handles that the device never allocates twice, and the handles that were released. */
export function uniqueHandles() {
  const released: number[] = [];
  const slots = new Map<number, number>();
  let next = 0x100;
  return {
    released,
    /** Returns the slot of a valid handle. */
    slotOf: (handle: number | null | undefined) => slots.get(handle ?? -1) ?? -1,
    handles: {
      request: (index: number) => {
        slots.set(next, index);
        return next++;
      },
      release: (handle: number) => {
        slots.delete(handle);
        released.push(handle);
      },
    },
  };
}
