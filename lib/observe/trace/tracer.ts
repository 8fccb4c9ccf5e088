// A program can replace the global timers, for example in a test.
import { clearTimeout, setTimeout } from 'node:timers';
import type { Eventfd, IrqSet } from '../../contract/index.js';
import type { WindowRegisters } from '../../contract/register-names.js';
import { Guard } from '../guard.js';
import type { Call, Fired, Observer, Outcome, Subject } from '../index.js';
import { CallWriter } from './call-writer.js';
import { ChannelEvents } from './channel-events.js';
import { now } from './clock.js';
import { ConfigImage } from './config-image.js';
import type { RareLine } from './format.js';
import { Log } from './log.js';
import { SignalCounters, type SignalCounter } from './signal-counters.js';
import { VectorMap } from './vectors.js';

/** Longest time that a line stays in memory if the program makes no further call. */
const FLUSH_DELAY_MS = 200;

/** An eventfd that is in a slot of an event set. */
interface WatchedEventfd {
  readonly eventfd: Eventfd;
  readonly signals: SignalCounter;
}

/** Writes a line for each call, each signal and each delivery of a program. */
class Tracer {
  readonly #guard: Guard;
  readonly #log: Log;
  readonly #calls: CallWriter;
  readonly #vectors: VectorMap;
  readonly #counters: SignalCounters;
  readonly #events: ChannelEvents;
  /** The eventfds of each event set, by the id of the event set and the number of the slot. */
  readonly #watched = new Map<number, Map<number, WatchedEventfd>>();
  readonly #images = new Map<string, ConfigImage>();
  /** The windows whose registers are in the trace, for each definition. */
  readonly #named = new WeakMap<WindowRegisters, Set<string>>();
  #timer: NodeJS.Timeout | null = null;

  constructor(log: Log, guard: Guard) {
    this.#guard = guard;
    this.#log = log;
    this.#calls = new CallWriter(log, () => {
      this.flush();
    });
    const write = (line: RareLine) => {
      this.#write(line);
    };
    this.#vectors = new VectorMap(write);
    this.#counters = new SignalCounters(guard, (eventfd, at, total) => {
      const name = this.#vectors.nameOf(eventfd);
      if (name === undefined) return;
      write({ type: 'signal', at, ...name, ...(total === undefined ? {} : { total }) });
    });
    this.#events = new ChannelEvents(guard, this.#vectors, write, () => {
      this.#scheduleFlush();
    });
  }

  readonly observer: Observer = (call) => {
    const { subject, method, args } = call;
    if (method === 'deliver') return this.#traceDelivery(subject, args as readonly Fired[]);
    if (method === 'nameRegisters') return this.#traceNames(subject, args[0] as WindowRegisters);
    if (subject.kind === 'eventSet') this.#beforeEventSetCall(subject, method, args);
    const end = this.#calls.begin(call);
    return (outcome) => {
      end(outcome);
      this.#scheduleFlush();
      if ('error' in outcome) return;
      if (subject.kind === 'device') this.#noteConfig(call, outcome.value);
      if (method === 'add' && subject.kind === 'eventSet') this.#watch(subject, args);
      if (method === 'setIrqs' && outcome.value === 0) {
        this.#vectors.applyIrqSet(subject.device, args[0] as IrqSet);
      }
      // After the close, the program can end without the event 'exit', for example as a worker.
      if (method === 'close' && subject.kind === 'device') this.flush();
    };
  };

  /** Writes the lines that are still in memory. */
  flush(): void {
    this.#counters.receive();
    this.#events.writeWaits();
    this.#calls.flush();
  }

  /**
   * Writes the final interrupt count of each eventfd that is still in an event set.
   *
   * @param exitCode - the exit code of the thread
   */
  close(exitCode: number): void {
    this.#events.writeWaits();
    this.#write({ type: 'end', at: now(), exitCode });
    for (const set of this.#watched.keys()) this.#removeAll(set);
    this.#counters.flush();
    this.#calls.settle();
    this.#log.endBatches();
  }

  /** Releases the resources without writing. */
  abandon(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#counters.close();
    this.#events.close();
  }

  #noteConfig(call: Call, value: unknown): void {
    const { device } = call.subject;
    const image = this.#images.get(device) ?? new ConfigImage();
    this.#images.set(device, image);
    const facts = image.note(call, value);
    if (facts !== null) this.#write({ type: 'config', at: now(), device, ...facts });
  }

  #write(line: RareLine): void {
    this.#calls.settle();
    this.#log.write(line);
    this.#scheduleFlush();
  }

  #scheduleFlush(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null;
      this.#guard.run(() => {
        this.flush();
      });
    }, FLUSH_DELAY_MS).unref();
  }

  #beforeEventSetCall({ id }: Subject, method: string, args: readonly unknown[]): void {
    if (method === 'remove') this.#removeSlot(id, args[0] as number);
    else if (method === 'close') this.#removeAll(id);
  }

  /** Watches an eventfd that was added. The event set has discarded the earlier signals. */
  #watch({ id }: Subject, args: readonly unknown[]): void {
    const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
    const slots = this.#watched.get(id) ?? new Map<number, WatchedEventfd>();
    this.#watched.set(id, slots);
    slots.set(slot, { eventfd, signals: this.#counters.create(eventfd, counted) });
  }

  #traceDelivery({ device, id }: Subject, fired: readonly Fired[]): (outcome: Outcome) => void {
    const at = now();
    this.#counters.receive();
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

  /** Writes the registers of a window, once for each definition. */
  #traceNames({ device, region = 0, offset = 0 }: Subject, registers: WindowRegisters) {
    const places = this.#named.get(registers) ?? new Set<string>();
    this.#named.set(registers, places);
    const place = `${device} ${region} ${offset}`;
    if (!places.has(place)) {
      places.add(place);
      const at = now();
      this.#write({ type: 'registers', at, device, region, offset, registers: registers.toJSON() });
    }
    return () => undefined;
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

/**
 * Creates an observer that writes the calls of this thread to a file in a folder. The first call
 * creates the file.
 */
export function createTracer(folder: string): Observer {
  let log: Log | null = null;
  let tracer: Tracer | null = null;
  const guard = new Guard('VFIO_TRACE', (reason) => {
    tracer?.abandon();
    log?.stop(reason);
    return log === null ? 'Nothing is traced.' : `The trace ends here: ${log.path}`;
  });
  const start = (): Tracer => {
    log = new Log(folder);
    const started = (tracer = new Tracer(log, guard));
    process.on('exit', (exitCode) => {
      guard.run(() => {
        started.close(exitCode);
      });
    });
    return started;
  };
  return guard.observer((call) => (tracer ?? start()).observer(call));
}
