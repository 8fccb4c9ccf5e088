import type { Handle } from './handle.js';

/** The open devices of this thread. */
const handles = new Set<Handle>();

/** Adds a handle to the list of open devices. When the device closes, the handle is removed. */
export function addOpenHandle(handle: Handle): void {
  handles.add(handle);
  handle.afterClose(() => {
    handles.delete(handle);
  });
}

/**
 * Reports a reset to each open device of the functions that were reset. A program can open a
 * function several times.
 *
 * @param names - names of the functions
 */
export function reportReset(names: readonly string[]): void {
  for (const handle of [...handles]) {
    if (names.includes(handle.name)) handle.changes.emit('reset');
  }
}
