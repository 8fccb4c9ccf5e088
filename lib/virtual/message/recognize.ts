import type { GuestMessage, MessageIndex, Message } from '../../contract/message.js';
import { checkChoice, checkFunction, checkInteger, checkObject } from '../../checks.js';
import type { VectorName } from './target.js';

/** Finds the vector of a virtual message. Returns null if no vector has this message. */
export type Recognize = (message: Message) => VectorName | null;

/** An object that knows the message of a guest's MSI capability, such as a `VirtualMsi`. */
export interface MsiGuest {
  readonly guestMessage: GuestMessage;
}

/**
 * Returns a function that recognizes the messages of a guest's MSI capability. The capability has
 * one message. The low bits of the message data contain the vector number. While MSI of the guest
 * is disabled, no message is recognized.
 *
 * @param guest - the guest's MSI, for example a `VirtualMsi`
 */
export function recognizeMsi(guest: MsiGuest): Recognize;
/**
 * Returns a function that recognizes the messages of an MSI capability that the caller emulates.
 *
 * @param base - returns the current virtual message of the capability
 * @param vectors - number of enabled vectors, 1 to 32
 */
export function recognizeMsi(base: () => Message, vectors: number): Recognize;
export function recognizeMsi(guest: MsiGuest | (() => Message), vectors?: number): Recognize {
  const current = typeof guest === 'function' ? fixedCount(guest, vectors) : messageOf(guest);
  return ({ address, data }) => {
    const first = current();
    const vector = data - first.data;
    if (address !== first.address || vector < 0 || vector >= first.vectors) return null;
    return { index: 'msi', vector };
  };
}

function fixedCount(base: () => Message, vectors: unknown): () => GuestMessage {
  checkInteger(vectors, 'vectors', 1, 32);
  return () => ({ ...base(), vectors });
}

/** Returns a function that reads the current message of a guest's MSI. */
export function messageOf(guest: MsiGuest): () => GuestMessage {
  checkObject(guest, 'guest');
  checkObject(guest.guestMessage, 'guest.guestMessage');
  return () => guest.guestMessage;
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
