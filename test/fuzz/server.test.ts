// Random answers of a vfio-user server. Every call returns a value or throws a VfioError, no
// descriptor is left open, and a session that has ended stays ended.
import test from 'ava';
import fc from '../fast-check.js';
import { DmaMappings } from '../../lib/backend/vfio-user/dma-mappings.js';
import { UserConnection } from '../../lib/backend/vfio-user/connection.js';
import {
  INFO_SIZE,
  readInfo,
  readVersion,
  startInfo,
  startVersion,
  VERSION_SIZE,
} from '../../lib/backend/vfio-user/negotiate.js';
import { PAGE_SIZE } from '../../lib/checks.js';
import { Session } from '../../lib/backend/vfio-user/session.js';
import { MemoryAreas } from '../../lib/backend/linux/memory-areas.js';
import { VfioError } from '../../lib/errors.js';
import type { Handle, Native } from '../../lib/native/binding.js';
import { Sysfs } from '../../lib/sysfs/sysfs.js';
import { COMMANDS, header, words } from '../serve/raw-client.js';
import { fuzz, u32, u64 } from './inputs.js';

const REPLY = 1;
const ERROR = 0x20;
const PAGE = BigInt(PAGE_SIZE);
const memoryAreas = new MemoryAreas(new Sysfs());
/** The descriptor of the socket. Received descriptors have higher numbers. */
const SOCKET = 1000;

/** A change of the correct answer to one command. */
interface Change {
  /** The number of the command. */
  readonly at: number;
  readonly kind: 'word' | 'cut' | 'extend' | 'id' | 'error' | 'command' | 'end' | 'nothing' | 'fds';
  readonly position: number;
  readonly value: number;
  readonly iova: bigint;
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(24),
  kind: fc.constantFrom(
    ...(['word', 'word', 'word', 'cut', 'extend', 'id', 'error'] as const),
    ...(['command', 'command', 'end', 'nothing', 'fds'] as const),
  ),
  position: fc.nat(80),
  value: u32,
  iova: u64,
});

/** Returns the payload of the correct answer. */
function answer(command: number, payload: Buffer): Buffer {
  const index = payload.length >= 12 ? payload.readUInt32LE(8) : 0;
  if (command === COMMANDS.version) {
    return Buffer.concat([words(1 << 16), Buffer.from('{"capabilities":{"max_msg_fds":4}}\0')]);
  }
  if (command === COMMANDS.getInfo) return words(16, 3, 9, 5);
  if (command === COMMANDS.getRegionInfo) {
    const size = { 0: 0x4000n, 7: 256n }[index] ?? 0n;
    const info = words(64, 0xf, index, 32, size, 0n);
    const areas = words(1 | (1 << 16), 0, 1, 0, 0x1000n, 0x1000n);
    return payload.readUInt32LE(0) > 32 ? Buffer.concat([info, areas]) : info;
  }
  if (command === COMMANDS.getIrqInfo) return words(16, 1, index, index === 2 ? 8 : 1);
  if (command === COMMANDS.regionRead) {
    const count = payload.readUInt32LE(12);
    return Buffer.concat([payload, Buffer.alloc(count, 0x5a)]);
  }
  return payload.subarray(0, 24);
}

/** A socket whose peer answers each command at once. */
class FakeSocket {
  readonly open = new Set([SOCKET]);
  readonly #changes: readonly Change[];
  #buffer = new Uint8Array(0);
  #pending: Buffer[] = [];
  /** The descriptors of the received messages, and of the messages that follow. */
  #fds: number[] = [];
  #pendingFds: number[] = [];
  #commands = 0;
  #nextFd = SOCKET + 1;
  #hasEnded = false;

  constructor(changes: readonly Change[]) {
    this.#changes = changes;
  }

  get native(): Native {
    const calls: Partial<Native> = {
      close: (fd) => {
        this.open.delete(fd);
      },
      streamOpen: (_fd, buffer) => {
        this.#buffer = new Uint8Array(buffer);
        return {} as Handle<'stream'>;
      },
      streamSend: (_stream, bytes, length) => {
        this.#answer(Buffer.from(bytes.slice(0, length)));
        return true;
      },
      streamFlush: () => true,
      // The peer has ended if no answer comes, so no test waits.
      streamWait: (_stream, events) => events,
      streamReceive: () => this.#receive(),
      streamTakeFds: () => this.#fds.splice(0),
      streamClose: () => {
        for (const fd of [...this.#fds, ...this.#pendingFds]) this.open.delete(fd);
      },
      watchOpen: () => ({}) as Handle<'watch'>,
      watchStart: () => undefined,
      watchUnref: () => undefined,
      watchClose: () => undefined,
      fileKind: () => 'other',
      memoryFileCreate: () => this.#newFd(),
      memoryFileMap: () => ({}) as Handle<'memoryFile'>,
      memoryFileAllocate: (_file, _fd, _offset, size) => new ArrayBuffer(size),
      memoryFileFree: () => true,
      pread: (_fd, _offset, into) => into.length,
      pwrite: (_fd, _offset, from) => from.length,
    };
    return calls as Native;
  }

  #newFd(): number {
    const fd = this.#nextFd++;
    this.open.add(fd);
    return fd;
  }

  #receive(): number {
    const bytes = Buffer.concat(this.#pending.splice(0));
    // Native code closes the descriptors that nobody has taken.
    for (const fd of this.#fds) this.open.delete(fd);
    this.#fds = this.#pendingFds.splice(0);
    if (bytes.length === 0) return -1;
    // Native code refuses wrong sizes, and returns whole messages only.
    for (let at = 0; at < bytes.length; at += bytes.readUInt32LE(at + 4)) {
      const size = bytes.length - at < 16 ? 0 : bytes.readUInt32LE(at + 4);
      if (size < 16 || size > bytes.length - at) throw new VfioError({ code: 'EBADMSG' });
    }
    this.#buffer.set(bytes);
    return bytes.length;
  }

  #answer(message: Buffer): void {
    if ((message.readUInt32LE(8) & 0xf) === REPLY || this.#hasEnded) return;
    const [id, command] = [message.readUInt16LE(0), message.readUInt16LE(2)];
    let payload = answer(command, message.subarray(16));
    let head = { id, flags: REPLY, errno: 0 };
    for (const { at, kind, position, value, iova } of this.#changes) {
      if (at !== this.#commands) continue;
      if (kind === 'word' && position + 4 <= payload.length) {
        payload = Buffer.from(payload);
        payload.writeUInt32LE(value, position);
      } else if (kind === 'cut') payload = payload.subarray(0, position);
      else if (kind === 'extend') payload = Buffer.concat([payload, Buffer.alloc(position)]);
      else if (kind === 'id') head = { ...head, id: value & 0xffff };
      else if (kind === 'error') head = { ...head, flags: REPLY | ERROR, errno: value };
      else if (kind === 'end') this.#hasEnded = true;
      else if (kind === 'nothing') return;
      else if (kind === 'fds')
        for (let n = 0; n < position % 4; n++) this.#pendingFds.push(this.#newFd());
      else if (kind === 'command') this.#sendCommand(position, value, iova);
    }
    this.#commands++;
    const bytes = header(head.id, command, 16 + payload.length, head.flags);
    bytes.writeUInt32LE(head.errno, 12);
    this.#pending.push(bytes, payload);
  }

  #sendCommand(position: number, value: number, iova: bigint): void {
    const payload = words(iova, BigInt(value)).subarray(0, position);
    const isWrite = position % 2 === 0;
    const data = Buffer.alloc(isWrite ? value % 64 : 0);
    const size = 16 + payload.length + data.length;
    this.#pending.push(header(7, isWrite ? 12 : 11, size), payload, data);
  }
}

/** Opens the device of a server, and uses every kind of command. */
function use(native: Native): UserConnection | undefined {
  const mappings = new DmaMappings();
  const session = new Session(native, 'vfio-user:fake', SOCKET, (command, reply) => {
    mappings.handle(command, reply);
  });
  let connection: UserConnection | undefined;
  const attempt = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      if (!(error instanceof VfioError)) throw error;
    }
  };
  attempt(() => {
    startVersion(session);
    const version = readVersion(session.exchange(VERSION_SIZE));
    startInfo(session);
    const info = readInfo(session.exchange(INFO_SIZE));
    const negotiated = { ...version, info };
    const ranges = [{ start: 0n, end: 0xffff_ffffn }];
    const opened = { session, mappings, negotiated, memoryAreas, ranges };
    connection = new UserConnection(native, 'vfio-user:fake', opened);
  });
  if (connection === undefined) {
    session.close();
    return undefined;
  }
  const { addressSpace } = connection;
  const device = connection;
  for (const index of [0, 7, 8]) attempt(() => device.getRegionInfo(index));
  for (const index of [0, 2]) attempt(() => device.getIrqInfo(index));
  attempt(() => {
    const memory = addressSpace.allocate(2 * PAGE_SIZE, false);
    addressSpace.mapSync(memory, PAGE_SIZE, PAGE, PAGE, 3);
  });
  attempt(() => device.load(7, 0, 4));
  attempt(() => device.read(0, 8, new Uint8Array(300)));
  attempt(() => device.write(0, 8, new Uint8Array(300)));
  attempt(() => device.setIrqs({ index: 2, flags: 0x24, start: 0, count: 2, eventfds: [null, 5] }));
  attempt(() => {
    const window = device.map(0, 0, PAGE_SIZE);
    window.write32(0, 1);
    window.read32(4);
    window.readBlock(0, new Uint8Array(16), 8);
  });
  attempt(() => device.feature(1 << 16, new Uint8Array(8)));
  attempt(() => addressSpace.unmap(PAGE, PAGE, 0));
  attempt(() => {
    device.resetSync();
  });
  return connection;
}

test('random answers of a server end in values and errors, and leave no descriptor', async (t) => {
  let complete = 0;
  await fuzz(t, 500, fc.array(change, { maxLength: 4 }), (changes) => {
    const socket = new FakeSocket(changes);
    const connection = use(socket.native);
    if (connection !== undefined && !connection.gone.aborted) complete++;
    connection?.close();
    if (socket.open.size > 0) throw new Error(`${socket.open.size} descriptors are left`);
  });
  t.true(complete > 100);
});
