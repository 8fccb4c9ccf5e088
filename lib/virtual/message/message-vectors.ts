import { checkChoice, checkOptions } from '../../checks.js';
import type { PciDevice } from '../../device/device.js';
import type { MessageChange } from '../../device/index.js';
import { requireMethod } from '../../device/messages/messages.js';
import type { MessageIndex } from '../../contract/message.js';
import {
  DeviceHostVectors,
  type DeviceHostVectorsOptions,
} from '../vectors/device-host-vectors.js';
import { checkDevice } from './checks.js';

/** Options of {@link messageVectors}. */
export interface MessageVectorsOptions extends Omit<
  DeviceHostVectorsOptions,
  'message' | 'index' | 'resets'
> {
  /**
   * Interrupt index of the vectors. Default: MSI-X if the MSI-X table can be read, else MSI. MSI
   * needs a kernel that is patched with `VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT`.
   */
  readonly index?: MessageIndex | undefined;
}

/**
 * Returns the host vectors for an {@link ImsDomain} of an open device. The host vectors are vectors
 * of the device itself. `device.messages` reads the physical messages of these vectors, so an
 * interrupt message store works from user space. MSI-X vectors need an MSI-X table that can be
 * mapped. MSI vectors need a kernel that is patched with `VFIO_DEVICE_FEATURE_PCI_MSI_NOVIRT`.
 *
 * @throws {@link VfioError} ENOTSUP, with the reason, if the messages of the device cannot be read
 * @example
 * const hostVectors = messageVectors(device);
 * const domain = new ImsDomain({ layout, storage, hostVectors });
 */
export function messageVectors(
  device: PciDevice,
  options: MessageVectorsOptions = {},
): DeviceHostVectors {
  checkDevice(device);
  checkOptions(options, ['index', 'first', 'count']);
  const { index, ...rest } = options;
  if (index !== undefined) checkChoice(index, 'index', ['msi', 'msix']);
  const { messages } = device;
  const chosen = index ?? (messages.support.msix.ready ? 'msix' : 'msi');
  requireMethod(messages, chosen);
  return new DeviceHostVectors(device.connection, {
    ...rest,
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
