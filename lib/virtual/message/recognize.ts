import type { MessageIndex, Message } from '../../contract/message.js';
import { checkInteger } from '../../checks.js';
import type { VectorName } from './store.js';

/** Finds the vector that a virtual message stands for; null if it is none's. */
export type Recognize = (message: Message) => VectorName | null;

/**
 * For a consumer whose MSI capability holds one virtual message: the vectors follow each other in
 * the low bits of its data.
 *
 * @param base - the virtual message as it is now
 * @param vectors - how many are enabled, 1 to 32
 */
export function recognizeMsi(base: () => Message, vectors: number): Recognize {
  checkInteger(vectors, 'vectors', 1, 32);
  return ({ address, data }) => {
    const first = base();
    const vector = data - first.data;
    if (address !== first.address || vector < 0 || vector >= vectors) return null;
    return { index: 'msi', vector };
  };
}

/** For one whose messages are a table, as that of MSI-X: the message of each vector. */
export function recognizeTable(
  messages: () => Iterable<readonly [vector: number, message: Message]>,
  index: MessageIndex = 'msix',
): Recognize {
  return ({ address, data }) => {
    for (const [vector, message] of messages()) {
      if (message.address === address && message.data === data) return { index, vector };
    }
    return null;
  };
}
