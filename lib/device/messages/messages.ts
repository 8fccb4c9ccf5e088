import { EventEmitter } from 'node:events';
import { VfioError } from '../../errors.js';
import { checkChoice, checkInteger } from '../../checks.js';
import type { ConfigSpace } from '../config.js';
import type { Handle } from '../handle.js';
import type { Interrupts } from '../interrupts.js';
import type { Region } from '../region.js';
import { isRemapped, type MessageMethod, type PhysicalMessage } from './message.js';
import { MappedMsix } from '../../contract/mapped-msix.js';
import { type MessageIndex, type Message, readStable } from '../../contract/message.js';
import { createNovirt, type Novirt, NOVIRT_HINT } from './novirt.js';

/** Registers of the MSI capability, in bytes from its start (PCI, section 6.8.1). */
const MSI_ADDRESS = 4;
const MSI_ADDRESS_HIGH = 8;
const MSI_DATA_32 = 8;
const MSI_DATA_64 = 12;

/** Whether and how the messages of an interrupt index can be read. */
export interface MessageSupport {
  /** The method that reads the messages, or null if no method works. */
  readonly method: MessageMethod | null;
  /** Whether messages can be read now. */
  readonly ready: boolean;
  /** The reason why messages cannot be read now, or null if `ready` is true. */
  readonly reason: string | null;
}

/** Reports a change. A message that was read before this change can be out of date. */
export interface MessageChange {
  readonly reason: 'requested' | 'released' | 'reset';
  /** The interrupt index, or null if any of the messages can have changed. */
  readonly index: MessageIndex | null;
  /** Number of the vector, or null if any of the messages can have changed. */
  readonly vector: number | null;
}

/** Events of {@link Messages}. */
export interface MessagesEvents {
  /** A vector was requested or released, or the device was reset. */
  change: [change: MessageChange];
}

/** The parts of a device that {@link Messages} uses. */
export interface MessagesContext {
  readonly handle: Handle;
  readonly config: ConfigSpace;
  readonly interrupts: Interrupts;
  readonly region: (index: number) => Region;
}

/**
 * Returns the method that can read messages of an interrupt index now.
 * @throws {@link VfioError} ENOTSUP if messages cannot be read now
 */
export let requireMethod: (messages: Messages, index: MessageIndex) => MessageMethod;

/** Creates the {@link Messages} of a device. */
export let createMessages: (context: MessagesContext) => Messages;

/**
 * The physical messages of a device. A message is the address and data that the device writes to
 * raise an interrupt. The kernel writes the message of a vector when the vector is requested. Some
 * devices need a copy of their messages in their own registers.
 *
 * A message is valid while its vector is requested. If the message is not `remapped`, it is valid
 * only until the host moves the interrupt to another CPU.
 *
 * @example
 * const { msix, msi } = device.messages.support;
 * const vector = device.interrupts.msix.request(0);
 * const { address, data, remapped, method } = device.messages.read('msix', 0);
 */
export class Messages extends EventEmitter<MessagesEvents> {
  /** The kernel feature that is needed to read MSI messages. */
  readonly novirt: Novirt;
  readonly #context: MessagesContext;
  readonly #table: MappedMsix;
  #warned = false;
  /**
   * The MSI capability, read when MSI_NOVIRT was enabled. A later read of `address_64` can be
   * wrong, because vfio-pci lets a program overwrite this bit.
   */
  #capability = { offset: 0, has64BitAddress: false };

  static {
    createMessages = (context) => new Messages(context);
    requireMethod = (messages, index) => messages.#requireMethod(index);
  }

  private constructor(context: MessagesContext) {
    super();
    const { handle, region } = context;
    this.#context = context;
    this.#table = new MappedMsix(() => handle.connection, region);
    this.novirt = createNovirt(handle, () => {
      this.#warnOfDroppedWrites();
    });
    // Each message store adds one listener.
    this.setMaxListeners(0);
    handle.changes.on('vector', (name, vector, reason) => {
      if (name === 'msi' || name === 'msix') this.emit('change', { reason, index: name, vector });
    });
    handle.changes.on('reset', () => {
      this.emit('change', { reason: 'reset', index: null, vector: null });
    });
  }

  /** Whether messages of MSI and MSI-X can be read. The getter does not change the device. */
  get support(): Readonly<Record<MessageIndex, MessageSupport>> {
    const obstacle = this.#table.obstacle;
    return {
      msix: {
        method: obstacle === null ? 'msix-table' : null,
        ready: obstacle === null,
        reason: obstacle,
      },
      msi: this.#msiSupport(),
    };
  }

  /**
   * Reads the message of a requested vector, as the device sends it.
   *
   * @param vector - 0 to `count - 1` of the interrupt index
   * @throws RangeError if the device does not have the vector
   * @throws {@link VfioError} ENOTSUP if messages cannot be read now (the error contains the reason
   *   and a hint); ENODATA if the vector is not requested; EIO if memory decode of the device is
   *   off
   */
  read(index: MessageIndex, vector: number): PhysicalMessage {
    this.#checkVector(index, vector);
    if (this.#context.interrupts[index].vector(vector) === undefined) {
      throw this.#error('ENODATA', `${index} vector ${vector} is not requested`, {
        hint: `Call interrupts.${index}.request(${vector}): the host then writes the message.`,
      });
    }
    return this.peek(index, vector);
  }

  /**
   * Does the same as {@link read}, but does not check that the vector is requested. Use `peek()`
   * for a vector that was bound through `device.connection`. For an unbound vector, the result can
   * be an old message.
   */
  peek(index: MessageIndex, vector: number): PhysicalMessage {
    this.#checkVector(index, vector);
    const method = this.#requireMethod(index);
    const message = index === 'msix' ? this.#table.read(vector) : this.#readRegisters(vector);
    if (message.address === 0n) {
      throw this.#error('ENODATA', `the host has written no message for ${index} vector ${vector}`);
    }
    const remapped = isRemapped(message, this.#context.handle.connection.iommu);
    return { ...message, remapped, method };
  }

  #requireMethod(index: MessageIndex): MessageMethod {
    const { method, ready, reason } = this.support[index];
    if (method !== null && ready) return method;
    throw this.#error('ENOTSUP', `the message of an ${index} vector cannot be read: ${reason}`, {
      hint: method === null ? NOVIRT_HINT : 'Call messages.novirt.enable() first.',
    });
  }

  /** Reads an MSI message. The low bits of the data contain the number of the vector. */
  #readRegisters(vector: number): Message {
    const { config } = this.#context;
    const { offset, has64BitAddress } = this.#capability;
    return readStable(() => {
      const high = has64BitAddress ? config.read32(offset + MSI_ADDRESS_HIGH) : 0;
      const address = (BigInt(high) << 32n) | BigInt(config.read32(offset + MSI_ADDRESS));
      const base = config.read16(offset + (has64BitAddress ? MSI_DATA_64 : MSI_DATA_32));
      return { address, data: base + vector };
    });
  }

  #msiSupport(): MessageSupport {
    if (this.#context.interrupts.msi.count === 0) {
      return { method: null, ready: false, reason: 'the device has no MSI' };
    }
    switch (this.novirt.state) {
      case 'absent':
        return { method: null, ready: false, reason: this.novirt.reason };
      case 'available':
        return {
          method: 'novirt',
          ready: false,
          reason:
            'MSI_NOVIRT is not enabled (once enabled, it stays on until the device is closed)',
        };
      case 'on':
        return { method: 'novirt', ready: true, reason: null };
    }
  }

  #checkVector(index: MessageIndex, vector: number): void {
    checkChoice(index, 'index', ['msi', 'msix']);
    const { count } = this.#context.interrupts[index];
    if (count === 0) this.#requireMethod(index);
    checkInteger(vector, `vector (the device has ${count} of ${index})`, 0, count - 1);
  }

  /**
   * Emits a warning at the first write to the address or data. The kernel silently drops these
   * writes.
   */
  #warnOfDroppedWrites(): void {
    const { handle, config } = this.#context;
    const { offset = 0 } = config.find('msi') ?? {};
    const has64BitAddress = config.fields('msi.control').address_64 === 1;
    this.#capability = { offset, has64BitAddress };
    const first = offset + MSI_ADDRESS;
    const end = offset + 2 + (has64BitAddress ? MSI_DATA_64 : MSI_DATA_32);
    handle.changes.on('config', (start, length) => {
      if (this.#warned || start >= end || start + length <= first) return;
      this.#warned = true;
      process.emitWarning(
        `MSI_NOVIRT is on: the kernel drops writes to address and data of the MSI capability of ${handle.name}`,
        { type: 'VfioWarning', code: 'VFIO_MSI_NOVIRT_WRITE' },
      );
    });
  }

  #error(code: string, message: string, more: { hint?: string } = {}): VfioError {
    return new VfioError({ code, message, path: this.#context.handle.name, ...more });
  }
}
