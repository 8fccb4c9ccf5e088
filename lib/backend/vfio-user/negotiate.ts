import type { DeviceInfo } from '../../contract/index.js';
import { VFIO_DEVICE_FLAGS_PCI, VFIO_PCI_CONFIG_REGION_INDEX } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import { VFIO_USER_DEVICE_GET_INFO, VFIO_USER_VERSION } from '../../vfio-user/protocol.js';
import type { ReceivedMessages } from '../../vfio-user/received-messages.js';
import {
  acceptAnswer,
  type Capabilities,
  formatCapabilities,
  parseVersion,
  PROPOSAL,
} from '../../vfio-user/version.js';
import type { Session } from './session.js';

/** Bytes of the major and the minor version. */
export const VERSION_SIZE = 4;
/** Bytes of struct vfio_device_info. */
export const INFO_SIZE = 16;
/** The largest number of region indexes and of interrupt indexes. */
const MAX_INDEXES = 256;

/** The properties of a server and of its device. */
export interface Negotiated {
  /** For example `'0.1'`. */
  readonly version: string;
  readonly capabilities: Capabilities;
  readonly info: DeviceInfo;
}

/** Starts the command that proposes a version. */
export function startVersion(session: Session): void {
  const { major, minor, capabilities } = PROPOSAL;
  const text = formatCapabilities(capabilities);
  const draft = session.start(VFIO_USER_VERSION, VERSION_SIZE + text.length);
  draft.setU16(0, major).setU16(2, minor).setBytes(VERSION_SIZE, text);
}

/** Reads the version of the server. @throws {@link VfioError} ENOTSUP or EINVAL */
export function readVersion(reply: ReceivedMessages): Omit<Negotiated, 'info'> {
  const [major, minor] = [reply.u16(0), reply.u16(2)];
  const text = reply.bytes(VERSION_SIZE, reply.payloadSize - VERSION_SIZE);
  const capabilities = acceptAnswer(parseVersion(major, minor, text));
  return { version: `${major}.${minor}`, capabilities };
}

export function startInfo(session: Session): void {
  const draft = session.start(VFIO_USER_DEVICE_GET_INFO, INFO_SIZE);
  draft.setU32(0, INFO_SIZE).setU32(4, 0).setU32(8, 0).setU32(12, 0);
}

/** @throws {@link VfioError} ENODEV for another kind of device; EPROTO for impossible numbers */
export function readInfo(reply: ReceivedMessages): DeviceInfo {
  const [flags, numRegions, numIrqs] = [reply.u32(4), reply.u32(8), reply.u32(12)];
  if ((flags & VFIO_DEVICE_FLAGS_PCI) === 0) {
    throw new VfioError({
      code: 'ENODEV',
      message: 'the device of the server is not a PCI device',
    });
  }
  const isPossible =
    numRegions > VFIO_PCI_CONFIG_REGION_INDEX &&
    numRegions <= MAX_INDEXES &&
    numIrqs <= MAX_INDEXES;
  if (isPossible) return { flags, numRegions, numIrqs };
  throw new VfioError({
    code: 'EPROTO',
    message: `the server announces ${numRegions} regions and ${numIrqs} interrupts`,
  });
}
