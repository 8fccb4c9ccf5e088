import type { AddressSpace } from '../contract/index.js';
import { VfioError } from '../errors.js';
import { hex } from '../checks.js';
import type { DmaPlan } from './dma-plan.js';
import { IovaAllocator } from './iova.js';

/** The IOVA allocator of each address space. The devices in an IOMMU group share one allocator. */
const allocators = new WeakMap<AddressSpace, IovaAllocator>();

/**
 * Allocates the IOVA that the caller requested. If the caller requested no IOVA, allocates a free
 * address.
 */
export function allocateIova(space: AddressSpace, { size, alignment, iova }: DmaPlan): bigint {
  const allocator = allocatorOf(space);
  if (allocator.isEmpty) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'the device has no IOVA range',
      hint: 'DMA mappings need an IOMMU.',
    });
  }
  return iova === undefined
    ? allocateAnywhere(allocator, BigInt(size), alignment)
    : reserveExactly(allocator, space, iova, BigInt(size));
}

/** Frees the addresses of a mapping. */
export function freeIova(space: AddressSpace, iova: bigint, size: number): void {
  allocatorOf(space).free(iova, BigInt(size));
}

function allocateAnywhere(allocator: IovaAllocator, size: bigint, alignment: bigint): bigint {
  const iova = allocator.allocate(size, alignment);
  if (iova !== null) return iova;
  throw new VfioError({
    code: 'ENOSPC',
    message: `no IOVA range has ${hex(size)} bytes free`,
    hint: 'Free DMA buffers that are no longer needed.',
  });
}

function reserveExactly(
  allocator: IovaAllocator,
  space: AddressSpace,
  iova: bigint,
  size: bigint,
): bigint {
  if (!allocator.isValid(iova, size)) {
    const ranges = space.ranges().map(({ start, end }) => `${hex(start)}-${hex(end)}`);
    throw new RangeError(
      `${hex(size)} bytes at iova ${hex(iova)} are outside the IOVA ranges ${ranges.join(', ')}`,
    );
  }
  if (allocator.reserve(iova, size)) return iova;
  throw new VfioError({
    code: 'EEXIST',
    message: `${hex(size)} bytes at iova ${hex(iova)} overlap another mapping`,
  });
}

function allocatorOf(space: AddressSpace): IovaAllocator {
  let allocator = allocators.get(space);
  if (allocator === undefined) {
    allocator = new IovaAllocator(space.ranges());
    allocators.set(space, allocator);
  }
  return allocator;
}
