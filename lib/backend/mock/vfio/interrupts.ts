import type { IrqInfo, IrqSet } from '../../../contract/index.js';
import type { Intx } from '../../../contract/intx.js';
import { validateIrqSet } from '../../../contract/irq-request.js';
import { Notification } from '../../../contract/notification.js';
import {
  VFIO_IRQ_INFO_AUTOMASKED,
  VFIO_IRQ_INFO_EVENTFD,
  VFIO_IRQ_INFO_MASKABLE,
  VFIO_IRQ_INFO_NORESIZE,
  VFIO_PCI_ERR_IRQ_INDEX,
  VFIO_PCI_INTX_IRQ_INDEX,
  VFIO_PCI_MSIX_IRQ_INDEX,
  VFIO_PCI_MSI_IRQ_INDEX,
  VFIO_PCI_NUM_IRQS,
  VFIO_PCI_REQ_IRQ_INDEX,
} from '../../../contract/uapi.js';
import { fail } from '../machine/errno.js';
import { irqEventfds, type MockEventfd, signalledEventfd } from '../machine/eventfd.js';
import type { HardwareFunction } from '../hardware/function.js';
import type { HostInterrupts } from '../machine/interrupts.js';
import type { SourceRegisters } from '../hardware/model.js';
import type { Profile } from '../machine/profile.js';
import type { ConfigSpace } from './config-space.js';
import { mockIntx } from './intx.js';
import { MessageInterrupts } from './message-interrupts.js';
import { msiSource, msixSource, privateSource, type MessageSource } from './message-source.js';

/**
 * Interrupt index for the device's private interrupt sources. This index follows the standard
 * interrupt indexes of PCI devices.
 */
const PRIVATE_SOURCES = VFIO_PCI_NUM_IRQS;

/** Implements GET_IRQ_INFO and SET_IRQS for all interrupt indexes of a device. */
export class Interrupts {
  readonly #config: ConfigSpace;
  readonly #hasErr: boolean;
  readonly #msiSource: MessageSource | null;
  readonly #msixSource: MessageSource | null;
  readonly intx: Intx<MockEventfd>;
  readonly #msi: MessageInterrupts | null;
  readonly #msix: MessageInterrupts | null;
  readonly #error: Notification<MockEventfd>;
  readonly #request: Notification<MockEventfd>;
  /** Private interrupt sources of the device. Null if no variant driver is bound. */
  readonly #private: MessageInterrupts | null;
  readonly #privateSource: MessageSource | null;

  constructor(
    hardware: HardwareFunction,
    config: ConfigSpace,
    host: HostInterrupts,
    { dynamicMsix, errOfConventional, strictDescriptor, variant }: Profile,
    sources: SourceRegisters | undefined,
  ) {
    const { msi } = hardware;
    const msix = hardware.capability('msix');
    this.#config = config;
    this.#hasErr = errOfConventional || hardware.capability('pcie') !== null;
    this.#msiSource = msi === null ? null : msiSource(hardware, msi);
    this.#msixSource =
      msix === null || hardware.msix === null
        ? null
        : msixSource(hardware, msix, hardware.msix, dynamicMsix);
    this.intx = mockIntx(hardware, () => config.intxDisabled);
    const messages = (source: MessageSource | null) =>
      source === null ? null : new MessageInterrupts(source, host, hardware, !dynamicMsix);
    this.#msi = messages(this.#msiSource);
    this.#msix = messages(this.#msixSource);
    this.#privateSource =
      variant && sources !== undefined ? privateSource(hardware, sources) : null;
    this.#private = messages(this.#privateSource);
    this.#error = new Notification(irqEventfds, strictDescriptor);
    this.#request = new Notification(irqEventfds, strictDescriptor);
  }

  /**
   * Number of interrupt indexes: the standard indexes of PCI devices and, with a variant driver,
   * one index for private interrupt sources.
   */
  get indexes(): number {
    return VFIO_PCI_NUM_IRQS + (this.#private === null ? 0 : 1);
  }

  get msiActive(): boolean {
    return this.#msi?.active === true;
  }

  /** log2 of the number of vectors of the last SET_IRQS that enabled MSI. */
  get msiQueueSize(): number {
    return Math.ceil(Math.log2(this.#msi?.enabledWith ?? 1));
  }

  info(index: number): IrqInfo {
    const absent = index === VFIO_PCI_ERR_IRQ_INDEX && !this.#hasErr;
    if (index >= this.indexes || absent) fail('EINVAL', 'VFIO_DEVICE_GET_IRQ_INFO');
    return { index, flags: this.#flags(index), count: this.#count(index) };
  }

  set(set: IrqSet): number {
    const request = validateIrqSet(set, {
      indexes: this.indexes,
      vectors: (index) => this.#count(index),
      checkEventfd: signalledEventfd,
    });
    switch (request.index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        this.intx.set(request, !this.#anyMessages());
        return 0;
      case VFIO_PCI_MSI_IRQ_INDEX:
        return this.#msi?.set(request, !this.intx.active && this.#msix?.active !== true) ?? 0;
      case VFIO_PCI_MSIX_IRQ_INDEX:
        return this.#msix?.set(request, !this.intx.active && !this.msiActive) ?? 0;
      case VFIO_PCI_ERR_IRQ_INDEX:
        this.#error.set(request);
        return 0;
      case VFIO_PCI_REQ_IRQ_INDEX:
        this.#request.set(request);
        return 0;
      default:
        return this.#private?.set(request, true) ?? 0;
    }
  }

  /**
   * Signals the eventfd of the ERR index (device error) or of the REQ index (device request of the
   * host).
   */
  notify(index: typeof VFIO_PCI_ERR_IRQ_INDEX | typeof VFIO_PCI_REQ_IRQ_INDEX): void {
    if (index === VFIO_PCI_ERR_IRQ_INDEX) this.#error.raise();
    else this.#request.raise();
  }

  /** Whether the host has a handler for a vector at present. */
  serves(index: number, vector: number): boolean {
    switch (index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        return vector === 0 && this.intx.active;
      case VFIO_PCI_MSI_IRQ_INDEX:
        return this.#msi?.serves(vector) === true;
      case VFIO_PCI_MSIX_IRQ_INDEX:
        return this.#msix?.serves(vector) === true;
      case PRIVATE_SOURCES:
        return this.#private?.serves(vector) === true;
      default:
        return false;
    }
  }

  /** Restores the interrupt configuration of SET_IRQS after a reset of the function. */
  restore(): void {
    this.#msi?.restore();
    this.#msix?.restore();
    this.#private?.restore();
  }

  /** Disables an interrupt index. If the index is not enabled, the call has no effect. */
  disable(index: number): void {
    if (index === VFIO_PCI_INTX_IRQ_INDEX) this.intx.disable();
    else if (index === VFIO_PCI_MSI_IRQ_INDEX) this.#msi?.disable();
    else if (index === VFIO_PCI_MSIX_IRQ_INDEX) this.#msix?.disable();
    else if (index === VFIO_PCI_ERR_IRQ_INDEX) this.#error.clear();
    else if (index === VFIO_PCI_REQ_IRQ_INDEX) this.#request.clear();
    else if (index === PRIVATE_SOURCES) this.#private?.disable();
  }

  close(): void {
    this.intx.disable();
    this.#msi?.disable();
    this.#msix?.disable();
    this.#private?.disable();
    this.#error.clear();
    this.#request.clear();
  }

  #anyMessages(): boolean {
    return this.msiActive || this.#msix?.active === true;
  }

  #count(index: number): number {
    switch (index) {
      case VFIO_PCI_INTX_IRQ_INDEX:
        return this.#config.interruptPin === 0 ? 0 : 1;
      case VFIO_PCI_MSI_IRQ_INDEX:
        return this.#msiSource?.vectors ?? 0;
      case VFIO_PCI_MSIX_IRQ_INDEX:
        return this.#msixSource?.vectors ?? 0;
      case VFIO_PCI_ERR_IRQ_INDEX:
        return this.#hasErr ? 1 : 0;
      case VFIO_PCI_REQ_IRQ_INDEX:
        return 1;
      default:
        return this.#privateSource?.vectors ?? 0;
    }
  }

  #flags(index: number): number {
    if (index === VFIO_PCI_INTX_IRQ_INDEX) {
      return VFIO_IRQ_INFO_EVENTFD | VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED;
    }
    const growable =
      (index === VFIO_PCI_MSIX_IRQ_INDEX && this.#msixSource?.growable === true) ||
      index === PRIVATE_SOURCES;
    return VFIO_IRQ_INFO_EVENTFD | (growable ? 0 : VFIO_IRQ_INFO_NORESIZE);
  }
}
