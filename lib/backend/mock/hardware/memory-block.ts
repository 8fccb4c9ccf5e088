import type { MemoryBlock } from './model.js';
import * as bytes from './config-bytes.js';
import { toUnsigned, type Overlay } from './registers.js';

const CHUNK = 4096;

/** Creates a block of a BAR: memory, or a block whose accesses the device logic serves. */
export function blockOverlay(block: MemoryBlock): Overlay {
  const { offset: start, size, load, store } = block;
  if (load === undefined || store === undefined) return memoryOverlay(block);
  return {
    covers: (offset) => offset >= start && offset < start + size,
    read: (offset, width) => toUnsigned(load(offset - start, width), width, block),
    write: (offset, width, value) => {
      store(offset - start, width, value);
    },
  };
}

/** Creates memory in a BAR. The first access to a chunk allocates the chunk. */
function memoryOverlay({ offset: start, size, contents }: MemoryBlock): Overlay {
  const chunks = new Map<number, DataView>();
  const findChunk = (number: number): DataView => {
    let view = chunks.get(number);
    if (view === undefined) {
      const memory = new Uint8Array(CHUNK);
      const first = contents?.subarray(number * CHUNK, (number + 1) * CHUNK);
      if (first !== undefined) memory.set(first);
      chunks.set(number, (view = new DataView(memory.buffer)));
    }
    return view;
  };
  return {
    covers: (offset) => offset >= start && offset < start + size,
    read: (offset, width) => {
      const at = offset - start;
      return bytes.load(findChunk(Math.floor(at / CHUNK)), at % CHUNK, width);
    },
    write: (offset, width, value) => {
      const at = offset - start;
      bytes.store(findChunk(Math.floor(at / CHUNK)), at % CHUNK, width, value);
    },
  };
}
