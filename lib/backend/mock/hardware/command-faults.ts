import { checkInteger, checkOptions } from '../../../checks.js';
import { type FaultCount, FaultList } from '../machine/fault-list.js';

/** Maximum of a status: 15 bits, without the phase tag. */
const STATUS_MAX = 0x7fff;

/** The commands or completions that a fault affects. */
export interface CommandFaultOptions extends FaultCount {
  /** Only commands of this submission queue, 0 to 65535; 0 is the admin queue. Default: all. */
  readonly queue?: number | undefined;
  /** Only commands with this opcode, 0 to 255. Default: all. */
  readonly opcode?: number | undefined;
}

/** The queue and the opcode of a command that the device executes. */
interface Command {
  readonly queue: number;
  readonly opcode: number;
}

type Filter = Pick<CommandFaultOptions, 'queue' | 'opcode'>;

/** Injects faults into the commands of a mock NVMe controller. */
export interface CommandFaults {
  /**
   * Makes commands fail. The controller does not execute a failed command, and completes the
   * command with the status.
   *
   * @param status - the Status Field of the completion without the phase tag, 1 to 0x7fff: the
   *   status code in bits 7:0, the status code type in bits 10:8, Do Not Retry in bit 14. For
   *   example, 0x281 is an Unrecovered Read Error.
   * @param options - the commands that fail; default: the next command of any queue
   * @throws RangeError if a number is outside of its range
   * @example
   * mockControl('mock:nvme').nvme.failCommand(0x281, { opcode: 2, nth: 3 }); // the third read
   */
  failCommand(status: number, options?: CommandFaultOptions): void;

  /**
   * Loses completions. The controller executes the command, but posts no completion and raises no
   * interrupt for the command.
   *
   * @param options - the completions that are lost, counted when the controller completes commands;
   *   default: the next completion of any queue
   * @throws RangeError if a number is outside of its range
   */
  loseCompletion(options?: CommandFaultOptions): void;

  /**
   * Doubles completions. The controller posts the completion of a command twice.
   *
   * @param options - the completions that are doubled, counted when the controller completes
   *   commands; default: the next completion of any queue
   * @throws RangeError if a number is outside of its range
   */
  doubleCompletion(options?: CommandFaultOptions): void;
}

/** The injected faults, which the controller asks for each command. */
export class InjectedFaults implements CommandFaults {
  readonly #failures = new FaultList<Filter & { readonly status: number }>();
  readonly #completions = new FaultList<Filter & { readonly copies: 0 | 2 }>();

  failCommand(status: number, options: CommandFaultOptions = {}): void {
    checkInteger(status, 'status', 1, STATUS_MAX);
    this.#failures.add({ ...checkFilter(options), status }, options);
  }

  loseCompletion(options: CommandFaultOptions = {}): void {
    this.#completions.add({ ...checkFilter(options), copies: 0 }, options);
  }

  doubleCompletion(options: CommandFaultOptions = {}): void {
    this.#completions.add({ ...checkFilter(options), copies: 2 }, options);
  }

  /**
   * Counts a command that the device has fetched. Returns the status with which the command fails,
   * or undefined if the command does not fail.
   */
  takeFailure(command: Command): number | undefined {
    return this.#failures.take((filter) => concerns(filter, command))?.status;
  }

  /** Counts a completion. Returns the number of completions that the device posts for it. */
  takeCopies(command: Command): 0 | 1 | 2 {
    return this.#completions.take((filter) => concerns(filter, command))?.copies ?? 1;
  }

  /** Removes all faults. */
  clear(): void {
    this.#failures.clear();
    this.#completions.clear();
  }
}

function checkFilter(options: CommandFaultOptions): Filter {
  checkOptions(options, ['nth', 'times', 'queue', 'opcode']);
  const { queue, opcode } = options;
  if (queue !== undefined) checkInteger(queue, 'queue', 0, 0xffff);
  if (opcode !== undefined) checkInteger(opcode, 'opcode', 0, 0xff);
  return { queue, opcode };
}

function concerns({ queue, opcode }: Filter, command: Command): boolean {
  return (
    (queue === undefined || queue === command.queue) &&
    (opcode === undefined || opcode === command.opcode)
  );
}
