import { checkExtent, checkInteger } from '../../checks.js';
import type { Message, MessageIndex } from '../../contract/message.js';
import type { PciDevice } from '../../device/device.js';
import { DmaBuffer } from '../../device/dma-buffer.js';
import type { MessageChange } from '../../device/index.js';
import { VfioError } from '../../errors.js';

/** Identifies a vector of a device by its interrupt index and its number. */
export interface VectorName {
  readonly index: MessageIndex;
  readonly vector: number;
}

/** What an entry of a store sends: the message of a vector, or a write to a DMA buffer. */
export interface Target {
  /** The vector; undefined if the entry writes to a buffer. */
  readonly source: VectorName | undefined;
  /** Whether the vector is requested, or the buffer is mapped. */
  readonly isReady: boolean;
  /** Returns the current message. @throws {@link VfioError} the errors of `Messages.read` */
  read(): Message;
  /** Whether a change can change the message, or has erased the entry. */
  isChangedBy(change: MessageChange): boolean;
}

/** Creates the target of an entry with the message of a vector. */
export function vectorTarget(device: PciDevice, source: VectorName): Target {
  const { index, vector } = source;
  return {
    source,
    get isReady() {
      return device.interrupts[index].vector(vector) !== undefined;
    },
    read: () => device.messages.read(index, vector),
    isChangedBy: (change) =>
      change.reason === 'reset' || (change.index === index && change.vector === vector),
  };
}

const DATA_SIZE = 4;

/** Creates the target of an entry that writes `data` to a buffer. */
export function bufferTarget(
  device: PciDevice,
  buffer: DmaBuffer,
  offset: number,
  data: number,
): Target {
  if (!(buffer instanceof DmaBuffer)) {
    throw new TypeError('buffer must be a DMA buffer of the device');
  }
  checkInteger(offset, 'offset', 0, Number.MAX_SAFE_INTEGER);
  checkExtent(offset, DATA_SIZE, buffer.size);
  if (offset % DATA_SIZE !== 0) {
    throw new RangeError(`offset ${offset} is not a multiple of ${DATA_SIZE}`);
  }
  const refuse = (code: string, message: string) =>
    new VfioError({ code, message, path: device.name });
  if (!buffer.mapped) throw refuse('EBADF', 'the buffer is not mapped');
  if (buffer.access === 'read') {
    throw refuse('EACCES', 'the device is not allowed to write the buffer');
  }
  return {
    source: undefined,
    get isReady() {
      return buffer.mapped;
    },
    read: () => ({ address: buffer.iova + BigInt(offset), data }),
    isChangedBy: ({ reason }) => reason === 'reset',
  };
}
