import type { PciDevice } from '../../device/device.js';
import type { MessageChange } from '../../device/index.js';
import type { MessageIndex } from '../../contract/message.js';
import {
  DeviceHostVectors,
  type DeviceHostVectorsOptions,
} from '../vectors/device-host-vectors.js';

/** Which vectors an interrupt message store takes its messages from. */
export interface MessageVectorsOptions extends Omit<
  DeviceHostVectorsOptions,
  'message' | 'index' | 'resets'
> {
  /** Default: MSI-X where its table can be read, else MSI, for which MSI_NOVIRT has to be on. */
  readonly index?: MessageIndex | undefined;
}

/**
 * Interrupts of the host for an {@link ImsDomain} of an opened device: its own vectors, whose
 * physical messages are read by `device.messages`. So an interrupt message store works from user
 * space, on any kernel for a device with an MSI-X table that can be mapped, and with MSI_NOVIRT for
 * one with MSI.
 *
 * @throws {@link VfioError} ENOTSUP where neither road is there, with the reason
 * @example
 * const hostVectors = messageVectors(device);
 * const domain = new ImsDomain({ layout, storage, hostVectors });
 */
export function messageVectors(
  device: PciDevice,
  { index, ...options }: MessageVectorsOptions = {},
): DeviceHostVectors {
  const { messages } = device;
  const chosen = index ?? (messages.support.msix.ready ? 'msix' : 'msi');
  messages.requireRoad(chosen);
  return new DeviceHostVectors(device.connection, {
    ...options,
    index: chosen,
    message: (vector) => messages.peek(chosen, vector),
    resets: (callback) => {
      const onChange = ({ reason }: MessageChange) => {
        if (reason === 'reset') callback();
      };
      messages.on('change', onChange);
      return () => messages.off('change', onChange);
    },
  });
}
