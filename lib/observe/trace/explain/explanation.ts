import { type NameAccess, nameless } from '../access.js';
import { isCall } from '../merged-lines.js';
import type { BeginLine, CallLine, Line, ObjectLine, RareLine, VectorName } from '../format.js';
import type { Ending } from '../ending.js';
import { DeviceState } from './device-state.js';
import { formatSeconds, type Finding } from './finding.js';

/** Calls that return sooner are normal, in nanoseconds. */
const MIN_BLOCKED = 100e6;
/** The exit code of Node if a top-level `await` never settles. */
const UNSETTLED_AWAIT = 13;

/**
 * Follows the lines of one thread, and explains at the end why the program did not continue. The
 * memory that this needs depends on the number of registers and vectors, not on the number of lines.
 */
export class Explanation {
  readonly #objects = new Map<number, ObjectLine>();
  readonly #devices = new Map<string, DeviceState>();
  /** The calls that have not returned. */
  readonly #begun = new Map<string, BeginLine>();
  #start = 0;
  #thread = 0;
  #knowsWaits = false;

  /** The names of the devices that the thread used. */
  get devices(): string[] {
    return [...this.#devices.keys()];
  }

  /** Whether the program waits for an interrupt or for the end of a call. */
  get isWaiting(): boolean {
    return this.#begun.size > 0 || [...this.#devices.values()].some(({ isAwaited }) => isAwaited);
  }

  add(line: Line): void {
    if (isCall(line)) this.#addCall(line);
    else this.#addRare(line);
  }

  /**
   * Returns the findings.
   *
   * @param end - time of the end of the program, or the present
   * @param name - names the registers
   */
  findings(ending: Ending, end: number, name: NameAccess = nameless): Finding[] {
    const devices = [...this.#devices].flatMap(([device, state]) => {
      const faults = state.describeFaults();
      const texts = ending.isSuccess
        ? faults
        : [...state.describe(this.#start, end, this.#knowsWaits, name), ...faults];
      return texts.map((text) => ({ device, text }));
    });
    if (ending.isSuccess) return devices;
    const old = [...this.#devices].flatMap(([device, state]) =>
      state.describeOldPolls(end, name).map((text) => ({ device, text })),
    );
    return [...devices, ...this.#unfinished(end), ...this.#unsettled(ending), ...old];
  }

  #addCall([at, duration, id, method, args, result, error, count = 1]: CallLine): void {
    const object = this.#objects.get(id);
    if (object === undefined) return;
    if (this.#begun.size > 0) this.#begun.delete(beginKey(id, method, at));
    const call = { object, method, args, result: result ?? null, error: error ?? null };
    this.#device(object).call(call, at, at + duration, count);
  }

  #addRare(line: RareLine): void {
    switch (line.type) {
      case 'start':
        [this.#start, this.#thread] = [line.at, line.thread];
        break;
      case 'object':
        this.#objects.set(line.id, line);
        this.#device(line);
        break;
      case 'begin':
        this.#begun.set(beginKey(line.object, line.method, line.at), line);
        break;
      case 'config':
        this.#devices.get(line.device)?.configure(line);
        break;
      case 'dmaFault':
        this.#devices.get(line.device)?.addFault(line.text);
        break;
      case 'deliver':
        for (const { irq, vector } of line.vectors) {
          this.#devices.get(line.device)?.deliver({ device: line.device, irq, vector }, line.at);
        }
        break;
      case 'registers':
      case 'stop':
      case 'end':
        break;
      default:
        this.#addVectorLine(line);
    }
  }

  #addVectorLine(line: VectorName & { readonly type: string; readonly at: number }): void {
    const vector = this.#devices.get(line.device)?.vector(line);
    if (vector === undefined) return;
    switch (line.type) {
      case 'bind':
        vector.bind(line.at);
        break;
      case 'release':
        vector.release(line.at);
        break;
      case 'resample':
        vector.automasked = false;
        vector.unmask(line.at);
        break;
      case 'signal':
        vector.fire(line.at);
        break;
      case 'mask':
        vector.mask(line.at, 'the program, by SET_IRQS');
        break;
      case 'unmask':
        vector.unmask(line.at);
        break;
      case 'await':
        this.#knowsWaits = true;
        vector.beginWait(line.at);
        break;
      case 'awaited':
        vector.endWait(line.at);
    }
  }

  #device(object: ObjectLine): DeviceState {
    let state = this.#devices.get(object.device);
    if (state === undefined) {
      state = new DeviceState(object);
      this.#devices.set(object.device, state);
    }
    return state;
  }

  #unfinished(end: number): Finding[] {
    return [...this.#begun.values()].flatMap(({ object, method, args, at }) => {
      const device = this.#objects.get(object)?.device ?? null;
      if (end - at < MIN_BLOCKED) return [];
      const text = `${method}(${args}) did not return for ${formatSeconds(end - at)}`;
      return [{ device, text }];
    });
  }

  #unsettled({ exitCode }: Ending): Finding[] {
    if (exitCode !== UNSETTLED_AWAIT || this.#thread !== 0) return [];
    const text = 'a top-level await never settled, and nothing kept the event loop alive';
    return [{ device: null, text }];
  }
}

function beginKey(object: number, method: string, at: number): string {
  return `${object} ${method} ${at}`;
}
