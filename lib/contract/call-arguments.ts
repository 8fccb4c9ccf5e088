import {
  checkArray,
  checkBytes,
  checkInteger,
  checkOptions,
  checkPages,
  checkU32,
  checkU64,
} from '../checks.js';
import type { IoeventfdRequest } from './index.js';

const IOEVENTFD = ['region', 'offset', 'width', 'value', 'eventfd'];
const S32_MAX = 2 ** 31 - 1;
/** Size in bytes of the eventfd in the data of LOW_POWER_ENTRY_WITH_WAKEUP. */
const EVENTFD_SIZE = 4;

/** Checks the fields of VFIO_DEVICE_IOEVENTFD, except the eventfd. */
export function checkIoeventfdRequest(request: IoeventfdRequest): void {
  checkOptions(request, IOEVENTFD, 'request');
  checkU32(request.region, 'region');
  checkInteger(request.offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  checkU32(request.width, 'width');
  checkU64(request.value, 'value');
}

/** Checks the arguments of a call that maps memory for DMA. */
export function checkMapArguments(
  memory: { readonly size: number },
  offset: number,
  size: bigint,
  iova: bigint,
  flags: number,
): void {
  checkInteger(offset, 'offset', 0, memory.size);
  checkU64(size, 'size');
  checkU64(iova, 'iova');
  checkU32(flags, 'flags');
  if (BigInt(offset) + size > BigInt(memory.size)) {
    throw new RangeError(`${size} bytes at offset ${offset} exceed ${memory.size} bytes of memory`);
  }
}

/** Checks the arguments of a call that imports a part of a file. */
export function checkImportArguments(fd: unknown, offset: unknown, size: unknown): void {
  checkInteger(fd, 'fd', 0, S32_MAX);
  checkPages(offset, 'offset');
  checkInteger(size, 'size', 1, Number.MAX_SAFE_INTEGER);
  checkPages(size, 'size');
}

/** Checks the arguments of VFIO_DEVICE_FEATURE. @param hasEventfd - whether `data` has an eventfd */
export function checkFeature(flags: unknown, data: unknown, hasEventfd: boolean): void {
  checkU32(flags, 'flags');
  checkBytes(data, 'data');
  if (hasEventfd && data.length < EVENTFD_SIZE) {
    throw new RangeError(
      `data must have at least ${EVENTFD_SIZE} bytes for the eventfd, not ${data.length}`,
    );
  }
}

/** Checks a list of CPUs. */
export function checkCpus(cpus: unknown): asserts cpus is readonly number[] {
  checkArray(cpus, 'cpus');
  if (cpus.length === 0) throw new RangeError('cpus must name at least one CPU');
  for (const cpu of cpus) checkInteger(cpu, 'cpu', 0, S32_MAX);
}

/** Checks a list of vectors of an interrupt index. */
export function checkVectors(index: unknown, vectors: unknown): void {
  checkU32(index, 'index');
  checkArray(vectors, 'vectors');
  for (const vector of vectors) checkU32(vector, 'vector');
}
