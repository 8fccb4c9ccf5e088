import { modelRegisters } from '../../hardware/model-registers.js';
import type { DeviceHost, DeviceLogic, Register } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';
import { CAPACITY, Disk } from './block.js';
import { QueueError, SplitQueue } from './queue.js';
import * as virtio from './registers.js';

const REQUIRED = (1n << virtio.VIRTIO_F_VERSION_1) | (1n << virtio.VIRTIO_F_ACCESS_PLATFORM);
const OFFERED = REQUIRED | (1n << virtio.VIRTIO_BLK_F_FLUSH);

/** A virtio block device with one split virtqueue. A disk in memory contains the sectors. */
export class VirtioBlock implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #host: DeviceHost;
  readonly #disk = new Disk();
  readonly #common = modelRegisters(virtio.COMMON);
  /** The features that the driver has accepted, in words of 32 bits. */
  readonly #accepted = new Uint32Array(2);
  #queue: SplitQueue | null = null;
  #isr = 0;

  constructor(host: DeviceHost) {
    this.#host = host;
    this.#connectFeatures();
    this.#connectStatus();
    this.#connectQueue();
    this.registers = { [virtio.BAR]: [...this.#common.registers, ...this.#otherRegisters()] };
  }

  reset(): void {
    this.#common.reset();
    this.#accepted.fill(0);
    this.#queue = null;
    this.#isr = 0;
    this.#host.setPin(false);
  }

  /** Section 4.1.4.3: a select register chooses 32 of the feature bits. */
  #connectFeatures(): void {
    const { regs } = this.#common;
    regs.device_feature.onRead(() => {
      const shift = 32n * BigInt(regs.device_feature_select.value);
      return Number(BigInt.asUintN(32, OFFERED >> shift));
    });
    regs.driver_feature.onRead(() => this.#accepted[regs.driver_feature_select.value] ?? 0);
    regs.driver_feature.onWrite((value) => {
      if (this.#has(virtio.VIRTIO_CONFIG_S_FEATURES_OK)) return;
      // A write to a word that does not exist has no effect.
      this.#accepted[regs.driver_feature_select.value] = value;
    });
  }

  #connectStatus(): void {
    const { device_status: status } = this.#common.regs;
    status.onWrite((value, before) => {
      if (value === 0) {
        this.reset();
        return;
      }
      // Only a reset clears bits of the status.
      status.value = value | before;
      const accepted = (BigInt(this.#accepted[1] ?? 0) << 32n) | BigInt(this.#accepted[0] ?? 0);
      const isAccepted = (accepted & ~OFFERED) === 0n && (accepted & REQUIRED) === REQUIRED;
      if (!isAccepted) status.value &= ~virtio.VIRTIO_CONFIG_S_FEATURES_OK;
    });
  }

  /** The device has only queue 0. The registers of all other queues read as 0. */
  #connectQueue(): void {
    const { regs } = this.#common;
    const isSelected = () => regs.queue_select.value === 0;
    for (const name of ['queue_size', 'queue_msix_vector', 'queue_enable'] as const) {
      const register = regs[name];
      register.onRead(() => (isSelected() ? register.value : 0));
      register.onWrite((value, before) => {
        if (!isSelected()) register.value = before;
        else if (name === 'queue_size' && !isQueueSize(value)) register.value = before;
        else if (name === 'queue_msix_vector' && value >= virtio.VECTORS)
          register.value = virtio.VIRTIO_MSI_NO_VECTOR;
        else if (name === 'queue_enable' && value === 1 && before === 0) this.#enableQueue();
      });
    }
    for (const name of ['queue_desc', 'queue_driver', 'queue_device'] as const) {
      const register = regs[name];
      register.onRead(() => (isSelected() ? register.value : 0n));
      register.onWrite((_, before) => {
        if (!isSelected() || this.#queue !== null) register.value = before;
      });
    }
    regs.config_msix_vector.onWrite((value) => {
      if (value >= virtio.VECTORS) regs.config_msix_vector.value = virtio.VIRTIO_MSI_NO_VECTOR;
    });
  }

  #otherRegisters(): Register[] {
    return [
      {
        offset: virtio.ISR,
        width: 1,
        name: 'isr',
        read: () => {
          const isr = this.#isr;
          this.#isr = 0;
          this.#host.setPin(false);
          return isr;
        },
      },
      { offset: virtio.DEVICE, width: 8, name: 'capacity', read: () => BigInt(CAPACITY) },
      {
        offset: virtio.NOTIFY,
        width: 2,
        name: 'notify',
        write: () => {
          this.#host.defer(() => {
            this.#process();
          });
        },
      },
    ];
  }

  #has(bit: number): boolean {
    return (this.#common.regs.device_status.value & bit) !== 0;
  }

  #enableQueue(): void {
    const { regs } = this.#common;
    this.#queue = new SplitQueue(this.#host, {
      size: regs.queue_size.value,
      descriptors: regs.queue_desc.value,
      available: regs.queue_driver.value,
      used: regs.queue_device.value,
    });
  }

  /** Runs all requests of the queue. */
  #process(): void {
    const isLive = this.#has(virtio.VIRTIO_CONFIG_S_DRIVER_OK);
    if (this.#queue === null || !isLive || this.#has(virtio.VIRTIO_CONFIG_S_NEEDS_RESET)) return;
    const queue = this.#queue;
    let any = false;
    try {
      for (let chain = queue.take(); chain !== null; chain = queue.take()) {
        queue.give(chain, this.#disk.run(this.#host, chain));
        any = true;
      }
      if (any && queue.wantsInterrupt) {
        this.#interrupt(this.#common.regs.queue_msix_vector.value, virtio.VIRTIO_PCI_ISR_QUEUE);
      }
    } catch (error) {
      if (!(error instanceof DmaFault || error instanceof QueueError)) throw error;
      this.#fail();
    }
  }

  /** Section 2.1.2: after an error in the queue, the driver must reset the device. */
  #fail(): void {
    const { regs } = this.#common;
    regs.device_status.value |= virtio.VIRTIO_CONFIG_S_NEEDS_RESET;
    this.#interrupt(regs.config_msix_vector.value, virtio.VIRTIO_PCI_ISR_CONFIG);
  }

  #interrupt(vector: number, cause: number): void {
    if (this.#host.messagesEnabled) {
      if (vector !== virtio.VIRTIO_MSI_NO_VECTOR) this.#host.signal(vector);
      return;
    }
    this.#isr |= cause;
    this.#host.setPin(true);
  }
}

function isQueueSize(value: number): boolean {
  return value > 0 && value <= virtio.QUEUE_SIZE_MAX && (value & (value - 1)) === 0;
}
