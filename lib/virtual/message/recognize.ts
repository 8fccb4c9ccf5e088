import type { MessageIndex, Message } from '../../contract/message.js';
import { checkChoice, checkFunction, checkInteger } from '../../checks.js';
import type { VectorName } from './target.js';

/** Finds the vector of a virtual message. Returns null if no vector has this message. */
export type Recognize = (message: Message) => VectorName | null;

/**
 * Returns a function that recognizes the messages of a guest's MSI capability. The capability has
 * one message. The low bits of the message data contain the vector number.
 *
 * @param base - returns the current virtual message of the capability
 * @param vectors - number of enabled vectors, 1 to 32
 */
export function recognizeMsi(base: () => Message, vectors: number): Recognize {
  checkFunction(base, 'base');
  checkInteger(vectors, 'vectors', 1, 32);
  return ({ address, data }) => {
    const first = base();
    const vector = data - first.data;
    if (address !== first.address || vector < 0 || vector >= vectors) return null;
    return { index: 'msi', vector };
  };
}

/**
 * Returns a function that recognizes the messages of a table, such as the MSI-X table of a guest.
 *
 * @param messages - returns the current message of each vector
 */
export function recognizeTable(
  messages: () => Iterable<readonly [vector: number, message: Message]>,
  index: MessageIndex = 'msix',
): Recognize {
  checkFunction(messages, 'messages');
  checkChoice(index, 'index', ['msi', 'msix']);
  return ({ address, data }) => {
    for (const [vector, message] of messages()) {
      if (message.address === address && message.data === data) return { index, vector };
    }
    return null;
  };
}
