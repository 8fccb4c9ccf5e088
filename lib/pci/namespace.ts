/**
 * The public namespace `pci`: the decoders, and the functions that print configuration space. The
 * library itself uses only the decoders. The printing functions have many modules, so a command
 * loads the printing functions only if the command prints configuration space.
 */
export * from './index.js';
export {
  dumpConfig,
  flagsOf,
  listConfig,
  type ListedCapability,
  type Listing,
  type VpdReader,
} from './listing/index.js';
export { type Access, type Change, parseSetting, SettingError } from './setpci/parse.js';
