import { checkArray, checkInteger, checkMethods } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import { VfioError } from '../../errors.js';
import type { VectorSink } from './source.js';

const CONNECTION = ['getIrqInfo', 'setIrqs', 'synchronizeIrqs', 'createEventfd'];
const SINK = ['serves', 'fire', 'withdraw'];

export function checkConnection(connection: unknown): void {
  checkMethods(connection, 'connection', 'DeviceConnection', CONNECTION);
}

/**
 * Checks the sink that a source is connected to.
 *
 * @param current - the present sink of the source, or null
 * @throws TypeError if the value is not a sink; {@link VfioError} EBUSY if the source has a sink
 */
export function checkSink(sink: unknown, current: VectorSink | null): void {
  checkMethods(sink, 'sink', 'VectorSink', SINK);
  if (current === null) return;
  throw new VfioError({ code: 'EBUSY', message: 'the source is attached to a table already' });
}

/** Checks the arguments of `VectorSource.allocate()`. @param max - number of vectors */
export function checkAllocation(count: unknown, targets: unknown, max: number): void {
  checkInteger(count, 'count', 1, max);
  checkArray(targets, 'targets');
  for (const target of targets) {
    if (target !== null && target !== undefined) checkEventfd(target, 'target');
  }
}
