/** Message stores: registers of a device with private copies of MSI messages. */
export { messageVectors, type MessageVectorsOptions } from './message-vectors.js';
export type { GuestMessages } from './guest-messages.js';
export type { GuestMessage } from '../../contract/message.js';
export type { StorePlace, WindowPlace } from './place.js';
export {
  PrivateSources,
  type PrivateSourcesOptions,
  type SpareVectors,
} from './private-sources.js';
export { type MsiGuest, type Recognize, recognizeMsi, recognizeTable } from './recognize.js';
export {
  MessageRewriter,
  type MessageRewriterEvents,
  type MessageRewriterOptions,
} from './rewriter.js';
export type { FillOptions } from './checks.js';
export {
  MessageStore,
  type MessageStoreEvents,
  type MessageStoreOptions,
  type Mismatch,
  type SendToBufferOptions,
} from './store.js';
export type { VectorName } from './target.js';
export {
  WindowRewriter,
  type WindowRewriterEvents,
  type WindowRewriterOptions,
} from './window-rewriter.js';
