/**
 * Physical messages. A message is the address and data that the device writes to raise an
 * interrupt.
 */
export type { MessageMethod, PhysicalMessage } from './message.js';
export type { MessageIndex, Message } from '../../contract/message.js';
export type { MessageChange, Messages, MessagesEvents, MessageSupport } from './messages.js';
export type { Novirt, NovirtState } from './novirt.js';
