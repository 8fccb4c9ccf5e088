import {
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_REQ_IRQ_INDEX,
} from '../contract/uapi.js';
import { Dispatcher } from './dispatcher.js';
import { Exclusive } from './exclusive.js';
import type { Handle } from './handle.js';
import { type HostRequest, HostRequestIndex } from './host-request.js';
import { createIntx, type Intx } from './intx.js';
import { Irq } from './irq.js';
import { createPoller, type Poller } from './poller.js';
import { type SingleIrq, SingleIrqIndex } from './single-irq.js';
import { createVectorIndex, type VectorIndex } from './vector-index.js';

/**
 * Closes the device when the host requests it, unless the program requests REQ.
 * @param closeDevice - called once the host requests the device
 */
export let answerHostRequests: (interrupts: Interrupts, closeDevice: () => void) => void;

/** Creates the {@link Interrupts} of a device. */
export let createInterrupts: (handle: Handle, numIrqs: number) => Interrupts;

/**
 * The interrupts of a device. All its vectors are watched together: the event loop is woken once
 * for however many were signalled, and calls their listeners.
 *
 * A listener that throws keeps no other vector from its turn; the exception is an uncaught one.
 */
export class Interrupts {
  /** The interrupt line. Of it, MSI and MSI-X one can be active. */
  readonly intx: Intx;
  /** Up to 32 vectors, enabled in one block. */
  readonly msi: VectorIndex;
  /** Up to 2048 vectors, one by one where the kernel can grow them. */
  readonly msix: VectorIndex;
  /** The device reported an error. */
  readonly err: SingleIrq;
  /** The host wants the device back. */
  readonly req: HostRequest;
  /**
   * Interrupt indexes beyond those of every PCI device, which a driver of the kernel for this device
   * has: for interrupt sources of its own, say. None with vfio-pci itself.
   */
  readonly deviceSpecific: readonly VectorIndex[];
  readonly #hostRequest: HostRequestIndex;
  readonly #handle: Handle;
  readonly #dispatcher: Dispatcher;

  static {
    createInterrupts = (handle, numIrqs) => new Interrupts(handle, numIrqs);
    answerHostRequests = (interrupts, closeDevice) => {
      interrupts.#hostRequest.answerBy(closeDevice);
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
      // A vector of REQ and the default that it takes over from are watched at once.
      () =>
        Math.max(intx.count, msi.count, msix.count) +
        [err, req, req, ...specific].reduce((sum, { count }) => sum + count, 0),
    );
    const exclusive = new Exclusive();
    this.#handle = handle;
    this.#dispatcher = dispatcher;
    this.intx = createIntx(handle, intx, exclusive, dispatcher);
    this.msi = createVectorIndex(handle, msi, exclusive, dispatcher);
    this.msix = createVectorIndex(handle, msix, exclusive, dispatcher);
    this.err = new SingleIrqIndex(handle, err, dispatcher);
    this.#hostRequest = new HostRequestIndex(handle, req, dispatcher);
    this.req = this.#hostRequest;
    this.deviceSpecific = specific.map((irq) =>
      createVectorIndex(handle, irq, new Exclusive(), dispatcher),
    );
  }

  /**
   * Takes the delivery of all interrupts of this device from the event loop, until the poller is
   * closed.
   *
   * @throws {@link VfioError} EBUSY if a poller is open already
   */
  poll(): Poller {
    return createPoller(this.#handle, this.#dispatcher);
  }
}
