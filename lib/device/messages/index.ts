/** Physical messages: where they are read. */
export type { Message, MessageIndex, MessageRoad, PhysicalMessage } from './message.js';
export type { MessageChange, Messages, MessagesEvents, MessageSupport } from './messages.js';
export type { Novirt, NovirtState } from './novirt.js';
