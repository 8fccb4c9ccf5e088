// The private interrupt sources that a driver of the virtual-wlan example uses.
import type { RegisterWindow } from 'vfio';

/** The window of the registers that contain the private sources. */
const WINDOW = 0x80000;
/** The register that raises an interrupt of a source. */
const RAISE = 0x08;
/** The bit of the second word that enables a source. */
const ENABLE = 1 << 8;

/** Two sources: their numbers, their offsets in the window, and their vectors. */
export const SOURCES = [
  { source: 0, offset: 0x48, vector: 0 },
  { source: 12, offset: 0x385a4, vector: 31 },
] as const;

type Source = (typeof SOURCES)[number];

/** Writes the message of the guest into a source. @returns the message that the guest reads back */
export function writeMessage(
  registers: RegisterWindow,
  { offset }: Source,
  address: bigint,
  data: number,
): { address: bigint; data: number } {
  const at = WINDOW + offset;
  const high = Number(address >> 32n) & 0xff;
  registers.write32(at, Number(address & 0xffff_ffffn));
  registers.write32(at + 4, ENABLE | high);
  registers.write32(at + 8, data);
  return {
    address: (BigInt(registers.read32(at + 4) & 0xff) << 32n) | BigInt(registers.read32(at)),
    data: registers.read32(at + 8),
  };
}

export function raise(registers: RegisterWindow, { source }: Source): void {
  registers.write32(RAISE, source);
}
