/** The owner of the bytes that an access to a BAR touches. `mixed` means several owners. */
export type BarOwner = 'table' | 'pba' | 'device' | 'mixed';

/**
 * Reads or writes bytes of a BAR that belong to the device model.
 * @param offset - offset in the BAR, in bytes
 * @param bytes - a read fills the bytes, and a write takes the bytes
 */
export type ServeBar = (offset: number, bytes: Uint8Array) => void;

/** The table or the pending bits in a BAR. */
export interface BarSpan {
  readonly owner: 'table' | 'pba';
  readonly start: number;
  readonly end: number;
  read(offset: number): number;
  write(offset: number, value: number): void;
}

/**
 * Divides an access among the owners of its bytes, in ascending order.
 *
 * @param spans - the spans of the BAR, in ascending order
 * @returns the owner of all bytes, or `mixed`
 */
export function divide(
  spans: readonly BarSpan[],
  offset: number,
  bytes: Uint8Array,
  isWrite: boolean,
  serve: ServeBar,
): BarOwner {
  const end = offset + bytes.length;
  if (bytes.length === 0) return 'device';
  const touches = (span: BarSpan) => span.start < end && span.end > offset;
  if (!spans.some(touches)) {
    serve(offset, bytes);
    return 'device';
  }
  const touched = spans.filter(touches);
  const part = (from: number, to: number) => bytes.subarray(from - offset, to - offset);
  let at = offset;
  for (const span of touched) {
    if (span.start > at) serve(at, part(at, span.start));
    const from = Math.max(at, span.start);
    at = Math.min(end, span.end);
    access(span, from - span.start, part(from, at), isWrite);
  }
  if (at < end) serve(at, part(at, end));
  const [{ owner, start, end: last }] = touched as [BarSpan];
  return start <= offset && last >= end ? owner : 'mixed';
}

/**
 * Accesses the aligned dwords of a span. Reads of all other bytes return ones, and writes to all
 * other bytes are dropped.
 */
function access(span: BarSpan, offset: number, bytes: Uint8Array, isWrite: boolean): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (!isWrite) bytes.fill(0xff);
  for (let at = -offset & 3; at + 4 <= bytes.length; at += 4) {
    if (isWrite) span.write(offset + at, view.getUint32(at, true));
    else view.setUint32(at, span.read(offset + at), true);
  }
}
