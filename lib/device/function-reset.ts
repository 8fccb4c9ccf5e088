import type { ConfigSpace } from './config.js';

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

/** Whether an aligned write of up to 4 bytes has one of those bits at a place where it could be. */
export function mayReset(offset: number, value: number): boolean {
  if (offset < FIRST || offset >= END) return false;
  return ((value << (8 * (offset % 4))) & ((DEVCTL_FLR << 8) | AF_FLR)) !== 0;
}

/** Whether a write that was made had the kernel reset the function. */
export function didReset(config: ConfigSpace, offset: number, bytes: Uint8Array): boolean {
  const has = (at: number, bit: number) => ((bytes[at - offset] ?? 0) & bit) !== 0;
  const candidates = bytes.some((byte, n) => {
    const at = offset + n;
    if (at < FIRST || at >= END) return false;
    return (at % 4 === 1 && (byte & DEVCTL_FLR) !== 0) || (at % 4 === 0 && (byte & AF_FLR) !== 0);
  });
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
