/** Interrupt message stores: slots, cookies, PASIDs and quotas. */
export { type Account, Budget, type VectorCharge } from './budget.js';
export type { BudgetOptions, Quota, Usage } from './ledger.js';
export {
  ImsDomain,
  type ImsDomainEvents,
  type ImsDomainOptions,
  type SlotOptions,
} from './domain.js';
export type { HostVector, HostInterrupt, HostVectors } from './host-vector.js';
export {
  type Cookie,
  type CookieField,
  DSA_LAYOUT,
  type EntryLayout,
  type MaskBits,
  type MessageWord,
  type SlotBits,
  type SlotLayout,
} from '../store/layout.js';
export {
  type CookieTarget,
  MsixPerm,
  type MsixPermEvents,
  type MsixPermOptions,
} from './msix-perm.js';
export { type PasidBinding, PasidMap, type PasidMapEvents } from './pasid-map.js';
export type { Slot } from './slot.js';
export type { Handles } from './slot-context.js';
export type { SlotContents } from '../store/words.js';
export { memoryStorage, regionStorage, type SlotStorage } from '../store/storage.js';
