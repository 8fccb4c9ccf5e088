import type { IrqInfo, IrqSet } from './index.js';
import type { MessageIndex } from './message.js';

/**
 * The interrupts of a virtual device, for the program that serves the device to a guest. Only
 * SET_IRQS enables and disables an interrupt index. A write to the configuration space changes the
 * Enable bit of no capability, as with vfio-pci.
 */
export interface InterruptFrontEnd {
  /**
   * VFIO_DEVICE_GET_IRQ_INFO. If the device lacks an interrupt, the number of vectors is 0.
   * @throws {@link VfioError} EINVAL for the index ERR of a function that is not PCI Express, and
   *   for an unknown index
   */
  getIrqInfo(index: number): IrqInfo;
  /**
   * VFIO_DEVICE_SET_IRQS.
   * @returns 0 on success. If too few vectors are available, the result is the number of available
   *   vectors, and the index stays disabled.
   */
  setIrqs(set: IrqSet): number;
  /**
   * Reads the MSI or MSI-X capability.
   * @param offset - bytes from the start of the capability
   * @throws {@link VfioError} ENOENT if the device lacks the capability
   */
  configRead(capability: MessageIndex, offset: number, width: 1 | 2 | 4): number;
  /**
   * Writes the MSI or MSI-X capability. The message, Multiple Message Enable and the mask bits of
   * MSI keep the written values. Writes to Enable, and all writes to MSI-X, are dropped.
   *
   * @param offset - bytes from the start of the capability
   * @throws {@link VfioError} ENOENT if the device lacks the capability
   */
  configWrite(capability: MessageIndex, offset: number, width: 1 | 2 | 4, value: number): void;
  /**
   * Reads the pending bits of MSI-X. An unaligned read, or a read of 1 or 2 bytes, returns all
   * ones.
   *
   * @param offset - bytes from the start of the pending bits
   * @throws {@link VfioError} ENOENT if the device lacks MSI-X
   */
  pbaRead(offset: number, width: 1 | 2 | 4): number;
  /** Reads 64 pending bits of MSI-X. An unaligned read returns all ones. */
  pbaRead(offset: number, width: 8): bigint;
  /**
   * Ends the use by one client: disables all indexes, unbinds all eventfds, and clears the messages,
   * mask bits and pending bits. The server calls this method after it has reset the device.
   */
  reset(): void;
}
