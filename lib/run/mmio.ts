import type { RegisterWindow, Width } from '../contract/index.js';
import { type Fields, OperationError } from './fields.js';
import type { Session } from './session.js';

/** An access to a mapped register. */
interface Access {
  readonly window: RegisterWindow;
  /** Offset from the start of the window, in bytes. */
  readonly offset: number;
  readonly width: Width;
}

function parseWidth(fields: Fields): Width {
  const width = fields.number('width');
  if (width === 1 || width === 2 || width === 4 || width === 8) return width;
  throw new OperationError('"width" must be 1, 2, 4 or 8');
}

function findRegister(session: Session, fields: Fields, width: Width): Access {
  return { width, ...session.mapRegister(fields.u32('region'), fields.number('offset')) };
}

/** Reads a mapped register with one load. */
export function readMmio(session: Session, fields: Fields): number | bigint {
  const { window, offset, width } = findRegister(session, fields, parseWidth(fields));
  if (width === 8) return window.read64(offset);
  if (width === 4) return window.read32(offset);
  return width === 2 ? window.read16(offset) : window.read8(offset);
}

/** Writes a mapped register with one store. */
export function writeMmio(session: Session, fields: Fields): void {
  const width = parseWidth(fields);
  const value = fields.bigint('value');
  if (value >> BigInt(8 * width) !== 0n) {
    throw new OperationError(`"value" 0x${value.toString(16)} does not fit in ${width} bytes`);
  }
  const { window, offset } = findRegister(session, fields, width);
  if (width === 8) window.write64(offset, value);
  else if (width === 4) window.write32(offset, Number(value));
  else if (width === 2) window.write16(offset, Number(value));
  else window.write8(offset, Number(value));
}
