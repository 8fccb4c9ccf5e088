/** Device Control of the PCI Express capability: Initiate Function Level Reset (PCIe, 7.5.3.4). */
const DEVCTL_UPPER = 9;
const DEVCTL_FLR = 0x80;
/** Advanced Features, for conventional PCI: what it can, and Initiate FLR. */
const AF_CAPABILITIES = 3;
const AF_TRANSACTIONS_PENDING_AND_FLR = 0x03;
const AF_CONTROL = 4;
const AF_FLR = 0x01;
/** Where capabilities begin, and those of conventional PCI end. */
const FIRST = 0x40;
const END = 0x100;

/** Bytes that were written, by their place from the first one on. */
export type WrittenByte = (n: number) => number;

/** Configuration space, as far as finding a reset needs it. */
export interface ResetConfig {
  find(name: string): { readonly offset: number } | undefined;
  details(name: 'pcie'): { readonly flr: boolean } | undefined;
  read8(offset: number): number;
}

/** Whether a write that was made had the kernel reset the function. */
export function didReset(
  config: ResetConfig,
  offset: number,
  length: number,
  byteAt: WrittenByte,
): boolean {
  const has = (at: number, bit: number) =>
    at >= offset && at < offset + length && (byteAt(at - offset) & bit) !== 0;
  let candidates = false;
  for (let at = Math.max(offset, FIRST); at < Math.min(offset + length, END); at++) {
    candidates ||= (at % 4 === 1 && has(at, DEVCTL_FLR)) || (at % 4 === 0 && has(at, AF_FLR));
  }
  // Most writes end here, without a look at the capabilities.
  if (!candidates) return false;
  const express = config.find('pcie');
  if (express !== undefined && has(express.offset + DEVCTL_UPPER, DEVCTL_FLR)) {
    return config.details('pcie')?.flr === true;
  }
  const advanced = config.find('af');
  if (advanced === undefined || !has(advanced.offset + AF_CONTROL, AF_FLR)) return false;
  const able = config.read8(advanced.offset + AF_CAPABILITIES);
  return (able & AF_TRANSACTIONS_PENDING_AND_FLR) === AF_TRANSACTIONS_PENDING_AND_FLR;
}
