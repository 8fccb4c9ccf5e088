import {
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_REQ_IRQ_INDEX,
} from '../contract/uapi.js';
import { Dispatcher } from './dispatcher.js';
import { ExclusiveIrq } from './exclusive-irq.js';
import type { Handle } from './handle.js';
import { type HostRequest, HostRequestIndex } from './host-request.js';
import { createIntx, type Intx } from './intx.js';
import { Irq } from './irq.js';
import { createPoller, type Poller } from './poller.js';
import { type SingleIrq, SingleIrqIndex } from './single-irq.js';
import { createVectorIndex, type VectorIndex } from './vector-index.js';

/**
 * Closes the device when the host requests it back, unless the program has a REQ vector.
 * @param closeDevice - called when the host requests the device back
 */
export let closeOnRequest: (interrupts: Interrupts, closeDevice: () => void) => void;

/** Creates the {@link Interrupts} of a device. */
export let createInterrupts: (handle: Handle, numIrqs: number) => Interrupts;

/**
 * The interrupts of a device. One event set watches all vectors of the device. The event loop wakes
 * once for any number of signalled vectors and calls their listeners.
 *
 * If a listener throws, the listeners of the other vectors still run. The error becomes an uncaught
 * exception.
 */
export class Interrupts {
  /** The interrupt line. Only one of INTx, MSI and MSI-X can be active at a time. */
  readonly intx: Intx;
  /** MSI: up to 32 vectors, which are all enabled together. */
  readonly msi: VectorIndex;
  /**
   * MSI-X: up to 2048 vectors. If `msix.noresize` is false, the kernel can add vectors one by one.
   */
  readonly msix: VectorIndex;
  /** ERR: raised when the device reports an uncorrectable error (AER). */
  readonly err: SingleIrq;
  /** REQ: raised when the host requests the device back. */
  readonly req: HostRequest;
  /**
   * Interrupt indexes above REQ. A vendor's VFIO driver can add such indexes; vfio-pci adds none.
   */
  readonly deviceSpecific: readonly VectorIndex[];
  readonly #hostRequest: HostRequestIndex;
  readonly #handle: Handle;
  readonly #dispatcher: Dispatcher;

  static {
    createInterrupts = (handle, numIrqs) => new Interrupts(handle, numIrqs);
    closeOnRequest = (interrupts, closeDevice) => {
      interrupts.#hostRequest.enableDefault(closeDevice);
    };
  }

  private constructor(handle: Handle, numIrqs: number) {
    const intx = new Irq(handle, 'intx', VFIO_PCI_INTX_IRQ_INDEX);
    const msi = new Irq(handle, 'msi', VFIO_PCI_MSI_IRQ_INDEX);
    const msix = new Irq(handle, 'msix', VFIO_PCI_MSIX_IRQ_INDEX);
    const err = new Irq(handle, 'err', VFIO_PCI_ERR_IRQ_INDEX);
    const req = new Irq(handle, 'req', VFIO_PCI_REQ_IRQ_INDEX);
    const specific = Array.from(
      { length: Math.max(numIrqs - VFIO_PCI_NUM_IRQS, 0) },
      (_, i) => new Irq(handle, `deviceSpecific[${i}]`, VFIO_PCI_NUM_IRQS + i),
    );
    const dispatcher = new Dispatcher(
      handle,
      // REQ counts twice: a new REQ vector is watched before the default vector is released.
      () =>
        Math.max(intx.count, msi.count, msix.count) +
        [err, req, req, ...specific].reduce((sum, { count }) => sum + count, 0),
    );
    const exclusive = (irq: Irq) => new ExclusiveIrq(handle, irq);
    this.#handle = handle;
    this.#dispatcher = dispatcher;
    this.intx = createIntx(handle, intx, exclusive(intx), dispatcher);
    this.msi = createVectorIndex(handle, msi, exclusive(msi), dispatcher);
    this.msix = createVectorIndex(handle, msix, exclusive(msix), dispatcher);
    this.err = new SingleIrqIndex(handle, err, dispatcher);
    this.#hostRequest = new HostRequestIndex(handle, req, dispatcher);
    this.req = this.#hostRequest;
    this.deviceSpecific = specific.map((irq) =>
      createVectorIndex(handle, irq, exclusive(irq), dispatcher),
    );
  }

  /**
   * Opens a poller. Until the poller is closed, the poller delivers all interrupts of this device.
   * The event loop delivers no interrupt of this device during that time.
   *
   * @throws {@link VfioError} EBUSY if a poller of this device is already open
   */
  poll(): Poller {
    return createPoller(this.#handle, this.#dispatcher);
  }
}
