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
import { createNovirt, type Novirt, WAYS_OUT } from './novirt.js';

/** Registers of the MSI capability, in bytes from its start (PCI, section 6.8.1). */
const MSI_ADDRESS = 4;
const MSI_ADDRESS_HIGH = 8;
const MSI_DATA_32 = 8;
const MSI_DATA_64 = 12;

/** How messages of one interrupt index can be read. */
export interface MessageSupport {
  /** The method by which messages are read; null if there is none. */
  readonly method: MessageMethod | null;
  /** Whether messages can be read now. */
  readonly ready: boolean;
  /** Why there is none, or what has to be done first; null if it is ready. */
  readonly reason: string | null;
}

/** When a message that was read before may have changed. */
export interface MessageChange {
  readonly reason: 'requested' | 'released' | 'reset';
  /** The vector; null if it may be any. */
  readonly index: MessageIndex | null;
  readonly vector: number | null;
}

/** Events of {@link Messages}. */
export interface MessagesEvents {
  /** A vector was requested or released, or the device was reset. */
  change: [change: MessageChange];
}

/** What messages need of their device. */
export interface MessagesContext {
  readonly handle: Handle;
  readonly config: ConfigSpace;
  readonly interrupts: Interrupts;
  readonly region: (index: number) => Region;
}

/**
 * Returns the method by which messages of an index can be read now.
 * @throws {@link VfioError} ENOTSUP if messages cannot be read now
 */
export let requireMethod: (messages: Messages, index: MessageIndex) => MessageMethod;

/** Creates the {@link Messages} of a device. */
export let createMessages: (context: MessagesContext) => Messages;

/**
 * The physical messages of a device: what it writes, and where, to raise a vector. The kernel writes
 * them when a vector is requested. A device with a copy in registers of its own needs them there.
 *
 * A message is valid for as long as its vector stays requested, and, where it is not `remapped`, as
 * long as the host leaves the interrupt on its CPU.
 *
 * @example
 * const { msix, msi } = device.messages.support;
 * const vector = device.interrupts.msix.request(0);
 * const { address, data, remapped, method } = device.messages.read('msix', 0);
 */
export class Messages extends EventEmitter<MessagesEvents> {
  /** The kernel feature that MSI needs. */
  readonly novirt: Novirt;
  readonly #context: MessagesContext;
  readonly #table: MappedMsix;
  #warned = false;
  /** As it was when MSI_NOVIRT was switched on: vfio-pci lets a program write over address_64. */
  #capability = { offset: 0, wide: false };

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
      this.#watchRegisters();
    });
    // One listener a store.
    this.setMaxListeners(0);
    handle.changes.on('vector', (name, vector, reason) => {
      if (name === 'msi' || name === 'msix') this.emit('change', { reason, index: name, vector });
    });
    handle.changes.on('reset', () => {
      this.emit('change', { reason: 'reset', index: null, vector: null });
    });
  }

  /** What can be read and how, found out without changing anything. */
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
   * @param vector - 0 to `count - 1` of its interrupts
   * @throws RangeError for a vector the device does not have
   * @throws {@link VfioError} ENOTSUP if there is no method, with the reason and the fix; ENODATA
   *   if the vector is not requested; EIO if the device's memory is off
   */
  read(index: MessageIndex, vector: number): PhysicalMessage {
    this.#check(index, vector);
    if (this.#context.interrupts[index].vector(vector) === undefined) {
      throw this.#error('ENODATA', `${index} vector ${vector} is not requested`, {
        hint: `The host writes its message with interrupts.${index}.request(${vector}).`,
      });
    }
    return this.peek(index, vector);
  }

  /**
   * As {@link read}, for vectors that were requested past `device.interrupts`, by
   * `device.connection`: what the registers hold may be no message, or that of an earlier vector.
   */
  peek(index: MessageIndex, vector: number): PhysicalMessage {
    this.#check(index, vector);
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
      hint: method === null ? WAYS_OUT : 'Call messages.novirt.enable() before.',
    });
  }

  /** A vector's number goes into the low bits of the data, as many as vectors are enabled. */
  #readRegisters(vector: number): Message {
    const { config } = this.#context;
    const { offset, wide } = this.#capability;
    return readStable(() => {
      const high = wide ? config.read32(offset + MSI_ADDRESS_HIGH) : 0;
      const address = (BigInt(high) << 32n) | BigInt(config.read32(offset + MSI_ADDRESS));
      const base = config.read16(offset + (wide ? MSI_DATA_64 : MSI_DATA_32));
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
          reason: 'messages.novirt.enable() was not called; it cannot be undone until the close',
        };
      case 'on':
        return { method: 'novirt', ready: true, reason: null };
    }
  }

  #check(index: MessageIndex, vector: number): void {
    checkChoice(index, 'index', ['msi', 'msix']);
    const { count } = this.#context.interrupts[index];
    if (count === 0) this.#requireMethod(index);
    checkInteger(vector, `vector (the device has ${count} of ${index})`, 0, count - 1);
  }

  /** The kernel drops such writes without a word. */
  #watchRegisters(): void {
    const { handle, config } = this.#context;
    const { offset = 0 } = config.find('msi') ?? {};
    const wide = config.fields('msi.control').address_64 === 1;
    this.#capability = { offset, wide };
    const first = offset + MSI_ADDRESS;
    const end = offset + 2 + (wide ? MSI_DATA_64 : MSI_DATA_32);
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
