import { type DeviceHost } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';
import { MAX_TRANSFER_SHIFT } from './capabilities.js';
import type { WorkError } from './error-log.js';
import type { HandleKind } from './handles.js';
import * as dsa from './registers.js';

/** The submitter of a descriptor. The portal identifies the submitter. */
export interface Submitter {
  /** The index of the work queue. */
  readonly queue: number;
  readonly pasid: number | null;
  readonly kind: HandleKind;
}

/**
 * Returns a function that raises the interrupt of a handle. Returns null if the submitter is not
 * allowed to raise this interrupt.
 */
export type Resolve = (handle: number, submitter: Submitter) => (() => void) | null;

/** Resolves the interrupt of a descriptor, and receives the errors that no record contains. */
export interface WorkEvents {
  readonly resolve: Resolve;
  readonly report: (error: WorkError) => void;
}

/**
 * Executes a descriptor: runs the operation, writes the completion record and raises the interrupt.
 */
export function execute(
  host: DeviceHost,
  bytes: Uint8Array,
  submitter: Submitter,
  { resolve, report }: WorkEvents,
): void {
  const descriptor = new DataView(bytes.buffer, bytes.byteOffset);
  const flags = descriptor.getUint32(4, true) & 0xff_ffff;
  const wanted = (flags & dsa.IDXD_OP_FLAG_RCI) !== 0;
  const interrupt = wanted ? resolve(descriptor.getUint16(36, true), submitter) : null;
  const options = { pasid: submitter.pasid ?? undefined };
  let status = dsa.DSA_COMP_INT_HANDLE_INVAL;
  if (!wanted || interrupt !== null) status = operate(host, descriptor, options);
  const failed = status !== dsa.DSA_COMP_SUCCESS;
  const error = { ...submitter, operation: descriptor.getUint8(7) };
  const hasRecord = (flags & dsa.IDXD_OP_FLAG_CRAV) !== 0;
  if (hasRecord && (failed || (flags & dsa.IDXD_OP_FLAG_RCR) !== 0)) {
    const record = new Uint8Array(dsa.COMPLETION_SIZE);
    record[0] = status;
    const done = failed ? 0 : descriptor.getUint32(32, true);
    new DataView(record.buffer).setUint32(4, done, true);
    const address = descriptor.getBigUint64(8, true);
    try {
      host.dmaWrite(address, record, options);
    } catch (fault) {
      if (!(fault instanceof DmaFault)) throw fault;
      report({ ...error, status: dsa.DSA_COMP_CRA_XLAT, address, record });
    }
  } else if (failed) {
    report({ ...error, status, address: 0n, record: null });
  }
  interrupt?.();
}

function operate(host: DeviceHost, descriptor: DataView, options: { pasid: number | undefined }) {
  const source = descriptor.getBigUint64(16, true);
  const destination = descriptor.getBigUint64(24, true);
  const size = descriptor.getUint32(32, true);
  const opcode = descriptor.getUint8(7);
  if (opcode === dsa.DSA_OPCODE_NOOP || opcode === dsa.DSA_OPCODE_DRAIN)
    return dsa.DSA_COMP_SUCCESS;
  if (opcode !== dsa.DSA_OPCODE_MEMMOVE && opcode !== dsa.DSA_OPCODE_MEMFILL) {
    return dsa.DSA_COMP_BAD_OPCODE;
  }
  if (size === 0 || size > 2 ** MAX_TRANSFER_SHIFT) return dsa.DSA_COMP_XFER_ERANGE;
  const data = new Uint8Array(size);
  try {
    if (opcode === dsa.DSA_OPCODE_MEMMOVE) host.dmaRead(source, data, options);
    // In a MEMFILL descriptor, the fill pattern is at the offset of the source address.
    else data.forEach((_, i) => (data[i] = descriptor.getUint8(16 + (i & 7))));
    host.dmaWrite(destination, data, options);
  } catch (error) {
    if (error instanceof DmaFault) return dsa.DSA_COMP_PAGE_FAULT_NOBOF;
    throw error;
  }
  return dsa.DSA_COMP_SUCCESS;
}
