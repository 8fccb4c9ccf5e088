import type { MemoryBlock } from './model.js';
import { load, store } from './config-bytes.js';
import type { Overlay } from './registers.js';

const CHUNK = 4096;

/** Creates memory in a BAR. The first access to a chunk allocates the chunk. */
export function memoryOverlay({ offset: start, size, contents }: MemoryBlock): Overlay {
  const chunks = new Map<number, DataView>();
  const findChunk = (number: number): DataView => {
    let view = chunks.get(number);
    if (view === undefined) {
      const bytes = new Uint8Array(CHUNK);
      const first = contents?.subarray(number * CHUNK, (number + 1) * CHUNK);
      if (first !== undefined) bytes.set(first);
      chunks.set(number, (view = new DataView(bytes.buffer)));
    }
    return view;
  };
  return {
    covers: (offset) => offset >= start && offset < start + size,
    read: (offset, width) => {
      const at = offset - start;
      return load(findChunk(Math.floor(at / CHUNK)), at % CHUNK, width);
    },
    write: (offset, width, value) => {
      const at = offset - start;
      store(findChunk(Math.floor(at / CHUNK)), at % CHUNK, width, value);
    },
  };
}
