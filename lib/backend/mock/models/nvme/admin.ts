import type { DeviceHost } from '../../hardware/model.js';
import type { Command } from './command.js';
import type { DataPointer } from './data-pointer.js';
import { logLength, type Events } from './events.js';
import { Features } from './features.js';
import * as identify from './identify.js';
import {
  ALL_NAMESPACES,
  IO_QUEUES,
  MAX_QUEUE_ENTRIES,
  MSIX_VECTORS,
  NAMESPACE,
  NAMESPACES,
} from './limits.js';
import type { Namespace } from './namespace.js';
import type { QueueSet } from './queue-set.js';
import { CommandFailure, refuse, Status } from './status.js';

const PHYSICALLY_CONTIGUOUS = 0x1;
const INTERRUPTS_ENABLED = 0x2;

/** Commands of the admin queue (base specification 1.4, section 5). */
export class AdminCommands {
  readonly #host: DeviceHost;
  readonly #data: DataPointer;
  readonly #namespace: Namespace;
  readonly #queues: QueueSet;
  readonly #events: Events;
  readonly #features = new Features();

  constructor(
    host: DeviceHost,
    data: DataPointer,
    namespace: Namespace,
    queues: QueueSet,
    events: Events,
  ) {
    this.#host = host;
    this.#data = data;
    this.#namespace = namespace;
    this.#queues = queues;
    this.#events = events;
  }

  /**
   * Executes a command.
   *
   * @returns dword 0 of the completion, or null if the command completes later
   * @throws CommandFailure, DmaFault
   */
  execute(command: Command): number | null {
    const run = this.#commands.get(command.opcode) ?? refuse(Status.INVALID_OPCODE);
    if (command.scatterGather) refuse(Status.INVALID_FIELD);
    if (command.fused) throw new CommandFailure(Status.INVALID_FIELD);
    return run(command);
  }

  readonly #commands = new Map<number, (command: Command) => number | null>([
    [0x00, (command) => this.#deleteSubmissionQueue(command)],
    [0x01, (command) => this.#createSubmissionQueue(command)],
    [0x02, (command) => this.#getLogPage(command)],
    [0x04, (command) => this.#deleteCompletionQueue(command)],
    [0x05, (command) => this.#createCompletionQueue(command)],
    [0x06, (command) => this.#identify(command)],
    [0x08, (command) => this.#abort(command)],
    [0x09, (command) => this.#features.set(command, this.#queues.created)],
    [0x0a, (command) => this.#features.get(command)],
    [0x0c, (command) => this.#addEventRequest(command)],
  ]);

  #createCompletionQueue(command: Command): number {
    const id = command.low(10);
    const size = command.high(10);
    const vector = command.high(11);
    if (id === 0 || id > IO_QUEUES || this.#queues.completion(id) !== undefined) {
      refuse(Status.INVALID_QUEUE_ID);
    }
    this.#checkRing(command, size);
    const limit = this.#host.messagesEnabled ? MSIX_VECTORS : 1;
    if (vector >= limit) refuse(Status.INVALID_INTERRUPT_VECTOR);
    checkContiguous(command);
    const interrupts = (command.dword(11) & INTERRUPTS_ENABLED) !== 0;
    this.#queues.createCompletion(id, command.prp1, size + 1, interrupts ? vector : null);
    return 0;
  }

  #createSubmissionQueue(command: Command): number {
    const id = command.low(10);
    const size = command.high(10);
    const completions = command.high(11);
    if (completions === 0 || this.#queues.completion(completions) === undefined) {
      refuse(Status.COMPLETION_QUEUE_INVALID);
    }
    if (id === 0 || id > IO_QUEUES || this.#queues.submission(id) !== undefined) {
      refuse(Status.INVALID_QUEUE_ID);
    }
    this.#checkRing(command, size);
    checkContiguous(command);
    this.#queues.createSubmission(id, command.prp1, size + 1, completions);
    return 0;
  }

  #deleteSubmissionQueue(command: Command): number {
    const id = command.low(10);
    if (id === 0 || !this.#queues.deleteSubmission(id)) refuse(Status.INVALID_QUEUE_ID);
    return 0;
  }

  #deleteCompletionQueue(command: Command): number {
    const id = command.low(10);
    if (id === 0 || this.#queues.completion(id) === undefined) {
      refuse(Status.COMPLETION_QUEUE_INVALID);
    }
    if (this.#queues.isInUse(id)) throw new CommandFailure(Status.INVALID_QUEUE_DELETION);
    this.#queues.deleteCompletion(id);
    return 0;
  }

  #getLogPage(command: Command): number {
    this.#data.checkLength(logLength(command));
    this.#data.send(command, this.#events.log(command));
    return 0;
  }

  #identify(command: Command): number {
    this.#data.send(command, this.#identity(command));
    return 0;
  }

  /**
   * Returns the data structure that the CNS value of an Identify command selects. Dword 11 of the
   * command contains the I/O command set identifier.
   */
  #identity(command: Command): Uint8Array {
    const { namespace } = command;
    const commandSet = command.dword(11) >>> 24;
    switch (command.dword(10) & 0xff) {
      case 0x00:
        return isActive(namespace)
          ? identify.identifyNamespace(this.#namespace)
          : identify.identifyZeros();
      case 0x01:
        return identify.identifyController();
      case 0x02:
        checkListStart(namespace);
        return identify.identifyActiveNamespaces(namespace);
      case 0x03:
        if (!isActive(namespace)) refuse(Status.INVALID_FIELD);
        return identify.identifyDescriptors();
      case 0x05:
        if (isActive(namespace) && commandSet !== 0) refuse(Status.INVALID_FIELD);
        return identify.identifyZeros();
      case 0x06:
        if (commandSet !== 0) refuse(Status.INVALID_FIELD);
        return identify.identifyZeros();
      case 0x07:
        checkListStart(namespace);
        if (commandSet !== 0) refuse(Status.INVALID_FIELD);
        return identify.identifyActiveNamespaces(namespace);
      case 0x1c:
        return identify.identifyCommandSets();
      default:
        return refuse(Status.INVALID_FIELD);
    }
  }

  /**
   * Executes an Abort command. Only an Asynchronous Event Request can be aborted, because the
   * controller completes every other command immediately.
   */
  #abort(command: Command): number {
    const queue = command.low(10);
    if (this.#queues.submission(queue) === undefined) refuse(Status.INVALID_FIELD, 1);
    return queue === 0 && this.#events.abort(command.high(10)) ? 0 : 1;
  }

  #addEventRequest(command: Command): null {
    this.#events.addRequest(command.id);
    return null;
  }

  #checkRing(command: Command, size: number): void {
    if (size === 0 || size > MAX_QUEUE_ENTRIES) refuse(Status.INVALID_QUEUE_SIZE);
    if (command.prp1 % BigInt(this.#data.pageSize) !== 0n) refuse(Status.PRP_OFFSET_INVALID);
  }
}

/** Refuses to create a queue that is not physically contiguous (CAP.CQR). */
function checkContiguous(command: Command): void {
  if ((command.dword(11) & PHYSICALLY_CONTIGUOUS) === 0) refuse(Status.INVALID_FIELD);
}

function checkListStart(namespace: number): void {
  if (namespace >= ALL_NAMESPACES - 1) refuse(Status.INVALID_NAMESPACE);
}

/** Whether a namespace is active. @throws CommandFailure if the namespace id is not valid */
function isActive(namespace: number): boolean {
  if (namespace === 0 || namespace > NAMESPACES) refuse(Status.INVALID_NAMESPACE);
  return namespace === NAMESPACE;
}
