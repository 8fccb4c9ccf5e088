import type { DeviceHost, Register } from '../../hardware/model.js';
import * as dsa from './registers.js';

const OPERAND = 0xfffff;
const CODE_SHIFT = 20;
const CODE = 0x1f;

/** Runs a command. @returns the new value of CMDSTS: an error code or a result */
export type Command = (operand: number) => number;

/**
 * The registers CMD, CMDSTS and CMDCAP. A write to CMD starts a command. Only one command can run
 * at a time.
 */
export class Commands {
  readonly registers: readonly Register[];
  #status = 0;
  /** Number of resets. If the device is reset before a command runs, the command is dropped. */
  #generation = 0;

  /** @param onDone - called after a command, if the command requested an interrupt */
  constructor(host: DeviceHost, commands: ReadonlyMap<number, Command>, onDone: () => void) {
    const supported = [...commands.keys()].reduce((bits, code) => bits | (1 << code), 0);
    this.registers = [
      {
        offset: dsa.IDXD_CMD_OFFSET,
        name: 'CMD',
        width: 4,
        write: (value) => {
          if (this.#status === dsa.IDXD_CMDSTS_ACTIVE) return;
          this.#status = dsa.IDXD_CMDSTS_ACTIVE;
          const generation = this.#generation;
          host.defer(() => {
            if (generation !== this.#generation) return;
            const command = commands.get((value >>> CODE_SHIFT) & CODE);
            this.#status = command?.(value & OPERAND) ?? dsa.IDXD_CMDSTS_INVAL_CMD;
            if (value >= dsa.IDXD_CMD_INT_REQ) onDone();
          });
        },
      },
      { offset: dsa.IDXD_CMDSTS_OFFSET, name: 'CMDSTS', width: 4, read: () => this.#status },
      { offset: dsa.IDXD_CMDCAP_OFFSET, name: 'CMDCAP', width: 4, read: () => supported },
    ];
  }

  reset(): void {
    this.#generation++;
    this.#status = 0;
  }
}
