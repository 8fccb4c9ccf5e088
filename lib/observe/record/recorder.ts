import type { Eventfd, Memory } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Call, Fired, Observer, Outcome } from '../index.js';
import { failed, hex } from '../../run/answers.js';
import { SIGNALLED } from '../../run/replay.js';
import { RecordFile } from './file.js';
import { WatchedMemory } from './memory.js';
import { Names } from './names.js';
import { translateCall, type ScriptLine } from './translate.js';

const ALLOCATING = ['allocate', 'fromFd', 'fromShared'];
/** Methods that can start or stop the DMA of the device. */
const AFFECTS_DMA = /^(write|store|setIrqs|feature|reset|map|unmap|close)/;

/** An eventfd that is in a slot of an event set. */
interface WatchedEventfd {
  readonly eventfd: Eventfd;
  /** Whether each delivery reads the eventfd. */
  readonly counted: boolean;
}

/** Writes the calls on one device, with the answers, as a script of `vfio run`. */
class Recorder {
  readonly #file: RecordFile;
  readonly #names = { eventfds: new Names<Eventfd>('e'), memories: new Names<Memory>('b') };
  readonly #memories = new Map<Memory, WatchedMemory>();
  /** A key consists of the id of the event set and the number of the slot. */
  readonly #eventfds = new Map<string, WatchedEventfd>();

  constructor(file: RecordFile) {
    this.#file = file;
  }

  observe(call: Call): (outcome: Outcome) => void {
    const { subject, method, args } = call;
    if (subject.kind === 'eventSet') {
      this.#observeEventSet(subject.id, method, args);
      return () => undefined;
    }
    if (AFFECTS_DMA.test(method)) this.#writeMemoryChanges(false);
    const lines = translateCall(call, this.#names);
    return (outcome) => {
      this.#writeLines(call, lines, outcome);
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
      if (operation.op !== 'dma_map') continue;
      this.#memories.get(args[0] as Memory)?.addMapping(operation.flags as number);
    }
  }

  #watchMemory(memory: Memory): void {
    const name = this.#names.memories.nameOf(memory);
    this.#file.write({ op: 'buffer', name, size: memory.size }, { ok: true });
    this.#memories.set(memory, new WatchedMemory(name, memory));
  }

  #observeEventSet(set: number, method: string, args: readonly unknown[]): void {
    if (method === 'add') {
      const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
      this.#eventfds.set(`${set} ${slot}`, { eventfd, counted });
    } else if (method === 'deliver') {
      const fired = args as readonly Fired[];
      for (const { slot, count } of fired) this.#writeSignal(`${set} ${slot}`, count);
      this.#writeMemoryChanges(true);
    }
  }

  #writeSignal(key: string, count: bigint): void {
    const watched = this.#eventfds.get(key);
    if (watched === undefined) return;
    const operation = { op: 'eventfd_read', name: this.#names.eventfds.nameOf(watched.eventfd) };
    this.#file.write(operation, { ok: true, value: watched.counted ? count : SIGNALLED });
  }

  /**
   * Writes the changes of DMA memory to the file. No call reports a change of memory, so the
   * recorder infers the writer. Changes before an interrupt come from the device, and changes
   * before a call come from the program. If the device can write the memory but cannot read the
   * memory, all changes come from the device.
   *
   * @param interrupted - true if an interrupt was delivered, false if a call is about to be made
   */
  #writeMemoryChanges(interrupted: boolean): void {
    for (const [memory, watched] of this.#memories) {
      if (watched.isDetached) this.#memories.delete(memory);
      const byDevice = watched.isWriteOnlyForDevice || (interrupted && watched.isDeviceWritable);
      if (interrupted && !byDevice) continue;
      for (const { offset, data } of watched.takeChanges()) {
        const { name } = watched;
        if (byDevice) {
          const operation = { op: 'buffer_read', name, offset, length: data.length };
          this.#file.write(operation, { ok: true, data: hex(data) });
        } else {
          this.#file.write({ op: 'buffer_write', name, offset, data: hex(data) }, { ok: true });
        }
      }
    }
  }
}

/**
 * Creates an observer that records each device of this thread in a file. The file of the first
 * device has the name `path`. The names of further files have the suffixes `.2`, `.3` and so on.
 */
export function createRecorder(path: string): Observer {
  const recorders = new Map<string, Recorder>();
  return (call) => {
    const { device } = call.subject;
    let recorder = recorders.get(device);
    if (recorder === undefined) {
      recorder = new Recorder(RecordFile.create(path));
      recorders.set(device, recorder);
    }
    return recorder.observe(call);
  };
}
