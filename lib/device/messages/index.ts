/** Physical messages: the address and data that the device writes to raise a vector. */
export type { MessageMethod, PhysicalMessage } from './message.js';
export type { MessageIndex, Message } from '../../contract/message.js';
export type { MessageChange, Messages, MessagesEvents, MessageSupport } from './messages.js';
export type { Novirt, NovirtState } from './novirt.js';
