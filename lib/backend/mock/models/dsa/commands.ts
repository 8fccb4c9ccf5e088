import type { DeviceHost, Register } from '../../hardware/model.js';
import * as dsa from './registers.js';

const OPERAND = 0xfffff;
const CODE_SHIFT = 20;
const CODE = 0x1f;

/** Runs a command. @returns the value of CMDSTS: an error or a result */
export type Command = (operand: number) => number;

/** CMD, CMDSTS and CMDCAP. The device runs one command at a time, after the write to CMD. */
export class Commands {
  readonly registers: readonly Register[];
  #status = 0;
  /** Number of resets. A command of an earlier generation does not run. */
  #generation = 0;

  /** @param onDone - called after a command that requested an interrupt */
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
