import type { Eventfd, IrqSet } from '../../contract/index.js';
import type { Call, Fired, Observer, Subject } from '../index.js';
import { now } from './clock.js';
import { describeArgs, describeOutcome } from './describe.js';
import type { Line } from './format.js';
import { Log } from './log.js';
import { Meters, type Meter } from './meters.js';
import { VectorMap } from './vectors.js';

/** An eventfd in a slot of an event set. */
interface Watched {
  readonly eventfd: Eventfd;
  readonly meter: Meter;
}

/** Turns the calls of a program into lines. */
class Tracer {
  readonly #write: (line: Line) => void;
  readonly #vectors: VectorMap;
  readonly #meters: Meters;
  /** By event set and slot. */
  readonly #watched = new Map<number, Map<number, Watched>>();

  constructor(write: (line: Line) => void) {
    this.#write = write;
    this.#vectors = new VectorMap(write);
    this.#meters = new Meters((eventfd, at, total) => {
      const name = this.#vectors.nameOf(eventfd);
      if (name === undefined) return;
      write({ type: 'signal', at, ...name, ...(total === undefined ? {} : { total }) });
    });
  }

  readonly observer: Observer = (call) => {
    const { subject, method, args } = call;
    if (method === 'deliver') return this.#deliver(subject, args as readonly Fired[]);
    if (subject.kind === 'eventSet') this.#before(subject, method, args);
    const described = describeArgs(call);
    const at = now();
    return (outcome) => {
      const end = now();
      this.#write({
        type: 'call',
        at,
        end,
        ...named(call),
        args: described,
        ...describeOutcome(outcome),
      });
      if (method === 'setIrqs' && 'value' in outcome && outcome.value === 0) {
        this.#vectors.set(subject.device, args[0] as IrqSet);
      }
    };
  };

  /** What is still waited for when the thread ends. */
  close(): void {
    for (const set of this.#watched.keys()) this.#leaveAll(set);
    this.#meters.flush();
  }

  #before({ id }: Subject, method: string, args: readonly unknown[]): void {
    if (method === 'add') {
      const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
      const slots = this.#watched.get(id) ?? new Map<number, Watched>();
      this.#watched.set(id, slots);
      if (slots.has(slot)) return;
      slots.set(slot, { eventfd, meter: this.#meters.meter(eventfd, counted) });
    } else if (method === 'remove') {
      this.#leave(id, args[0] as number);
    } else if (method === 'close') {
      this.#leaveAll(id);
    }
  }

  #deliver({ device, id }: Subject, fired: readonly Fired[]) {
    const at = now();
    const vectors = fired.flatMap(({ slot, count }) => {
      const watched = this.#watched.get(id)?.get(slot);
      const name = watched && this.#vectors.nameOf(watched.eventfd);
      if (watched === undefined || name === undefined) return [];
      const total = watched.meter.total(count);
      return [{ irq: name.irq, vector: name.vector, total }];
    });
    return () => {
      this.#write({ type: 'deliver', at, end: now(), device, vectors });
    };
  }

  #leaveAll(set: number): void {
    for (const slot of [...(this.#watched.get(set)?.keys() ?? [])]) this.#leave(set, slot);
  }

  #leave(set: number, slot: number): void {
    const watched = this.#watched.get(set)?.get(slot);
    if (watched === undefined) return;
    this.#watched.get(set)?.delete(slot);
    const name = this.#vectors.nameOf(watched.eventfd);
    const total = watched.meter.total(0n);
    watched.meter.stop();
    if (name !== undefined) this.#write({ type: 'leave', at: now(), ...name, total });
  }
}

function named({ subject, method }: Call) {
  const { device, kind, id, region } = subject;
  const where = region === undefined ? kind : `${kind} of region ${region}`;
  return { device, kind: where, id, method };
}

/** Writes what this thread does with devices into a file of a folder. */
export function traceInto(folder: string): Observer {
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
