import type { Op } from '../script.js';
import { setCommand, sleep } from '../targets/ops.js';
import type { Target } from '../targets.js';
import { Activity } from './activity.js';

/** Part of a script, which depends on what came before. */
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

/** What a script has done so far, as far as the steps behind it want to know. */
export class Situation {
  readonly target: Target;
  /** The interrupt index that most of the script is about. */
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

  /** One of the eventfds there are, or none. */
  eventfd(choice: number): string | undefined {
    return this.#eventfds[choice % this.#eventfds.length];
  }

  /** A number that a device and its driver count together. */
  counter(name: string): number {
    return this.#counters.get(name) ?? 0;
  }

  count(name: string, value: number): void {
    this.#counters.set(name, value);
  }

  /** What makes sure that the device's registers answer. */
  wake(): Op[] {
    if (this.#answering) return [];
    const { pm } = this.target.capabilities;
    const d0 = { op: 'write', region: CONFIG, offset: (pm ?? 0) + PM_CONTROL, data: '0000' };
    return [...(pm === undefined ? [] : [d0]), setCommand(COMMAND_AT_OPEN)];
  }

  /** What makes sure that an interrupt index is enabled. */
  enable(index: number): Op[] {
    return [...this.wake(), ...this.#activity.enable(index)];
  }

  /** The operation as it can be sent, with what it needs before it. */
  settle(op: Op): Op[] {
    const ready = [
      ...this.#buffer(op.op === 'dma_map' ? op.buffer : op.name, op),
      ...this.#quiet(op),
    ];
    const all = [...ready, this.#safe(op), ...this.#arrive(op)];
    for (const one of all) this.#follow(one);
    return all;
  }

  get #answering(): boolean {
    return this.#decoding && this.#powered;
  }

  #buffer(name: unknown, { op }: Op): Op[] {
    const used = op === 'dma_map' || op.startsWith('buffer_');
    if (!used || typeof name !== 'string' || this.#buffers.has(name)) return [];
    this.#buffers.add(name);
    return [{ op: 'buffer', name, size: BUFFER_SIZE }];
  }

  /**
   * The interrupt controller of QEMU's machine forgets a pin that is asserted before anybody
   * listens to it, as no real one does. So nobody begins to listen to an asserted pin.
   */
  #quiet({ op, index, flags }: Op): Op[] {
    const enabling = op === 'set_irqs' && index === INTX && ((flags as number) & ENABLE) === ENABLE;
    const { releasePin } = this.target;
    if (!enabling || releasePin.length === 0) return [];
    if (this.#activity.isCertainly(INTX) || !this.#activity.mayEnable(INTX)) return [];
    return [...this.wake(), ...releasePin];
  }

  /**
   * A message that was kept while nobody listened arrives a little after somebody does, and is lost
   * if nobody does any more by then.
   */
  #arrive({ op, index, flags }: Op): Op[] {
    const listens = op === 'set_irqs' && ((flags as number) & ENABLE) === ENABLE;
    const { messageMs } = this.target;
    return listens && MESSAGES.includes(index) && messageMs > 0 ? [sleep(messageMs)] : [];
  }

  /** Mapped registers that do not answer would be a bus error: the file is asked instead. */
  #safe(op: Op): Op {
    if (this.#answering) return op;
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
    if (op.op === 'reset') this.#powered = true;
    else if (op.op === 'write' && op.region === CONFIG) this.#followConfig(op);
    else if (op.op === 'set_irqs') {
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
