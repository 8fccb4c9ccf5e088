import type { AddressSpace } from '../contract/index.js';
import { VfioError } from '../errors.js';
import { hex } from '../checks.js';
import type { DmaPlan } from './dma-plan.js';
import { IovaAllocator } from './iova.js';

/** Devices of one IOMMU group share their address space: their addresses come from one place. */
const allocators = new WeakMap<AddressSpace, IovaAllocator>();

/** The addresses a plan asks for, or some that suit it. */
export function takeIova(space: AddressSpace, { size, alignment, iova }: DmaPlan): bigint {
  const allocator = allocatorOf(space);
  if (allocator.isEmpty) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: 'the device has no IOVA range',
      hint: 'Without an IOMMU there are no DMA mappings.',
    });
  }
  return iova === undefined
    ? choose(allocator, BigInt(size), alignment)
    : reserve(allocator, space, iova, BigInt(size));
}

export function giveIova(space: AddressSpace, iova: bigint, size: number): void {
  allocatorOf(space).free(iova, BigInt(size));
}

function choose(allocator: IovaAllocator, size: bigint, alignment: bigint): bigint {
  const iova = allocator.allocate(size, alignment);
  if (iova !== null) return iova;
  throw new VfioError({
    code: 'ENOSPC',
    message: `no IOVA range has ${hex(size)} bytes free`,
    hint: 'Free buffers that are not needed any more.',
  });
}

function reserve(
  allocator: IovaAllocator,
  space: AddressSpace,
  iova: bigint,
  size: bigint,
): bigint {
  if (!allocator.isValid(iova, size)) {
    const ranges = space.ranges().map(({ start, end }) => `${hex(start)}-${hex(end)}`);
    throw new RangeError(
      `${hex(size)} bytes at iova ${hex(iova)} are not within ${ranges.join(', ')}`,
    );
  }
  if (allocator.reserve(iova, size)) return iova;
  throw new VfioError({ code: 'EEXIST', message: `something is mapped at iova ${hex(iova)}` });
}

function allocatorOf(space: AddressSpace): IovaAllocator {
  let allocator = allocators.get(space);
  if (allocator === undefined) {
    allocator = new IovaAllocator(space.ranges());
    allocators.set(space, allocator);
  }
  return allocator;
}
