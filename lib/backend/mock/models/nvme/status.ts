/**
 * Status codes. Bits 10:8 contain the status code type (base specification 1.4, figures 126 to
 * 129).
 */
export const Status = {
  SUCCESS: 0x000,
  INVALID_OPCODE: 0x001,
  INVALID_FIELD: 0x002,
  DATA_TRANSFER_ERROR: 0x004,
  ABORT_REQUESTED: 0x007,
  INVALID_NAMESPACE: 0x00b,
  COMMAND_SEQUENCE_ERROR: 0x00c,
  PRP_OFFSET_INVALID: 0x013,
  LBA_OUT_OF_RANGE: 0x080,
  COMPLETION_QUEUE_INVALID: 0x100,
  INVALID_QUEUE_ID: 0x101,
  INVALID_QUEUE_SIZE: 0x102,
  ASYNC_EVENT_LIMIT_EXCEEDED: 0x105,
  INVALID_INTERRUPT_VECTOR: 0x108,
  INVALID_QUEUE_DELETION: 0x10c,
  FEATURE_NOT_SAVEABLE: 0x10d,
  FEATURE_NOT_CHANGEABLE: 0x10e,
  FEATURE_NOT_NAMESPACE_SPECIFIC: 0x10f,
} as const;

/** The Do Not Retry bit: bit 14 of a status without the phase tag. */
const DNR = 0x4000;

/** An error that ends a command. The error contains the status for the completion. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly status: number;
  /** Dword 0 of the completion. */
  readonly result: number;

  constructor(status: number, result = 0) {
    super(`status 0x${status.toString(16)}`);
    this.status = status;
    this.result = result;
  }
}

/** Fails a command with the given status and the Do Not Retry bit. */
export function refuse(status: number, result = 0): never {
  throw new CommandFailure(status | DNR, result);
}
