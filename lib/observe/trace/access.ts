/** The text of one register access. Both the page and the log of `vfio trace` show this text. */
import { regionName } from '../../contract/uapi.js';
import type { RegistersLine } from './format.js';

/** An access of a program to a register, or to consecutive registers. */
export interface Access {
  /** Index of the region. */
  readonly region: number;
  /** Bytes from the start of the region. */
  readonly offset: number;
  /** Bytes of one register; null if the caller leaves the widths to the kernel. */
  readonly width: number | null;
  readonly isWrite: boolean;
  /** Total bytes of an access to consecutive registers; null for one register. */
  readonly bytes: number | null;
  /**
   * The value that was read or written, or the first bytes, as text. Null if the trace does not
   * contain the value.
   */
  readonly value: string | null;
}

/**
 * Names the registers of a device. Returns a text such as `bar0.cc.en <- 1`, or null if the register
 * has no name. The function receives the accesses of a register in the order of time.
 */
export type NameAccess = (device: string, access: Access) => string | null;

/** The names of the registers of a trace. */
export interface AccessNames {
  readonly name: NameAccess;
  /** Adds the names of registers that the traced program has defined for a window. */
  define(line: RegistersLine): void;
}

/** Without a register file, no register has a name. */
export const nameless: NameAccess = () => null;

/**
 * Returns the text of an access: `bar4+0x3000 w16 <- 0`, `bar0+0x1c r32 -> 0x1`,
 * `bar0+0x0 r32[16]`, or `config+0x4 w[2 bytes] <- 06 04`.
 */
export function accessText({ region, offset, width, isWrite, bytes, value }: Access): string {
  const place = `${regionName(region)}+0x${offset.toString(16)}`;
  const letter = isWrite ? 'w' : 'r';
  const size = width === null ? `[${bytes ?? 0} bytes]` : String(8 * width);
  const block = width === null || bytes === null ? '' : `[${bytes / width}]`;
  const arrow = value === null ? '' : ` ${isWrite ? '<-' : '->'} ${value}`;
  return `${place} ${letter}${size}${block}${arrow}`;
}
