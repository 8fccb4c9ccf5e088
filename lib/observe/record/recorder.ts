import type { Eventfd, Memory } from '../../contract/index.js';
import { VFIO_PCI_CONFIG_REGION_INDEX } from '../../contract/uapi.js';
import { VfioError } from '../../errors.js';
import { createFile } from '../append-file.js';
import { Guard } from '../guard.js';
import type { Call, Fired, Observer, Outcome } from '../index.js';
import { failed } from '../../run/answers.js';
import { SIGNALLED } from '../../run/replay-eventfd.js';
import { Rings } from '../../run/rings.js';
import { RecordFile } from './file.js';
import { type Change, WatchedMemory } from './memory.js';
import { Names } from './names.js';
import { translateCall, type ScriptLine } from './translate.js';

const ALLOCATING = ['allocate', 'fromFd', 'fromShared'];
/** Methods that can start or stop the DMA of the device. */
const AFFECTS_DMA = /^(write|store|setIrqs|feature|reset|map|unmap|close)/;

/** Methods that write a register. Only the device writes memory while such a method runs. */
const WRITES_REGISTER = /^(write|store)/;
/** Methods of an event set that block the program. Only the device writes memory meanwhile. */
const WAITING = ['wait', 'spin'];

/** An eventfd that is in a slot of an event set. */
interface WatchedEventfd {
  readonly eventfd: Eventfd;
  /** Whether each delivery reads the eventfd. */
  readonly counted: boolean;
}

/** Writes the calls on one device, with the answers, as a script of `vfio run`. */
class Recorder {
  readonly #guard: Guard;
  readonly #file: RecordFile;
  readonly #names = { eventfds: new Names<Eventfd>('e'), memories: new Names<Memory>('b') };
  readonly #memories = new Map<Memory, WatchedMemory>();
  /** A key consists of the id of the event set and the number of the slot. */
  readonly #eventfds = new Map<string, WatchedEventfd>();
  readonly #rings = new Rings();
  #isTurnWatched = false;
  /** Whether the memory is compared at the end of this turn of the event loop. */
  #isLookDue = false;
  /**
   * Whether the device reaches memory that a record cannot contain: memory of another process, a
   * memfd or a dma-buf.
   */
  #usesExternalMemory = false;

  /** @param guard - receives the failures of code that runs outside of a call */
  constructor(guard: Guard, file: RecordFile) {
    this.#guard = guard;
    this.#file = file;
  }

  observe(call: Call): (outcome: Outcome) => void {
    const { subject, method, args } = call;
    if (subject.kind === 'eventSet') return this.#observeEventSet(subject.id, method, args);
    if (AFFECTS_DMA.test(method)) {
      this.#look(false);
      this.#writeDeviceChanges();
      this.#writeProgramChanges();
      this.#isLookDue = true;
    }
    this.#watchTurn();
    if (method === 'fromExternal' || method === 'importFile') this.#usesExternalMemory = true;
    const isOmitted = this.#usesExternalMemory && subject.kind === 'addressSpace';
    const lines = isOmitted ? [] : translateCall(call, this.#names);
    // Configuration space has no register for the address of DMA memory.
    const writesRegister = lines.some(
      ({ operation: { op, region } }) =>
        op === 'mmio_write' || (op === 'write' && region !== VFIO_PCI_CONFIG_REGION_INDEX),
    );
    if (writesRegister) for (const memory of this.#memories.values()) memory.makeReachable();
    return (outcome) => {
      this.#writeLines(call, lines, outcome);
      if (WRITES_REGISTER.test(method)) this.#separate(true);
      // After the close, the program can end without the event 'exit', for example as a worker.
      if (method === 'close' && subject.kind === 'device') this.flush();
    };
  }

  #writeLines({ method, args }: Call, lines: readonly ScriptLine[], outcome: Outcome): void {
    if ('error' in outcome) {
      // A call whose arguments the library refuses never reaches the device, so the call is not
      // recorded.
      if (!(outcome.error instanceof VfioError)) return;
      const [first] = lines;
      if (first !== undefined) this.#file.write(first.operation, failed(outcome.error));
      return;
    }
    const { value } = outcome;
    if (ALLOCATING.includes(method)) this.#watchMemory(value as Memory);
    for (const { operation, answer } of lines) {
      this.#file.write(operation, { ok: true, ...answer(value) });
      this.#rings.observe(operation);
      if (operation.op !== 'dma_map') continue;
      this.#memories.get(args[0] as Memory)?.addMapping(operation.flags as number);
    }
  }

  #watchMemory(memory: Memory): void {
    const name = this.#names.memories.nameOf(memory);
    this.#file.write({ op: 'buffer', name, size: memory.size }, { ok: true });
    this.#memories.set(memory, new WatchedMemory(name, memory));
  }

  #observeEventSet(set: number, method: string, args: readonly unknown[]) {
    if (method === 'deliver') {
      this.#look(true);
      const fired = args as readonly Fired[];
      for (const { slot, count } of fired) this.#writeSignal(`${set} ${slot}`, count);
      this.#writeDeviceChanges();
      this.#isLookDue = true;
      this.#watchTurn();
    } else if (WAITING.includes(method)) {
      this.#separate(false);
      this.flush();
    }
    return (outcome: Outcome) => {
      if (method !== 'add' || 'error' in outcome) return;
      const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
      this.#eventfds.set(`${set} ${slot}`, { eventfd, counted });
    };
  }

  #writeSignal(key: string, count: bigint): void {
    const watched = this.#eventfds.get(key);
    if (watched === undefined) return;
    const operation = { op: 'eventfd_read', name: this.#names.eventfds.nameOf(watched.eventfd) };
    this.#file.write(operation, { ok: true, value: watched.counted ? count : SIGNALLED });
  }

  /**
   * Writes the lines to the file when the program's turn of the event loop ends. If the device can
   * write memory, looks at the memory: from the end of the turn to the next interrupt, the program
   * does not run.
   */
  #watchTurn(): void {
    if (this.#isTurnWatched) return;
    this.#isTurnWatched = true;
    queueMicrotask(() => {
      process.nextTick(() => {
        this.#isTurnWatched = false;
        this.#guard.run(() => {
          if (this.#isLookDue) this.#separate(false);
          this.#isLookDue = false;
          this.flush();
        });
      });
    });
  }

  /**
   * Looks at all memory before changes are written.
   *
   * @param onlyDevice - whether only the device can have written memory since the last look
   */
  #look(onlyDevice: boolean): void {
    for (const [memory, watched] of this.#memories) {
      if (watched.isDetached) this.#memories.delete(memory);
      watched.look(onlyDevice);
    }
  }

  /**
   * Looks at the memory that both the program and the device can have written, so that a later look
   * does not mix their changes. Other memory has only one possible writer.
   */
  #separate(onlyDevice: boolean): void {
    for (const watched of this.#memories.values()) {
      if (watched.isAmbiguous) watched.look(onlyDevice);
    }
  }

  /** Writes the lines that are still in memory. */
  flush(): void {
    this.#file.flush();
  }

  #writeDeviceChanges(): void {
    for (const watched of this.#memories.values()) {
      for (const change of watched.takeDeviceChanges()) {
        this.#file.writeDeviceChange(change);
      }
    }
  }

  /**
   * Writes the changes of the program. The device can read memory at any time, and the record does
   * not contain the order of the changes. Rings therefore come last. In the rings, the words that
   * change most often come last, because a program changes an index with each entry.
   */
  #writeProgramChanges(): void {
    const all: { change: Change; memory: WatchedMemory; isRing: boolean }[] = [];
    for (const memory of this.#memories.values()) {
      const isRing = this.#rings.isRing(memory.name);
      for (const change of memory.takeProgramChanges(isRing)) all.push({ change, memory, isRing });
    }
    all.sort((a, b) => Number(a.isRing) - Number(b.isRing) || a.change.count - b.change.count);
    for (const { change, memory } of all) {
      this.#file.writeProgramChange(change, memory.isAmbiguous);
    }
  }
}

/**
 * Creates an observer that records each device of this thread in a file. The file of the first
 * device has the name `path`. The names of further files have the suffixes `.2`, `.3` and so on. If
 * a file cannot be created or written, the recording of all devices stops.
 */
export function createRecorder(path: string): Observer {
  const recorders = new Map<string, Recorder>();
  const files: string[] = [];
  const guard = new Guard('VFIO_RECORD', () => {
    recorders.clear();
    return files.length === 0
      ? 'Nothing is recorded.'
      : `The record ends here: ${files.join(', ')}`;
  });
  process.on('exit', () => {
    guard.run(() => {
      for (const recorder of recorders.values()) recorder.flush();
    });
  });
  return guard.observer((call) => {
    const { device } = call.subject;
    let recorder = recorders.get(device);
    if (recorder === undefined) {
      const file = createFile(path);
      files.push(file.path);
      recorder = new Recorder(guard, new RecordFile(file.fd));
      recorders.set(device, recorder);
    }
    return recorder.observe(call);
  });
}
