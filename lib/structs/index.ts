export { hexdump } from './hexdump.js';
export { defineStruct } from './struct.js';
export type { Struct, StructMemory } from './struct.js';
export type {
  StructArray,
  StructFields,
  StructMember,
  StructMembers,
  StructType,
  StructView,
} from './definition.js';
