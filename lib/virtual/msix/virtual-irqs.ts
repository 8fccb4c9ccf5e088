import { checkChoice, checkInstance, checkInteger, checkOptions } from '../../checks.js';
import { checkEventfd } from '../../contract/eventfd.js';
import type { InterruptFrontEnd } from '../../contract/front-end.js';
import type { Eventfd, IrqInfo, IrqSet } from '../../contract/index.js';
import type { Intx } from '../../contract/intx.js';
import { type IrqIndexes, validateIrqSet } from '../../contract/irq-request.js';
import type { MessageIndex } from '../../contract/message.js';
import type { Notification } from '../../contract/notification.js';
import {
  VFIO_IRQ_INFO_AUTOMASKED,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_MASKABLE,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_REQ_IRQ_INDEX,
} from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import type { AccessWidth } from '../store/guest-access.js';
import { checkConfigWrite } from './accesses.js';
import { MSIX_CAPABILITY_SIZE } from './capability.js';
import { MessageIrqs } from './message-irqs.js';
import { intxOf, VirtualIntx } from './virtual-intx.js';
import { VirtualMsi, writeUnderSetIrqs } from './virtual-msi.js';
import { VirtualMsix } from './virtual-msix.js';
import { notificationOf, VirtualReq } from './virtual-req.js';
import { deliveryOf } from './virtual-vectors.js';

/** The interrupts of {@link VirtualIrqs}. The device lacks an interrupt that is not given. */
export interface VirtualIrqsOptions {
  readonly intx?: VirtualIntx | undefined;
  readonly msi?: VirtualMsi | undefined;
  readonly msix?: VirtualMsix | undefined;
  /**
   * The device request of the virtual device. Without this option, a user can bind the REQ index,
   * but the virtual device never signals the index.
   */
  readonly req?: VirtualReq | undefined;
}

/**
 * The VFIO interface of a virtual device's interrupts: VFIO_DEVICE_GET_IRQ_INFO and
 * VFIO_DEVICE_SET_IRQS. The calls behave like the calls of vfio-pci in Linux 7.2, including the
 * errno of a failure. A VMM can therefore use a virtual device like a device that is bound to
 * vfio-pci. Enabling MSI or MSI-X masks every vector. Binding an eventfd unmasks the vector.
 * Unbinding masks the vector. The interrupts of a masked vector become pending. Only one of INTx,
 * MSI and MSI-X is enabled at a time.
 *
 * An eventfd must be an `Eventfd` object. A file descriptor number is refused with EBADF. The
 * function is not PCI Express, so the ERR index does not exist.
 *
 * @example
 * const irqs = new VirtualIrqs({ msi, msix });
 * irqs.setIrqs({ index: 2, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] });
 */
export class VirtualIrqs implements InterruptFrontEnd {
  readonly #indexes: IrqIndexes;
  readonly #vmsi: VirtualMsi | undefined;
  readonly #vmsix: VirtualMsix | undefined;
  readonly #vintx: VirtualIntx | undefined;
  readonly #intx: Intx<Eventfd> | null;
  readonly #msi: MessageIrqs | null;
  readonly #msix: MessageIrqs | null;
  readonly #req: Notification<Eventfd>;

  /**
   * @param interrupts - the interrupts of the virtual device, or only its MSI-X
   * @throws TypeError if an option is unknown or has a wrong type
   */
  constructor(interrupts: VirtualIrqsOptions | VirtualMsix) {
    const options = interrupts instanceof VirtualMsix ? { msix: interrupts } : interrupts;
    checkOptions(options, ['intx', 'msi', 'msix', 'req']);
    const { intx, msi, msix, req = new VirtualReq() } = options;
    if (intx !== undefined) checkInstance(intx, 'intx', VirtualIntx);
    if (msi !== undefined) checkInstance(msi, 'msi', VirtualMsi);
    if (msix !== undefined) checkInstance(msix, 'msix', VirtualMsix);
    checkInstance(req, 'req', VirtualReq);
    this.#vintx = intx;
    this.#vmsi = msi;
    this.#vmsix = msix;
    this.#intx = intx === undefined ? null : intxOf(intx);
    this.#msi = msi === undefined ? null : new MessageIrqs(deliveryOf(msi), false);
    this.#msix = msix === undefined ? null : new MessageIrqs(deliveryOf(msix), true);
    this.#req = notificationOf(req);
    this.#indexes = {
      indexes: VFIO_PCI_NUM_IRQS,
      vectors: (index) => this.#count(index),
      checkEventfd: (eventfd) => {
        checkEventfd(eventfd, 'eventfd');
      },
    };
  }

  /** {@inheritDoc InterruptFrontEnd.getIrqInfo} */
  getIrqInfo(index: number): IrqInfo {
    checkInteger(index, 'index', 0, 2 ** 32 - 1);
    if (index >= VFIO_PCI_NUM_IRQS || index === VFIO_PCI_ERR_IRQ_INDEX) {
      throw new VfioError({ code: 'EINVAL', syscall: 'VFIO_DEVICE_GET_IRQ_INFO' });
    }
    return { index, flags: this.#flags(index), count: this.#count(index) };
  }

  /**
   * Enables, binds, masks, triggers or disables interrupts: VFIO_DEVICE_SET_IRQS.
   *
   * @returns 0 on success. If the sources have too few vectors, returns the number of available
   *   vectors, and the index stays disabled.
   * @throws TypeError and RangeError if the fields do not fit into struct vfio_irq_set
   * @throws {@link VfioError} EINVAL, ENOTTY, ERANGE, EBUSY, EBADF, or the error of a source
   */
  setIrqs(set: IrqSet): number {
    const request = validateIrqSet(set, this.#indexes);
    const intx = this.#intx?.active === true;
    const msi = this.#msi?.active === true;
    const msix = this.#msix?.active === true;
    switch (request.index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        this.#intx?.set(request, !msi && !msix);
        return 0;
      case VFIO_PCI_MSI_IRQ_INDEX:
        return this.#msi?.set(request, !intx && !msix) ?? 0;
      case VFIO_PCI_MSIX_IRQ_INDEX:
        return this.#msix?.set(request, !intx && !msi) ?? 0;
      default:
        this.#req.set(request);
        return 0;
    }
  }

  /** {@inheritDoc InterruptFrontEnd.configRead} */
  configRead(capability: MessageIndex, offset: number, width: 1 | 2 | 4): number {
    return this.#capability(capability).configRead(offset, width);
  }

  /** {@inheritDoc InterruptFrontEnd.configWrite} */
  configWrite(capability: MessageIndex, offset: number, width: 1 | 2 | 4, value: number): void {
    const written = this.#capability(capability);
    if (written instanceof VirtualMsi) writeUnderSetIrqs(written, offset, width, value);
    else checkConfigWrite(offset, width, value, MSIX_CAPABILITY_SIZE);
  }

  /**
   * Reads the pending bits of MSI-X. An unaligned read, or a read of 1 or 2 bytes, returns all
   * ones.
   *
   * @throws {@link VfioError} ENOENT if the device lacks MSI-X
   */
  pbaRead(offset: number, width: 1 | 2 | 4): number;
  pbaRead(offset: number, width: 8): bigint;
  pbaRead(offset: number, width: AccessWidth): number | bigint {
    const msix = this.#vmsix ?? failAbsent('msix');
    return width === 8 ? msix.pbaRead(offset, 8) : msix.pbaRead(offset, width);
  }

  /**
   * Disables all indexes, unbinds all eventfds, and clears the messages, the mask bits, the pending
   * bits and the INTx disable bit. A VMM calls this method before another guest gets the device.
   */
  reset(): void {
    this.#intx?.disable();
    this.#vintx?.setDisabled(false);
    this.#msi?.disable();
    this.#vmsi?.reset();
    this.#msix?.disable();
    this.#vmsix?.reset();
    this.#req.clear();
  }

  #capability(capability: MessageIndex): VirtualMsi | VirtualMsix {
    checkChoice(capability, 'capability', ['msi', 'msix']);
    return (capability === 'msi' ? this.#vmsi : this.#vmsix) ?? failAbsent(capability);
  }

  #count(index: number): number {
    switch (index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        return this.#intx === null ? 0 : 1;
      case VFIO_PCI_MSI_IRQ_INDEX:
        return this.#msi?.vectors ?? 0;
      case VFIO_PCI_MSIX_IRQ_INDEX:
        return this.#msix?.vectors ?? 0;
      case VFIO_PCI_REQ_IRQ_INDEX:
        return 1;
      default:
        return 0;
    }
  }

  #flags(index: number): number {
    if (index === VFIO_PCI_INTX_IRQ_INDEX) {
      return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
    }
    const growable = index === VFIO_PCI_MSIX_IRQ_INDEX && this.#msix?.growable === true;
    return VFIO_IRQ_INFO_EVENTFD | (growable ? 0 : VFIO_IRQ_INFO_NORESIZE);
  }
}

function failAbsent(capability: MessageIndex): never {
  const name = capability === 'msi' ? 'MSI' : 'MSI-X';
  throw new VfioError({ code: 'ENOENT', message: `the virtual device has no ${name}` });
}
