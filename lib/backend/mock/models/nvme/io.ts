import type { DeviceHost } from '../../hardware/model.js';
import type { Command } from './command.js';
import type { DataPointer } from './data-pointer.js';
import { ALL_NAMESPACES, NAMESPACE, NAMESPACES } from './limits.js';
import type { Namespace } from './namespace.js';
import { CommandFailure, refuse, Status } from './status.js';

const FLUSH = 0x00;
const WRITE = 0x01;
const READ = 0x02;
const WRITE_ZEROES = 0x08;

/** Commands of the NVM command set (base specification 1.4, section 6). */
export class IoCommands {
  readonly #host: DeviceHost;
  readonly #data: DataPointer;
  readonly #namespace: Namespace;
  /** The data of a segment. Each transfer uses the same array, to save an allocation. */
  #page = new Uint8Array(0);

  constructor(host: DeviceHost, data: DataPointer, namespace: Namespace) {
    this.#host = host;
    this.#data = data;
    this.#namespace = namespace;
  }

  /** Executes a command. @returns dword 0 of the completion @throws CommandFailure, DmaFault */
  execute(command: Command): number {
    const { namespace, opcode } = command;
    if (opcode !== FLUSH || namespace !== ALL_NAMESPACES) {
      if (namespace === 0 || namespace > NAMESPACES) refuse(Status.INVALID_NAMESPACE);
      if (namespace !== NAMESPACE) refuse(Status.INVALID_FIELD);
    }
    switch (opcode) {
      case FLUSH:
        return 0;
      case WRITE:
      case READ:
        return this.#transfer(command, opcode === WRITE);
      case WRITE_ZEROES:
        return this.#writeZeroes(command);
      default:
        return refuse(Status.INVALID_OPCODE);
    }
  }

  #writeZeroes(command: Command): number {
    if (command.fused) throw new CommandFailure(Status.INVALID_FIELD);
    const { offset, length } = this.#range(command);
    this.#namespace.zero(offset, length);
    return 0;
  }

  #transfer(command: Command, write: boolean): number {
    if (command.fused) throw new CommandFailure(Status.INVALID_FIELD);
    if (command.scatterGather) refuse(Status.INVALID_FIELD);
    this.#data.checkLength((command.low(12) + 1) * this.#namespace.blockSize);
    const range = this.#range(command);
    const { pageSize } = this.#data;
    if (this.#page.length !== pageSize) this.#page = new Uint8Array(pageSize);
    const page = this.#page;
    let { offset } = range;
    for (const { address, length } of this.#data.segments(command, range.length)) {
      const bytes = length === pageSize ? page : page.subarray(0, length);
      if (write) {
        this.#host.dmaRead(address, bytes);
        this.#namespace.write(offset, bytes);
      } else {
        this.#namespace.read(offset, bytes);
        this.#host.dmaWrite(address, bytes);
      }
      offset += length;
    }
    return 0;
  }

  /** Returns the byte range of the namespace that a command reads or writes. */
  #range(command: Command): { offset: number; length: number } {
    const { blocks, blockSize } = this.#namespace;
    const count = command.low(12) + 1;
    const first = command.dword(10) + command.dword(11) * 2 ** 32;
    if (first + count > blocks) refuse(Status.LBA_OUT_OF_RANGE);
    return { offset: first * blockSize, length: count * blockSize };
  }
}
