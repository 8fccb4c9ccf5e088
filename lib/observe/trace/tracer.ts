import type { Eventfd, IrqSet } from '../../contract/index.js';
import type { Call, Fired, Observer, Subject } from '../index.js';
import { now } from './clock.js';
import { describeArgs, describeOutcome } from './describe.js';
import type { Line } from './format.js';
import { Log } from './log.js';
import { SignalCounters, type SignalCounter } from './signal-counters.js';
import { VectorMap } from './vectors.js';

/** An eventfd that is in a slot of an event set. */
interface WatchedEventfd {
  readonly eventfd: Eventfd;
  readonly signals: SignalCounter;
}

/** Writes a line for each call, each signal and each delivery of a program. */
class Tracer {
  readonly #write: (line: Line) => void;
  readonly #vectors: VectorMap;
  readonly #counters: SignalCounters;
  /**
   * The eventfds of all event sets. A key consists of the id of the event set and the number of the
   * slot.
   */
  readonly #watched = new Map<number, Map<number, WatchedEventfd>>();

  constructor(write: (line: Line) => void) {
    this.#write = write;
    this.#vectors = new VectorMap(write);
    this.#counters = new SignalCounters((eventfd, at, total) => {
      const name = this.#vectors.nameOf(eventfd);
      if (name === undefined) return;
      write({ type: 'signal', at, ...name, ...(total === undefined ? {} : { total }) });
    });
  }

  readonly observer: Observer = (call) => {
    const { subject, method, args } = call;
    if (method === 'deliver') return this.#traceDelivery(subject, args as readonly Fired[]);
    if (subject.kind === 'eventSet') this.#followEventSet(subject, method, args);
    const described = describeArgs(call);
    const at = now();
    return (outcome) => {
      const end = now();
      this.#write({
        type: 'call',
        at,
        end,
        ...identifyCall(call),
        args: described,
        ...describeOutcome(outcome),
      });
      if (method === 'setIrqs' && 'value' in outcome && outcome.value === 0) {
        this.#vectors.applyIrqSet(subject.device, args[0] as IrqSet);
      }
    };
  };

  /** Writes the final interrupt count of each eventfd that is still in an event set. */
  close(): void {
    for (const set of this.#watched.keys()) this.#removeAll(set);
    this.#counters.flush();
  }

  #followEventSet({ id }: Subject, method: string, args: readonly unknown[]): void {
    if (method === 'add') {
      const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
      const slots = this.#watched.get(id) ?? new Map<number, WatchedEventfd>();
      this.#watched.set(id, slots);
      if (slots.has(slot)) return;
      slots.set(slot, { eventfd, signals: this.#counters.create(eventfd, counted) });
    } else if (method === 'remove') {
      this.#removeSlot(id, args[0] as number);
    } else if (method === 'close') {
      this.#removeAll(id);
    }
  }

  #traceDelivery({ device, id }: Subject, fired: readonly Fired[]) {
    const at = now();
    const vectors = fired.flatMap(({ slot, count }) => {
      const watched = this.#watched.get(id)?.get(slot);
      const name = watched && this.#vectors.nameOf(watched.eventfd);
      if (watched === undefined || name === undefined) return [];
      const total = watched.signals.total(count);
      return [{ irq: name.irq, vector: name.vector, total }];
    });
    return () => {
      this.#write({ type: 'deliver', at, end: now(), device, vectors });
    };
  }

  #removeAll(set: number): void {
    for (const slot of [...(this.#watched.get(set)?.keys() ?? [])]) this.#removeSlot(set, slot);
  }

  #removeSlot(set: number, slot: number): void {
    const watched = this.#watched.get(set)?.get(slot);
    if (watched === undefined) return;
    this.#watched.get(set)?.delete(slot);
    const name = this.#vectors.nameOf(watched.eventfd);
    const total = watched.signals.total(0n);
    watched.signals.stop();
    if (name !== undefined) this.#write({ type: 'leave', at: now(), ...name, total });
  }
}

function identifyCall({ subject, method }: Call) {
  const { device, kind, id, region } = subject;
  const where = region === undefined ? kind : `${kind} of region ${region}`;
  return { device, kind: where, id, method };
}

/** Creates an observer that writes the calls of this thread to a file in a folder. */
export function createTracer(folder: string): Observer {
  const log = new Log(folder);
  const tracer = new Tracer((line) => {
    log.write(line);
  });
  process.on('exit', () => {
    tracer.close();
    log.close();
  });
  return tracer.observer;
}
