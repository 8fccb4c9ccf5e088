import type { RegisterWindow, Width } from './window.js';

/** Copies registers into memory, one access for each register. The caller checks the block. */
export function readRegisters(
  window: RegisterWindow,
  offset: number,
  into: Uint8Array,
  width: Width,
): void {
  const view = new DataView(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < into.length; i += width) {
    if (width === 8) view.setBigUint64(i, window.read64(offset + i), true);
    else if (width === 4) view.setUint32(i, window.read32(offset + i), true);
    else if (width === 2) view.setUint16(i, window.read16(offset + i), true);
    else view.setUint8(i, window.read8(offset + i));
  }
}

/** Copies memory into registers, one access for each register. The caller checks the block. */
export function writeRegisters(
  window: RegisterWindow,
  offset: number,
  from: Uint8Array,
  width: Width,
): void {
  const view = new DataView(from.buffer, from.byteOffset, from.length);
  for (let i = 0; i < from.length; i += width) {
    if (width === 8) window.write64(offset + i, view.getBigUint64(i, true));
    else if (width === 4) window.write32(offset + i, view.getUint32(i, true));
    else if (width === 2) window.write16(offset + i, view.getUint16(i, true));
    else window.write8(offset + i, view.getUint8(i));
  }
}
