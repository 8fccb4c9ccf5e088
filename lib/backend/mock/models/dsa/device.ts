import { modelRegisters } from '../../hardware/model-registers.js';
import type { DeviceHost, DeviceLogic } from '../../hardware/model.js';
import { capabilities, QUEUES, SLOTS, VECTORS, WQ_SIZE } from './capabilities.js';
import { type Command, Commands } from './commands.js';
import { ErrorLog } from './error-log.js';
import { type HandleKind, Handles } from './handles.js';
import { ImsTable, type InterruptTable, MsixPermissions } from './interrupts.js';
import { WorkQueue } from './queues.js';
import * as dsa from './registers.js';
import { execute, type Submitter } from './work.js';

/** The logic of a Data Streaming Accelerator (DSA) that has one group and no batch descriptors. */
export class Dsa implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #host: DeviceHost;
  readonly #handles = new Handles();
  readonly #tables: Readonly<Record<HandleKind, InterruptTable>>;
  readonly #queues: readonly WorkQueue[];
  readonly #commands: Commands;
  readonly #errors: ErrorLog;
  readonly #model = modelRegisters(dsa.DEVICE);
  readonly #regs = this.#model.regs;

  constructor(host: DeviceHost) {
    this.#host = host;
    this.#tables = {
      msix: new MsixPermissions(host, VECTORS),
      ims: new ImsTable(SLOTS, (address, data) => {
        const bytes = new Uint8Array(4);
        new DataView(bytes.buffer).setUint32(0, data, true);
        host.dmaWrite(address, bytes);
      }),
    };
    this.#queues = Array.from({ length: QUEUES }, (_, id) => this.#createQueue(id));
    this.#commands = new Commands(host, this.#createCommands(), () => {
      this.#raise(dsa.IDXD_INTC_CMD);
    });
    this.#errors = new ErrorLog(host, (cause) => {
      this.#raise(cause);
    });
    this.#regs.revoke.onWrite((pasid) => {
      const revoked = this.#handles.revoke((kind, at) => this.#tables[kind].pasid(at) === pasid);
      if (revoked > 0) this.#raise(dsa.IDXD_INTC_INT_HANDLE_REVOKED);
    });
    this.registers = {
      0: [
        ...capabilities(),
        ...this.#errors.registers,
        ...this.#model.registers,
        ...this.#commands.registers,
        ...this.#queues.flatMap(({ registers }) => registers),
        ...this.#tables.msix.registers,
        ...this.#tables.ims.registers,
      ],
      2: this.#queues.flatMap(({ portals }) => portals),
    };
  }

  reset(): void {
    this.#model.reset();
    this.#handles.reset();
    this.#commands.reset();
    this.#errors.reset();
    for (const queue of this.#queues) queue.reset();
    for (const table of Object.values(this.#tables)) table.reset();
  }

  get #isEnabled(): boolean {
    return this.#regs.genstats.value === dsa.IDXD_DEVICE_STATE_ENABLED;
  }

  #createQueue(id: number): WorkQueue {
    const submitterOf = (line: number) => {
      const { valid, pasid } = this.#regs.submitter.at(line).read();
      return valid === 0 ? null : pasid;
    };
    return new WorkQueue(id, submitterOf, (descriptor, submitter) => {
      this.#host.defer(() => {
        execute(this.#host, descriptor, submitter, {
          resolve: (handle, by) => this.#resolve(handle, by),
          report: (error) => {
            this.#errors.add(error);
          },
        });
      });
    });
  }

  /**
   * Returns a function that raises the interrupt of a handle. Returns null if the PASID of the
   * portal is not allowed to raise this interrupt.
   */
  #resolve(handle: number, { kind, pasid }: Submitter): (() => void) | null {
    const index = this.#handles.find(kind, handle);
    const table = this.#tables[kind];
    if (index === null || !table.permits(index, pasid)) return null;
    return () => {
      table.raise(index);
    };
  }

  /** Raises the misc interrupt, which is MSI-X vector 0. */
  #raise(cause: number): void {
    this.#regs.intcause.value |= cause;
    this.#host.signal(0);
  }

  #createCommands(): Map<number, Command> {
    const onQueue = (run: (queue: WorkQueue) => number, indexOf: (operand: number) => number) => {
      return (operand: number) => {
        const queue = this.#queues[indexOf(operand)];
        return queue === undefined ? dsa.IDXD_CMDSTS_INVAL_WQIDX : run(queue);
      };
    };
    // The upper half of the operand selects 16 consecutive queues. The lower half has one bit for each of these 16 queues.
    const byMask = (operand: number) => Math.log2(operand & 0xffff) + 16 * (operand >>> 16);
    const done = () => dsa.IDXD_CMDSTS_SUCCESS;
    const stop = (queue: WorkQueue) => {
      if (!queue.enabled) return dsa.IDXD_CMDSTS_ERR_WQ_NOT_EN;
      queue.enabled = false;
      return dsa.IDXD_CMDSTS_SUCCESS;
    };
    return new Map<number, Command>([
      [dsa.IDXD_CMD_ENABLE_DEVICE, () => this.#enable()],
      [dsa.IDXD_CMD_DISABLE_DEVICE, () => this.#disable()],
      [dsa.IDXD_CMD_DRAIN_ALL, done],
      [
        dsa.IDXD_CMD_RESET_DEVICE,
        () => {
          this.#disable();
          this.#errors.reset();
          for (const queue of this.#queues) queue.reset();
          return dsa.IDXD_CMDSTS_SUCCESS;
        },
      ],
      [
        dsa.IDXD_CMD_ENABLE_WQ,
        onQueue(
          (queue) => this.#start(queue),
          (operand) => operand,
        ),
      ],
      [dsa.IDXD_CMD_DISABLE_WQ, onQueue(stop, byMask)],
      // A drain command completes at once, because all earlier descriptors have already run.
      [dsa.IDXD_CMD_DRAIN_WQ, onQueue(done, byMask)],
      [
        dsa.IDXD_CMD_RESET_WQ,
        onQueue((queue) => {
          queue.reset();
          return dsa.IDXD_CMDSTS_SUCCESS;
        }, byMask),
      ],
      [dsa.IDXD_CMD_REQUEST_INT_HANDLE, (operand) => this.#requestHandle(operand)],
      [dsa.IDXD_CMD_RELEASE_INT_HANDLE, (operand) => this.#releaseHandle(operand)],
    ]);
  }

  #enable(): number {
    if (this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DEV_ENABLED;
    this.#regs.genstats.value = dsa.IDXD_DEVICE_STATE_ENABLED;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #disable(): number {
    if (!this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DIS_DEV_EN;
    this.#regs.genstats.value = dsa.IDXD_DEVICE_STATE_DISABLED;
    for (const queue of this.#queues) queue.enabled = false;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #start(queue: WorkQueue): number {
    if (!this.#isEnabled) return dsa.IDXD_CMDSTS_ERR_DEV_NOTEN;
    if (queue.enabled) return dsa.IDXD_CMDSTS_ERR_WQ_ENABLED;
    const others = this.#queues.filter(({ enabled }) => enabled);
    const used = others.reduce((sum, { size }) => sum + size, 0);
    if (queue.size === 0 || used + queue.size > WQ_SIZE) return dsa.IDXD_CMDSTS_ERR_WQ_SIZE;
    queue.enabled = true;
    return dsa.IDXD_CMDSTS_SUCCESS;
  }

  #requestHandle(operand: number): number {
    const kind = kindOf(operand);
    const index = operand & 0xffff;
    // MSI-X vector 0 is the misc interrupt. A descriptor cannot raise the misc interrupt.
    if (index >= this.#tables[kind].size || (kind === 'msix' && index === 0)) {
      return dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX;
    }
    const handle = this.#handles.request(kind, index);
    if (handle === null) return dsa.IDXD_CMDSTS_ERR_NO_HANDLE;
    return handle << dsa.IDXD_CMDSTS_RES_SHIFT;
  }

  #releaseHandle(operand: number): number {
    const released = this.#handles.release(kindOf(operand), operand & 0xffff);
    return released ? dsa.IDXD_CMDSTS_SUCCESS : dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE;
  }
}

function kindOf(operand: number): HandleKind {
  return (operand & dsa.CMD_INT_HANDLE_IMS) === 0 ? 'msix' : 'ims';
}
