import {
  checkBoolean,
  checkChoice,
  checkInstance,
  checkInteger,
  checkObject,
  checkOptions,
  checkU32,
  checkU64,
} from '../../checks.js';
import type { Message } from '../../contract/message.js';
import { PciDevice } from '../../device/device.js';
import type { VectorName } from './target.js';

/** Checks that a value is an open device. */
export function checkDevice(device: unknown): void {
  checkInstance(device, 'device', PciDevice);
}

/** Checks the address and the data of a message. The object can have other properties. */
export function checkMessage(message: Message): void {
  checkObject(message, 'message');
  checkU64(message.address, 'address');
  checkU32(message.data, 'data');
}

/** Checks the name of a vector. The device checks the number of the vector. */
export function checkSource(source: VectorName): void {
  checkOptions(source, ['index', 'vector'], 'source');
  checkChoice(source.index, 'source.index', ['msi', 'msix']);
  checkInteger(source.vector, 'source.vector', 0, 2047);
}

/** Options of {@link MessageStore.fill} and {@link MessageStore.write}. */
export interface FillOptions {
  /** Whether the entry stays masked. Default: false. */
  readonly masked?: boolean | undefined;
}

/**
 * Checks the option `masked` of a call.
 *
 * @param names - names of the other options of the call
 * @returns whether the entry stays masked
 */
export function checkFill(options: FillOptions, names: readonly string[] = []): boolean {
  checkOptions(options, ['masked', ...names]);
  const { masked = false } = options;
  checkBoolean(masked, 'masked');
  return masked;
}
