import { checkArray, checkInteger, checkMethods } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';

const CONNECTION = ['getIrqInfo', 'setIrqs', 'synchronizeIrqs', 'createEventfd'];
const SINK = ['serves', 'fire', 'withdraw'];

export function checkConnection(connection: unknown): void {
  checkMethods(connection, 'connection', 'DeviceConnection', CONNECTION);
}

export function checkSink(sink: unknown): void {
  checkMethods(sink, 'sink', 'VectorSink', SINK);
}

/** Checks the arguments of `VectorSource.allocate()`. @param max - number of vectors */
export function checkAllocation(count: unknown, targets: unknown, max: number): void {
  checkInteger(count, 'count', 1, max);
  checkArray(targets, 'targets');
  for (const target of targets) {
    if (target !== null && target !== undefined) checkEventfd(target, 'target');
  }
}
