import type { InjectedFaults } from '../../hardware/command-faults.js';
import type { DeviceHost, DeviceLogic, NarrowRegister, Register } from '../../hardware/model.js';
import { DmaFault } from '../../machine/dma-fault.js';
import { AdminCommands } from './admin.js';
import { Command } from './command.js';
import { DataPointer } from './data-pointer.js';
import { Events, INVALID_DOORBELL_REGISTER, INVALID_DOORBELL_VALUE } from './events.js';
import { VERSION } from './identify.js';
import { IoCommands } from './io.js';
import { COMPLETION_ENTRY, MAX_QUEUE_ENTRIES, SUBMISSION_ENTRY } from './limits.js';
import { Namespace } from './namespace.js';
import { QueueSet } from './queue-set.js';
import type { Completion, CompletionQueue, SubmissionQueue } from './queues.js';
import { CommandFailure, Status } from './status.js';

/**
 * Controller capabilities (CAP) of QEMU's controller: physically contiguous queues, a ready timeout
 * of 7.5 s, a doorbell stride of 4 bytes, and page sizes from 4 KiB to 64 KiB. CC can select the
 * NVM command set, all supported I/O command sets, or only admin commands.
 */
const CAPABILITIES = 0x0040_1820_0f01_0000n | BigInt(MAX_QUEUE_ENTRIES);
const COMMAND_SETS = Number((CAPABILITIES >> 37n) & 0xffn);
const MAX_PAGE_SHIFT = 12 + 4;

/** Bits of the registers CC and CSTS. */
const ENABLE = 0x1;
const SHUTDOWN = 0xc000;
const READY = 0x1;
const FATAL = 0x2;
const SHUTDOWN_STATUS = 0xc;
const SHUTDOWN_COMPLETE = 0x8;

const DOORBELLS = 0x1000;
const DOORBELLS_END = 0x2000;

/** Opcode of the admin command Asynchronous Event Request. */
const ASYNC_EVENT_REQUEST = 0x0c;

/**
 * A doorbell. The thousand doorbells of a controller share the function of the class and one name.
 * With a separate function for each doorbell, a controller takes twice as long to open.
 */
class Doorbell implements NarrowRegister {
  readonly offset: number;
  readonly width = 4;
  readonly name = 'a doorbell';
  readonly #number: number;
  readonly #ring: (doorbell: number, value: number) => void;

  constructor(number: number, ring: (doorbell: number, value: number) => void) {
    this.offset = DOORBELLS + 4 * number;
    this.#number = number;
    this.#ring = ring;
  }

  write(value: number): void {
    this.#ring(this.#number, value);
  }
}

/** The host of a controller, and the faults that a test injects into its commands. */
export interface ControllerHost extends DeviceHost {
  readonly commandFaults: InjectedFaults;
}

/**
 * The registers of the controller. A write to a doorbell executes the commands at once. A driver
 * can therefore wait for an interrupt, poll a register, or poll the memory of a queue.
 */
export class Controller implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #host: ControllerHost;
  readonly #data: DataPointer;
  readonly #queues = new QueueSet((queue) => {
    this.#retractInterrupt(queue);
  });
  readonly #events = new Events((commandId, status, result) => {
    const queue = this.#queues.submission(0);
    if (queue === undefined) return;
    this.#complete({ queue, commandId, status, result }, ASYNC_EVENT_REQUEST);
  });
  readonly #admin: AdminCommands;
  readonly #io: IoCommands;
  readonly #command = new Command();
  #interruptMask = 0;
  /** Bit mask of the vectors that assert the pin. */
  #pending = 0;
  #configuration = 0;
  #status = 0;
  #attributes = 0;
  readonly #bases = { asq: 0n, acq: 0n };

  constructor(host: ControllerHost) {
    const namespace = new Namespace();
    this.#host = host;
    this.#data = new DataPointer(host);
    this.#io = new IoCommands(host, this.#data, namespace);
    this.#admin = new AdminCommands(host, this.#data, namespace, this.#queues, this.#events);
    this.registers = { 0: [...this.#controlRegisters(), ...this.#doorbells()] };
  }

  /** Deletes all queues and event requests. As in QEMU, the admin queue registers do not change. */
  reset(): void {
    this.#queues.reset();
    this.#events.reset();
    this.#configuration = 0;
    this.#status = 0;
    this.#interruptMask = 0;
    this.#pending = 0;
    this.#updatePin();
  }

  #controlRegisters(): Register[] {
    const mask = (offset: number, name: string, change: (bits: number) => number): Register => ({
      offset,
      width: 4,
      name,
      read: () => this.#interruptMask,
      write: (bits) => {
        this.#interruptMask = change(bits) >>> 0;
        this.#updatePin();
      },
    });
    /** Creates a 64-bit register that accepts narrower writes. */
    const base = (offset: number, name: 'asq' | 'acq'): Register => ({
      offset,
      width: 8,
      name: name.toUpperCase(),
      read: () => this.#bases[name],
      write: (value, width) => {
        // In QEMU, a write of one byte becomes a write of two bytes.
        const bits = 8 * Math.max(width, 2);
        const kept = (this.#bases[name] >> BigInt(bits)) << BigInt(bits);
        this.#bases[name] = kept | BigInt.asUintN(bits, value);
      },
      writeHigh: (value) => {
        this.#bases[name] = BigInt.asUintN(32, this.#bases[name]) | (BigInt(value) << 32n);
      },
    });
    return [
      { offset: 0x00, width: 8, name: 'CAP', read: () => CAPABILITIES },
      { offset: 0x08, width: 4, name: 'VS', read: () => VERSION },
      mask(0x0c, 'INTMS', (bits) => this.#interruptMask | bits),
      mask(0x10, 'INTMC', (bits) => this.#interruptMask & ~bits),
      {
        offset: 0x14,
        width: 4,
        name: 'CC',
        read: () => this.#configuration,
        write: (value) => {
          this.#configure(value);
        },
      },
      { offset: 0x1c, width: 4, name: 'CSTS', read: () => this.#status },
      {
        offset: 0x24,
        width: 4,
        name: 'AQA',
        read: () => this.#attributes,
        write: (value) => {
          this.#attributes = value;
        },
      },
      base(0x28, 'asq'),
      base(0x30, 'acq'),
    ];
  }

  /**
   * Creates the doorbells. For each queue pair, the submission queue tail doorbell precedes the
   * completion queue head doorbell.
   */
  #doorbells(): Register[] {
    const count = (DOORBELLS_END - DOORBELLS) / 4;
    const ring = (doorbell: number, value: number) => {
      if (doorbell % 2 === 0) this.#submit(doorbell >>> 1, value & 0xffff);
      else this.#acknowledge(doorbell >>> 1, value & 0xffff);
    };
    return Array.from({ length: count }, (_, i) => new Doorbell(i, ring));
  }

  #configure(value: number): void {
    const before = this.#configuration;
    this.#configuration = value;
    if ((value & SHUTDOWN) !== 0 && (before & SHUTDOWN) === 0) {
      this.#status = (this.#status & ~SHUTDOWN_STATUS) | SHUTDOWN_COMPLETE;
    } else if ((value & SHUTDOWN) === 0 && (before & SHUTDOWN) !== 0) {
      this.#status &= ~SHUTDOWN_STATUS;
    }
    if ((value & ~before & ENABLE) !== 0) this.#status = this.#start(value) ? READY : FATAL;
    else if ((before & ~value & ENABLE) !== 0) this.reset();
  }

  /** Enables the controller. @returns false if the controller does not support the configuration */
  #start(configuration: number): boolean {
    const { asq, acq } = this.#bases;
    const commandSet = (configuration >>> 4) & 7;
    const pageShift = 12 + ((configuration >>> 7) & 0xf);
    const submission = this.#attributes & 0xfff;
    const completion = (this.#attributes >>> 16) & 0xfff;
    const pageSize = 2 ** pageShift;
    const aligned = (asq | acq) % BigInt(pageSize) === 0n;
    const possible = ((COMMAND_SETS >>> commandSet) & 1) !== 0 && pageShift <= MAX_PAGE_SHIFT;
    const entries =
      ((configuration >>> 16) & 0xf) === SUBMISSION_ENTRY &&
      ((configuration >>> 20) & 0xf) === COMPLETION_ENTRY;
    const sized = entries && submission !== 0 && completion !== 0;
    if (!aligned || !possible || !sized) return false;
    this.#data.pageSize = pageSize;
    this.#queues.createAdmin(asq, submission + 1, acq, completion + 1);
    return true;
  }

  #submit(id: number, tail: number): void {
    const queue = this.#queues.submission(id);
    if (queue === undefined || tail >= queue.size) {
      this.#reportDoorbell(queue);
      return;
    }
    queue.tail = tail;
    this.#process(queue);
  }

  #acknowledge(id: number, head: number): void {
    const queue = this.#queues.completion(id);
    if (queue === undefined || head >= queue.size) {
      this.#reportDoorbell(queue);
      return;
    }
    queue.head = head;
    if (!queue.hasUnread) this.#retractInterrupt(queue);
    // The completion queue has free entries again. Post the waiting completions, then process
    // further commands.
    this.#postCompletions(queue);
    for (const user of this.#queues.users(queue)) this.#process(user);
  }

  /**
   * Reports an invalid write to a doorbell.
   *
   * @param queue - the queue of the doorbell, or undefined if the queue does not exist
   */
  #reportDoorbell(queue: SubmissionQueue | CompletionQueue | undefined): void {
    this.#events.reportDoorbell(
      queue === undefined ? INVALID_DOORBELL_REGISTER : INVALID_DOORBELL_VALUE,
    );
    const admin = this.#queues.completion(0);
    if (admin !== undefined) this.#postCompletions(admin);
  }

  #process(queue: SubmissionQueue): void {
    let any = false;
    while (this.#accessQueue(() => queue.fetch(this.#host, this.#command))) {
      this.#execute(queue, this.#command);
      any = true;
    }
    if (any) this.#postCompletions(queue.completions);
  }

  #execute(queue: SubmissionQueue, command: Command): void {
    const { id: commandId, opcode } = command;
    try {
      const failure = this.#host.commandFaults.takeFailure({ queue: queue.id, opcode });
      if (failure !== undefined) throw new CommandFailure(failure);
      const result = queue.id === 0 ? this.#admin.execute(command) : this.#io.execute(command);
      if (result === null) return;
      this.#complete({ queue, commandId, status: Status.SUCCESS, result }, opcode);
    } catch (error) {
      if (error instanceof CommandFailure) {
        const { status, result } = error;
        this.#complete({ queue, commandId, status, result }, opcode);
      } else if (error instanceof DmaFault) {
        const status = Status.DATA_TRANSFER_ERROR;
        this.#complete({ queue, commandId, status, result: 0 }, opcode);
      } else {
        throw error;
      }
    }
  }

  /** Completes a command. A test can lose or double the completion. */
  #complete(completion: Completion, opcode: number): void {
    const { queue } = completion;
    const copies = this.#host.commandFaults.takeCopies({ queue: queue.id, opcode });
    for (let i = 0; i < copies; i++) queue.completions.push(completion);
    queue.outstanding += copies - 1;
  }

  /** Posts the waiting completions of a queue. Raises one interrupt for all posted completions. */
  #postCompletions(queue: CompletionQueue): void {
    const posted = this.#accessQueue(() => queue.post(this.#host));
    if (!posted || queue.vector === null) return;
    if (this.#host.messagesEnabled) {
      this.#host.signal(queue.vector);
    } else {
      this.#pending |= 1 << queue.vector;
      this.#updatePin();
    }
  }

  /**
   * Runs a function that accesses the memory of a queue. A DMA fault in the function is fatal to
   * the controller.
   */
  #accessQueue(run: () => boolean): boolean {
    try {
      return run();
    } catch (error) {
      if (!(error instanceof DmaFault)) throw error;
      this.#status = FATAL;
      return false;
    }
  }

  /** Stops a vector from asserting the pin if the host has read all completions of the vector. */
  #retractInterrupt({ vector }: CompletionQueue): void {
    if (vector === null || this.#queues.hasUnread(vector)) return;
    this.#pending &= ~(1 << vector);
    this.#updatePin();
  }

  #updatePin(): void {
    if (!this.#host.messagesEnabled)
      this.#host.setPin((this.#pending & ~this.#interruptMask) !== 0);
  }
}
