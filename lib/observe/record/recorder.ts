import type { Eventfd, Memory } from '../../contract/index.js';
import { VfioError } from '../../errors.js';
import type { Call, Fired, Observer, Outcome } from '../index.js';
import { failed, hex } from '../../run/answers.js';
import { SIGNALLED } from '../../run/replay.js';
import { RecordFile } from './file.js';
import { WatchedMemory } from './memory.js';
import { Names } from './names.js';
import { translate, type Said } from './translate.js';

const ALLOCATING = ['allocate', 'fromFd', 'fromShared'];
/** What may set a device in motion, or ends what it does. */
const MOVES = /^(write|store|setIrqs|feature|reset|map|unmap|close)/;

interface Watched {
  readonly eventfd: Eventfd;
  readonly counted: boolean;
}

/** Writes what a program does with one device as a script of `vfio run` with answers. */
class Recorder {
  readonly #file: RecordFile;
  readonly #words = { eventfds: new Names<Eventfd>('e'), memories: new Names<Memory>('b') };
  readonly #memories = new Map<Memory, WatchedMemory>();
  /** By event set and slot. */
  readonly #watched = new Map<string, Watched>();

  constructor(file: RecordFile) {
    this.#file = file;
  }

  observe(call: Call): (outcome: Outcome) => void {
    const { subject, method, args } = call;
    if (subject.kind === 'eventSet') {
      this.#events(subject.id, method, args);
      return () => undefined;
    }
    if (MOVES.test(method)) this.#lookAtMemory(false);
    const said = translate(call, this.#words);
    return (outcome) => {
      this.#end(call, said, outcome);
    };
  }

  #end({ method, args }: Call, said: readonly Said[], outcome: Outcome): void {
    if ('error' in outcome) {
      // What the library refuses was never sent.
      if (!(outcome.error instanceof VfioError)) return;
      const [first] = said;
      if (first !== undefined) this.#file.write(first.operation, failed(outcome.error));
      return;
    }
    const { value } = outcome;
    if (ALLOCATING.includes(method)) this.#watch(value as Memory);
    for (const { operation, answer } of said) {
      this.#file.write(operation, { ok: true, ...answer(value) });
      if (operation.op !== 'dma_map') continue;
      this.#memories.get(args[0] as Memory)?.mapped(operation.flags as number);
    }
  }

  #watch(memory: Memory): void {
    const name = this.#words.memories.of(memory);
    this.#file.write({ op: 'buffer', name, size: memory.size }, { ok: true });
    this.#memories.set(memory, new WatchedMemory(name, memory));
  }

  #events(set: number, method: string, args: readonly unknown[]): void {
    if (method === 'add') {
      const [slot, eventfd, counted] = args as [number, Eventfd, boolean];
      this.#watched.set(`${set} ${slot}`, { eventfd, counted });
    } else if (method === 'deliver') {
      const fired = args as readonly Fired[];
      for (const { slot, count } of fired) this.#signalled(`${set} ${slot}`, count);
      this.#lookAtMemory(true);
    }
  }

  #signalled(place: string, count: bigint): void {
    const watched = this.#watched.get(place);
    if (watched === undefined) return;
    const operation = { op: 'eventfd_read', name: this.#words.eventfds.of(watched.eventfd) };
    this.#file.write(operation, { ok: true, value: watched.counted ? count : SIGNALLED });
  }

  /**
   * Memory is written without calls. What changed by an interrupt was the device, what changed by
   * a call was the program: unless the mapping says that only the device writes there.
   */
  #lookAtMemory(interrupted: boolean): void {
    for (const [memory, watched] of this.#memories) {
      if (memory.buffer.byteLength === 0) this.#memories.delete(memory);
      const byDevice = watched.onlyDeviceWrites || (interrupted && watched.deviceWrites);
      if (interrupted && !byDevice) continue;
      for (const { offset, data } of watched.changes()) {
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

/** Records each device of this thread in a file of its own, the first one in the one named. */
export function recordInto(path: string): Observer {
  const recorders = new Map<string, Recorder>();
  return (call) => {
    const { device } = call.subject;
    let recorder = recorders.get(device);
    if (recorder === undefined) {
      recorder = new Recorder(RecordFile.beside(path));
      recorders.set(device, recorder);
    }
    return recorder.observe(call);
  };
}
