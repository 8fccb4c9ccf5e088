import type { Draft } from './draft.js';

/** Bytes of struct vfio_region_info. */
export const REGION_INFO_SIZE = 32;
/** Bytes of struct vfio_info_cap_header: id u16, version u16, offset of the next capability u32. */
const HEADER = 8;
/** Bytes of one area of the capability sparse mmap: offset u64, size u64. */
const AREA = 16;

/** An element of the capability chain of a region, with the fields of vfio.h. */
export interface RegionInfoCapability {
  readonly id: number;
  readonly version: number;
  readonly areas?: readonly { readonly offset: bigint; readonly size: bigint }[];
  readonly type?: number;
  readonly subtype?: number;
}

/** Returns the size of a capability chain in bytes. */
export function chainSize(chain: readonly RegionInfoCapability[]): number {
  return chain.reduce((size, capability) => size + capabilitySize(capability), 0);
}

/**
 * Writes a capability chain behind struct vfio_region_info. The offsets of the chain are counted
 * from the start of struct vfio_region_info.
 *
 * @param draft - the reply, whose payload is struct vfio_region_info and the chain
 */
export function setChain(draft: Draft, chain: readonly RegionInfoCapability[]): void {
  let at = REGION_INFO_SIZE;
  for (const [i, capability] of chain.entries()) {
    const { id, version, areas, type, subtype } = capability;
    const end = at + capabilitySize(capability);
    draft.setU32(at, id | (version << 16)).setU32(at + 4, i === chain.length - 1 ? 0 : end);
    if (areas !== undefined) {
      draft.setU32(at + HEADER, areas.length).setU32(at + HEADER + 4, 0);
      for (const [n, { offset, size }] of areas.entries()) {
        const area = at + 2 * HEADER + n * AREA;
        draft.setU64(area, offset).setU64(area + 8, size);
      }
    } else if (type !== undefined) {
      draft.setU32(at + HEADER, type).setU32(at + HEADER + 4, subtype ?? 0);
    }
    at = end;
  }
}

function capabilitySize({ areas, type }: RegionInfoCapability): number {
  if (areas !== undefined) return 2 * HEADER + AREA * areas.length;
  return type === undefined ? HEADER : 2 * HEADER;
}
