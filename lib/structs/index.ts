export { hexdump } from './hexdump.js';
export { defineStruct } from './struct.js';
export type { StructMemory } from './memory.js';
export type { Struct } from './struct.js';
export type {
  AnyStruct,
  StructArray,
  StructCopy,
  StructFields,
  StructMember,
  StructMembers,
  StructNumberArray,
  StructType,
  StructValues,
  StructView,
} from './definition.js';
