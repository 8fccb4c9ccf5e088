import type { RegisterWindow, Width } from '../contract/index.js';
import { type Fields, OperationError } from './fields.js';
import type { Session } from './session.js';

interface Place {
  readonly window: RegisterWindow;
  /** Bytes from the start of the window. */
  readonly offset: number;
  readonly width: Width;
}

function widthOf(fields: Fields): Width {
  const width = fields.number('width');
  if (width === 1 || width === 2 || width === 4 || width === 8) return width;
  throw new OperationError('"width" must be 1, 2, 4 or 8');
}

function place(session: Session, fields: Fields, width: Width): Place {
  return { width, ...session.window(fields.u32('region'), fields.number('offset')) };
}

/** One load from the mapping. */
export function mmioRead(session: Session, fields: Fields): number | bigint {
  const { window, offset, width } = place(session, fields, widthOf(fields));
  if (width === 8) return window.read64(offset);
  if (width === 4) return window.read32(offset);
  return width === 2 ? window.read16(offset) : window.read8(offset);
}

/** One store to the mapping. */
export function mmioWrite(session: Session, fields: Fields): void {
  const width = widthOf(fields);
  const value = fields.bigint('value');
  if (value >> BigInt(8 * width) !== 0n) {
    throw new OperationError(`"value" has more than ${width} bytes`);
  }
  const { window, offset } = place(session, fields, width);
  if (width === 8) window.write64(offset, value);
  else if (width === 4) window.write32(offset, Number(value));
  else if (width === 2) window.write16(offset, Number(value));
  else window.write8(offset, Number(value));
}
