export type {
  BlockDefinition,
  FieldBits,
  FieldDefinition,
  FieldValue,
  FieldValues,
  RegisterAccess,
  RegisterDefinition,
  RegisterDefinitions,
  RegisterValue,
} from './definition.js';
export { defineRegisters } from './map.js';
export type { RegisterArray } from './array.js';
export type { EntryAccessor, RegisterAccessors, RegisterMap } from './map.js';
export { poll, type PollOptions, type Truthy } from './poll.js';
export type { RegisterAccessor } from './register.js';
