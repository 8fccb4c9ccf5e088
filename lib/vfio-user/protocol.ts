/**
 * The constants of the vfio-user protocol (docs/interop/vfio-user.rst of QEMU). The names are the
 * names of libvfio-user and QEMU.
 */

export const VFIO_USER_VERSION = 1;
export const VFIO_USER_DMA_MAP = 2;
export const VFIO_USER_DMA_UNMAP = 3;
export const VFIO_USER_DEVICE_GET_INFO = 4;
export const VFIO_USER_DEVICE_GET_REGION_INFO = 5;
export const VFIO_USER_DEVICE_GET_IRQ_INFO = 7;
export const VFIO_USER_DEVICE_SET_IRQS = 8;
export const VFIO_USER_REGION_READ = 9;
export const VFIO_USER_REGION_WRITE = 10;
export const VFIO_USER_DMA_READ = 11;
export const VFIO_USER_DMA_WRITE = 12;
export const VFIO_USER_DEVICE_RESET = 13;
export const VFIO_USER_REGION_WRITE_MULTI = 15;
export const VFIO_USER_DEVICE_FEATURE = 16;

/** The names of all commands by number, without the prefix VFIO_USER_. */
const COMMAND_NAMES = [
  ...['', 'VERSION', 'DMA_MAP', 'DMA_UNMAP', 'DEVICE_GET_INFO', 'DEVICE_GET_REGION_INFO'],
  ...['DEVICE_GET_REGION_IO_FDS', 'DEVICE_GET_IRQ_INFO', 'DEVICE_SET_IRQS', 'REGION_READ'],
  ...['REGION_WRITE', 'DMA_READ', 'DMA_WRITE', 'DEVICE_RESET', 'DIRTY_PAGES'],
  ...['REGION_WRITE_MULTI', 'DEVICE_FEATURE', 'MIG_DATA_READ', 'MIG_DATA_WRITE'],
];

/** Returns the name of a command, for example `'VFIO_USER_DMA_MAP'`. */
export function commandName(command: number): string {
  const name = COMMAND_NAMES[command];
  return name === undefined || name === '' ? `command ${command}` : `VFIO_USER_${name}`;
}

/** Bits 0 to 3 of the header's flags: the type of the message. */
export const VFIO_USER_TYPE = 0xf;
export const VFIO_USER_COMMAND = 0;
export const VFIO_USER_REPLY = 1;
/** The sender of a command wants no reply. */
export const VFIO_USER_NO_REPLY = 0x10;
/** A reply reports an error. */
export const VFIO_USER_ERROR = 0x20;

/** Bytes of the header: id u16, command u16, size u32, flags u32, error u32. */
export const HEADER_SIZE = 16;
/** The largest number of bytes that one message reads from or writes to a region or to memory. */
export const MAX_TRANSFER = 2 ** 20;
/** The largest number of bytes of a command before the data of a transfer. */
const MAX_FIELDS = 64;
/** The largest message. */
export const MAX_MESSAGE = HEADER_SIZE + MAX_FIELDS + MAX_TRANSFER;
/** The largest number of descriptors in one message. QEMU refuses a device that announces more. */
export const MAX_FDS = 16;
/** The largest number of DMA mappings of a client. QEMU accepts no larger number. */
export const MAX_DMA_MAPS = 65535;
