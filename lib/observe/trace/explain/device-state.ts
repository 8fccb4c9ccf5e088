import { MSIX_ENTRY_SIZE, MSIX_MASKED, MSIX_VECTOR_CONTROL } from '../../../contract/msix-table.js';
import { decodeFields, REGISTERS } from '../../../pci/index.js';
import { accessOf, type TracedCall } from '../call-text.js';
import type { ConfigLine, ObjectLine, VectorName } from '../format.js';
import { formatTimes } from './finding.js';
import type { NameAccess } from '../access.js';
import { Polls } from './polls.js';
import { describeSilent, VectorState } from './vector-state.js';

const D3HOT = 3;
/** Number of different DMA faults that are described. */
const MAX_FAULTS = 4;

/** The bits of the command register that can stop a driver. */
interface Command {
  readonly memory: number;
  readonly bus_master: number;
  readonly intx_disable: number;
}

/** The state after an open: vfio-pci enables memory decode and disables bus mastering. */
const AFTER_OPEN: Command = { memory: 1, bus_master: 0, intx_disable: 0 };

/** What happened to one device so far. */
export class DeviceState {
  readonly #polls = new Polls();
  readonly #vectors = new Map<string, VectorState>();
  /** The number of DMA faults, by their text. */
  readonly #faults = new Map<string, number>();
  /** Null if the state is unknown: the server of a vfio-user device decides on its own. */
  #command: Command | null;
  /** Whether the bit bus_master was ever set. */
  #wasBusMaster = false;
  #powerState = 0;
  #msixTable: ConfigLine['msixTable'] = null;
  #usesRegisters = false;
  #usesDma = false;

  constructor({ via }: ObjectLine) {
    this.#command = via === 'vfio-user' ? null : AFTER_OPEN;
  }

  /** Whether the program waits for a vector of the device now. */
  get isAwaited(): boolean {
    return [...this.#vectors.values()].some((vector) => vector.isAwaited);
  }

  /** Adds a call. @param until - time of the end of the call, or of the last of `count` reads */
  call(call: TracedCall, at: number, until: number, count: number): void {
    const { object, method, error } = call;
    if (error !== null) return;
    if (object.kind === 'window') this.#usesRegisters = true;
    else if (object.kind === 'device') this.#noteCall(method);
    else this.#usesDma ||= method === 'map' || method === 'mapSync';
    if (/^(read\d|load)/.test(method)) this.#polls.read(call, at, until, count);
    else if (/^(write|store)/.test(method)) this.#noteWrite(call, at);
  }

  configure({ command, powerState, msixTable }: ConfigLine): void {
    if (command !== null) {
      this.#command = decodeFields(REGISTERS.command, command);
      this.#wasBusMaster ||= this.#command.bus_master === 1;
    }
    this.#powerState = powerState ?? 0;
    this.#msixTable = msixTable;
  }

  vector(name: VectorName): VectorState {
    const key = `${name.irq} ${name.vector}`;
    let state = this.#vectors.get(key);
    if (state === undefined) this.#vectors.set(key, (state = new VectorState(name)));
    return state;
  }

  deliver(name: VectorName, at: number): void {
    this.#polls.end();
    this.vector(name).deliver(at);
  }

  addFault(text: string): void {
    this.#faults.set(text, (this.#faults.get(text) ?? 0) + 1);
  }

  /** Returns a text for each DMA fault. A DMA fault is a defect even in a program that succeeds. */
  describeFaults(): string[] {
    const faults = [...this.#faults].map(
      ([text, count]) => `DMA fault: ${text}${count > 1 ? ` (${formatTimes(count)})` : ''}`,
    );
    const more = faults.length - MAX_FAULTS;
    return more > 0 ? [...faults.slice(0, MAX_FAULTS), `${more} other DMA faults`] : faults;
  }

  /** Returns texts that can explain a hang. The parameters are as in {@link VectorState.neverFired}. */
  describe(start: number, end: number, knowsWaits: boolean, name: NameAccess): string[] {
    const vectors = [...this.#vectors.values()].filter((vector) => vector.isOfInterest(end));
    const silent = vectors.filter((vector) => vector.neverFired(end, knowsWaits));
    const others = vectors.filter((vector) => !silent.includes(vector));
    return [
      ...describeSilent(silent, end, knowsWaits),
      ...others.flatMap((vector) => vector.describe(start, end, knowsWaits)),
      ...vectors.flatMap((vector) => vector.describeMask(start)),
      ...this.#describeState(vectors),
      ...this.#polls.describe(end, false, name),
    ];
  }

  /** Returns texts about polls long before the end of the program. */
  describeOldPolls(end: number, name: NameAccess): string[] {
    return this.#polls.describe(end, true, name);
  }

  #describeState(vectors: readonly VectorState[]): string[] {
    if (this.#command === null) return [];
    const { memory, bus_master, intx_disable } = this.#command;
    const usesMessages = vectors.some(({ name }) => name.irq === 'msi' || name.irq === 'msix');
    const usesIntx = vectors.some(({ name }) => name.irq === 'intx');
    const texts: string[] = [];
    if (bus_master === 0 && (usesMessages || this.#usesDma)) {
      texts.push(
        `bus master is off: the program ${this.#wasBusMaster ? 'cleared' : 'never set'} the bit ` +
          'bus_master of the command register, so the device sends no DMA and no MSI or MSI-X',
      );
    }
    if (memory === 0 && this.#usesRegisters) {
      texts.push(
        'memory decode is off: the program cleared the bit memory of the command register, ' +
          'so reads of registers return all ones, and writes have no effect',
      );
    }
    if (intx_disable === 1 && usesIntx) {
      texts.push('INTx is off: the program set the bit intx_disable of the command register');
    }
    if (this.#powerState === D3HOT) {
      texts.push('the device is in D3hot, so its registers do not respond');
    }
    return texts;
  }

  #noteCall(method: string): void {
    // A reset keeps the command register, because the kernel saves and restores it.
    if (method === 'reset' || method === 'resetSync' || method === 'hotReset') {
      this.#powerState = 0;
      this.#polls.end();
    }
  }

  #noteWrite(call: TracedCall, at: number): void {
    this.#polls.end();
    const table = this.#msixTable;
    const access = table === null ? null : accessOf(call);
    if (table === null || access?.region !== table.region || access.value === null) return;
    const place = access.offset - table.offset - MSIX_VECTOR_CONTROL;
    const vector = place / MSIX_ENTRY_SIZE;
    if (!Number.isInteger(vector) || vector < 0 || vector >= table.vectors) return;
    const state = this.vector({ device: call.object.device, irq: 'msix', vector });
    if ((Number(access.value) & MSIX_MASKED) === 0) state.unmask(at);
    else state.mask(at, 'the program, in the MSI-X table');
  }
}
