import type { Op } from '../script.js';
import { setCommand, sleep } from '../targets/ops.js';
import type { Target } from '../targets.js';
import { Activity } from './activity.js';

/** Generates a part of a script. The part depends on the earlier operations of the script. */
export type Step = (situation: Situation) => readonly Op[];

const INTX = 0;
const MESSAGES: readonly unknown[] = [1, 2];
const ENABLE = 0x24;
const COMMAND = 4;
const COMMAND_AT_OPEN = 0x103;
const COMMAND_MEMORY = 0x2;
const PM_CONTROL = 4;
const PM_STATE = 0x3;
const CONFIG = 7;
const BUFFER_SIZE = 4 * 4096;

/** The state of the device and of the script after all operations so far. */
export class Situation {
  readonly target: Target;
  /** The interrupt index that most steps of the script use. */
  readonly index: number;
  readonly #activity: Activity;
  readonly #buffers = new Set<string>();
  readonly #eventfds: string[] = [];
  readonly #counters = new Map<string, number>();
  #decoding = true;
  #powered = true;

  constructor(target: Target, index: number) {
    this.target = target;
    this.index = index;
    this.#activity = new Activity(target.vectors);
  }

  get vectors(): number {
    return this.target.vectors[this.index] ?? 0;
  }

  /** Returns one of the script's eventfds; undefined if the script has no eventfd. */
  eventfd(choice: number): string | undefined {
    return this.#eventfds[choice % this.#eventfds.length];
  }

  /** Returns a counter that device and driver share, for example the tail of a queue. */
  counter(name: string): number {
    return this.#counters.get(name) ?? 0;
  }

  count(name: string, value: number): void {
    this.#counters.set(name, value);
  }

  /** Returns the operations that make the device's registers accessible. */
  wake(): Op[] {
    if (this.#isAccessible) return [];
    const { pm } = this.target.capabilities;
    const d0 = { op: 'write', region: CONFIG, offset: (pm ?? 0) + PM_CONTROL, data: '0000' };
    return [...(pm === undefined ? [] : [d0]), setCommand(COMMAND_AT_OPEN)];
  }

  /** Returns the operations that enable an interrupt index. */
  enable(index: number): Op[] {
    return [...this.wake(), ...this.#activity.enable(index)];
  }

  /**
   * Makes an operation safe. Returns the safe operation and the operations that must run before and
   * after the safe operation.
   */
  prepare(op: Op): Op[] {
    const before = [
      ...this.#createBuffer(op.op === 'dma_map' ? op.buffer : op.name, op),
      ...this.#deassertPin(op),
    ];
    const all = [...before, this.#avoidBusError(op), ...this.#awaitMessage(op)];
    for (const one of all) this.#follow(one);
    return all;
  }

  get #isAccessible(): boolean {
    return this.#decoding && this.#powered;
  }

  #createBuffer(name: unknown, { op }: Op): Op[] {
    const used = op === 'dma_map' || op.startsWith('buffer_');
    if (!used || typeof name !== 'string' || this.#buffers.has(name)) return [];
    this.#buffers.add(name);
    return [{ op: 'buffer', name, size: BUFFER_SIZE }];
  }

  /**
   * Deasserts the pin before INTx is enabled. If the pin was asserted before INTx was enabled, the
   * interrupt controller of QEMU loses the interrupt. A real interrupt controller does not lose the
   * interrupt.
   */
  #deassertPin({ op, index, flags }: Op): Op[] {
    const enabling = op === 'set_irqs' && index === INTX && ((flags as number) & ENABLE) === ENABLE;
    const { releasePin } = this.target;
    if (!enabling || releasePin.length === 0) return [];
    if (this.#activity.isCertainly(INTX) || !this.#activity.mayEnable(INTX)) return [];
    return [...this.wake(), ...releasePin];
  }

  /**
   * Adds a delay after an eventfd was bound. A pending message arrives a short time later. If the
   * eventfd is unbound during this time, the message is lost.
   */
  #awaitMessage({ op, index, flags }: Op): Op[] {
    const binds = op === 'set_irqs' && ((flags as number) & ENABLE) === ENABLE;
    const { messageMs } = this.target;
    return binds && MESSAGES.includes(index) && messageMs > 0 ? [sleep(messageMs)] : [];
  }

  /**
   * Replaces an access to a mapped register by a file access, if the mapped access would cause a
   * bus error.
   */
  #avoidBusError(op: Op): Op {
    if (this.#isAccessible) return op;
    const { region, offset, width } = op;
    if (op.op === 'mmio_read') return { op: 'read', region, offset, length: width };
    if (op.op !== 'mmio_write') return op;
    const digits = BigInt(op.value as string)
      .toString(16)
      .padStart(2 * (width as number), '0');
    const data = Buffer.from(digits, 'hex').reverse().toString('hex');
    return { op: 'write', region, offset, data };
  }

  #follow(op: Op): void {
    this.#activity.follow(op, this.#powered);
    if (op.op === 'reset' || op.op === 'hot_reset') this.#powered = true;
    else if (op.op === 'write' && op.region === CONFIG) this.#followConfig(op);
    else if (op.op === 'file_buffer') this.#buffers.add(op.name as string);
    else if (op.op === 'set_irqs' && op.second !== true) {
      for (const name of (op.fds ?? []) as unknown[]) {
        if (typeof name === 'string' && !this.#eventfds.includes(name)) this.#eventfds.push(name);
      }
    }
  }

  #followConfig({ offset, data }: Op): void {
    const start = offset as number;
    const bytes = Buffer.from(data as string, 'hex');
    const refused = start + bytes.length > this.target.configSize;
    const command = bytes[COMMAND - start];
    if (command !== undefined) this.#decoding = !refused && (command & COMMAND_MEMORY) !== 0;
    const { pm } = this.target.capabilities;
    const state = pm === undefined ? undefined : bytes[pm + PM_CONTROL - start];
    if (state !== undefined) this.#powered = !refused && (state & PM_STATE) === 0;
  }
}
