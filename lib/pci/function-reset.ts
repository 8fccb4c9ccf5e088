/**
 * PCI Express capability: the bit Initiate Function Level Reset in Device Control (PCIe, 7.5.3.4).
 */
const DEVCTL_UPPER = 9;
const DEVCTL_FLR = 0x80;
/**
 * Advanced Features capability: the register AF Capabilities, and the bit Initiate FLR in AF
 * Control.
 */
const AF_CAPABILITIES = 3;
const AF_TRANSACTIONS_PENDING_AND_FLR = 0x03;
const AF_CONTROL = 4;
const AF_FLR = 0x01;
/** Conventional capabilities are in this part of configuration space. */
const CAPABILITIES_START = 0x40;
const CAPABILITIES_END = 0x100;

/**
 * The bits of a dword that can start a function reset: {@link DEVCTL_FLR} in byte 1 and {@link AF_FLR}
 * in byte 0. Capabilities start at a multiple of 4.
 */
const RESET_BITS = (DEVCTL_FLR << 8) | AF_FLR;

/**
 * Returns whether a write could start a function reset, without a read of the capabilities. Most
 * writes could not, and need no call of {@link didReset}.
 *
 * @param offset - a multiple of the width of the write
 * @param value - the written 1, 2 or 4 bytes
 */
export function canReset(offset: number, value: number): boolean {
  return offset >= CAPABILITIES_START && (value & (RESET_BITS >>> (8 * (offset & 3)))) !== 0;
}

/** Returns byte `n` of a write. Byte 0 is the first written byte. */
export type WrittenByte = (n: number) => number;

/** The part of configuration space that {@link didReset} reads. */
export interface ResetConfig {
  find(name: string): { readonly offset: number } | undefined;
  details(name: 'pcie'): { readonly flr: boolean } | undefined;
  read8(offset: number): number;
}

/** Returns whether a completed write made the kernel reset the function. */
export function didReset(
  config: ResetConfig,
  offset: number,
  length: number,
  byteAt: WrittenByte,
): boolean {
  const setsBit = (at: number, bit: number) =>
    at >= offset && at < offset + length && (byteAt(at - offset) & bit) !== 0;
  let candidates = false;
  for (
    let at = Math.max(offset, CAPABILITIES_START);
    at < Math.min(offset + length, CAPABILITIES_END);
    at++
  ) {
    candidates ||=
      (at % 4 === 1 && setsBit(at, DEVCTL_FLR)) || (at % 4 === 0 && setsBit(at, AF_FLR));
  }
  // For most writes, the check ends here, before a read of the capabilities.
  if (!candidates) return false;
  const express = config.find('pcie');
  if (express !== undefined && setsBit(express.offset + DEVCTL_UPPER, DEVCTL_FLR)) {
    return config.details('pcie')?.flr === true;
  }
  const advanced = config.find('af');
  if (advanced === undefined || !setsBit(advanced.offset + AF_CONTROL, AF_FLR)) return false;
  const afCapabilities = config.read8(advanced.offset + AF_CAPABILITIES);
  return (afCapabilities & AF_TRANSACTIONS_PENDING_AND_FLR) === AF_TRANSACTIONS_PENDING_AND_FLR;
}
