import { VfioError } from '../errors.js';
import { PAGE_SIZE } from '../checks.js';
import { MAX_DMA_MAPS, MAX_FDS, MAX_TRANSFER } from './protocol.js';

const MAJOR = 0;
/** The newest minor version that this library knows. */
const MINOR = 1;
/** Bytes of the largest access to a register. */
const MIN_TRANSFER = 8;

/** The properties of one side of a connection. Absent properties have their default values. */
export interface Capabilities {
  /** The largest number of descriptors in one message that this side receives. */
  readonly maxFds: number;
  /** The largest number of bytes of one transfer that this side accepts. */
  readonly maxTransfer: number;
  /** Whether this side knows VFIO_USER_REGION_WRITE_MULTI. */
  readonly writeMultiple: boolean;
}

/** A VFIO_USER_VERSION message without its header. */
export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly capabilities: Capabilities;
}

/**
 * Parses the version and the capabilities that the peer sent. Unknown capabilities are ignored.
 *
 * @param data - the bytes after the version numbers: JSON that ends with NUL, or nothing
 * @throws {@link VfioError} EINVAL if the data are not JSON, or if a value has a wrong type
 */
export function parseVersion(major: number, minor: number, data: Uint8Array): Version {
  const capabilities = parseCapabilities(data);
  return {
    major,
    minor,
    capabilities: {
      maxFds: numberOf(capabilities.max_msg_fds, 'max_msg_fds', 1),
      maxTransfer: numberOf(capabilities.max_data_xfer_size, 'max_data_xfer_size', MAX_TRANSFER),
      writeMultiple: capabilities.write_multiple === true,
    },
  };
}

/**
 * Returns the version with which a server answers.
 *
 * @throws {@link VfioError} ENOTSUP if the client has another major version
 */
export function answerVersion({ major, minor, capabilities }: Version): Version {
  if (major !== MAJOR) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: `the client speaks version ${major}.${minor} of the protocol, not ${MAJOR}`,
    });
  }
  return {
    major,
    minor: Math.min(minor, MINOR),
    capabilities: {
      maxFds: MAX_FDS,
      maxTransfer: MAX_TRANSFER,
      writeMultiple: capabilities.writeMultiple,
    },
  };
}

/** The version that a client proposes. */
export const PROPOSAL: Version = {
  major: MAJOR,
  minor: MINOR,
  capabilities: { maxFds: MAX_FDS, maxTransfer: MAX_TRANSFER, writeMultiple: false },
};

/**
 * Checks the version with which a server answers.
 *
 * @returns the capabilities that both sides have
 * @throws {@link VfioError} ENOTSUP for another version; EINVAL if the server accepts no descriptor,
 *   or no transfer of 8 bytes
 */
export function acceptAnswer({ major, minor, capabilities }: Version): Capabilities {
  if (major !== MAJOR || minor > MINOR) {
    throw new VfioError({
      code: 'ENOTSUP',
      message: `the server speaks version ${major}.${minor} of the protocol, not ${MAJOR}.${MINOR}`,
    });
  }
  const { maxFds, maxTransfer } = capabilities;
  if (maxFds < 1) throw invalid(`max_msg_fds is ${maxFds}, and must be at least 1`);
  if (maxTransfer < MIN_TRANSFER) {
    throw invalid(`max_data_xfer_size is ${maxTransfer}, and must be at least ${MIN_TRANSFER}`);
  }
  return {
    maxFds: Math.min(maxFds, MAX_FDS),
    maxTransfer: Math.min(maxTransfer, MAX_TRANSFER),
    writeMultiple: false,
  };
}

/** Returns the JSON text of the capabilities, with NUL at the end. */
export function formatCapabilities(own: Capabilities): Uint8Array {
  const capabilities = {
    max_msg_fds: own.maxFds,
    max_data_xfer_size: own.maxTransfer,
    max_dma_maps: MAX_DMA_MAPS,
    pgsizes: PAGE_SIZE,
    ...(own.writeMultiple ? { write_multiple: true } : {}),
  };
  return Buffer.from(`${JSON.stringify({ capabilities })}\0`);
}

function parseCapabilities(data: Uint8Array): Readonly<Record<string, unknown>> {
  const end = data.indexOf(0);
  const text = Buffer.from(end < 0 ? data : data.subarray(0, end)).toString();
  if (text === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid('the capabilities are not JSON', cause);
  }
  const { capabilities = {} } = asObject(value);
  return asObject(capabilities);
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null)
    throw invalid('the capabilities are not an object');
  return value as Record<string, unknown>;
}

function numberOf(value: unknown, name: string, usual: number): number {
  if (value === undefined) return usual;
  if (!Number.isSafeInteger(value) || (value as number) < 0) {
    throw invalid(`${name} must be an integer of 0 or more`);
  }
  return value as number;
}

function invalid(message: string, cause?: unknown): VfioError {
  return new VfioError({ code: 'EINVAL', message, cause });
}
