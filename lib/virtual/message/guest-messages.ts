import { checkInteger, checkObject } from '../../checks.js';
import type { GuestMessage, Message, MessageIndex } from '../../contract/message.js';
import { checkMessage } from './checks.js';

/**
 * The messages of a guest: one address and adjacent data, or the messages of a table, such as the
 * guest's MSI-X table. Null while the guest's MSI or MSI-X is disabled.
 */
export type GuestMessages =
  GuestMessage | Iterable<readonly [vector: number, message: Message]> | null;

type TableEntry = readonly [vector: number, message: Message];

/** The largest number of vectors of an interrupt index. */
const VECTORS_MAX: Readonly<Record<MessageIndex, number>> = { msi: 32, msix: 2048 };

/** Recognizes parts of a guest's messages. */
export interface GuestMatch {
  /**
   * Whether a message of the guest has these words. A word that is undefined matches each message.
   *
   * @param high - bits 63:32 of the address
   */
  has(low: number, high?: number, data?: number): boolean;
  /** Returns the vector of a message, or null if the message does not belong to the guest. */
  vector(message: Message): number | null;
}

/**
 * Prepares the messages of a guest for recognition.
 *
 * @returns null while the guest's messages are disabled
 * @throws TypeError or RangeError if the messages have a wrong type
 */
export function matchGuest(messages: GuestMessages, index: MessageIndex): GuestMatch | null {
  if (messages === null) return null;
  checkObject(messages, 'the result of guest()');
  if (isTable(messages)) return matchTable(messages);
  checkMessage(messages);
  checkInteger(messages.vectors, 'vectors', 0, VECTORS_MAX[index]);
  return messages.vectors === 0 ? null : matchMsi(messages);
}

/** Whether the messages of a guest are a table. */
export function isTable(messages: GuestMessages): messages is Iterable<TableEntry> {
  return messages !== null && Symbol.iterator in messages;
}

function matchMsi(guest: GuestMessage): GuestMatch {
  const guestLow = lowOf(guest);
  const guestHigh = highOf(guest);
  const vectorOf = (data: number) => {
    const vector = data - guest.data;
    return vector >= 0 && vector < guest.vectors ? vector : null;
  };
  return {
    has: (low, high = guestHigh, data = guest.data) =>
      low === guestLow && high === guestHigh && vectorOf(data) !== null,
    vector: ({ address, data }) => (address === guest.address ? vectorOf(data) : null),
  };
}

/**
 * The table is read at the first question, because many writes of a guest need no answer. The
 * entries are indexed by their low word, because each write of a guest causes a question.
 */
function matchTable(table: Iterable<TableEntry>): GuestMatch {
  let byLow: ReadonlyMap<number, readonly TableEntry[]> | undefined;
  const withLow = (low: number) => {
    byLow ??= indexByLow(table);
    return byLow.get(low) ?? [];
  };
  return {
    has: (low, high, data) =>
      withLow(low).some(
        ([, message]) =>
          (high ?? highOf(message)) === highOf(message) && (data ?? message.data) === message.data,
      ),
    vector: (message) =>
      withLow(lowOf(message)).find(
        ([, other]) => other.address === message.address && other.data === message.data,
      )?.[0] ?? null,
  };
}

function indexByLow(table: Iterable<TableEntry>): Map<number, TableEntry[]> {
  const byLow = new Map<number, TableEntry[]>();
  for (const entry of table) {
    const low = lowOf(entry[1]);
    const known = byLow.get(low);
    if (known === undefined) byLow.set(low, [entry]);
    else known.push(entry);
  }
  return byLow;
}

function lowOf({ address }: Message): number {
  return Number(address & 0xffff_ffffn);
}

function highOf({ address }: Message): number {
  return Number(address >> 32n);
}
