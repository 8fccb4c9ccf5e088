import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Answer as Fields } from '../../lib/run/answers.js';
import { toReply } from '../../lib/run/run.js';
import type { Session } from '../../lib/run/session.js';
import type { Answer, Op } from './script.js';

const FEATURE_GET = 1 << 16;
const FEATURE_SET = 1 << 17;
const DMA_BUF = 11;
const LOW_POWER_ENTRY_WITH_WAKEUP = 4;

let files = 0;

/** Opens a new file of a length that is deleted at once. */
function openFile(length: number, folder = tmpdir()): number {
  const path = join(folder, `differential-${process.pid}-${++files}`);
  const fd = openSync(path, 'wx+');
  unlinkSync(path);
  ftruncateSync(fd, length);
  return fd;
}

/** Encodes struct vfio_device_feature_dma_buf with its ranges. */
function encodeDmaBuf({ region, open_flags, flags, count, ranges }: Op): Uint8Array {
  const pairs = ranges as readonly (readonly [string, string])[];
  const bytes = Buffer.alloc(16 + 16 * pairs.length);
  [region, open_flags, flags, count].forEach((value, i) =>
    bytes.writeUInt32LE(value as number, 4 * i),
  );
  pairs.flat().forEach((value, i) => bytes.writeBigUInt64LE(BigInt(value), 16 + 8 * i));
  return bytes;
}

/** The calls of a back end that `vfio run` does not make, by the name of the operation. */
const calls: Readonly<Record<string, (session: Session, op: Op) => Fields>> = {
  eventfd_signal: (session, { name, count }) => {
    session.ensureEventfd(name as string).signal(BigInt(count as string));
    return {};
  },
  eventfd_close: (session, { name }) => {
    session.ensureEventfd(name as string).close();
    return {};
  },
  ioeventfd: (session, { region, offset, width, value, name }) => {
    session.connection.ioeventfd({
      region: region as number,
      offset: offset as number,
      width: width as number,
      value: BigInt(value as string),
      eventfd: name === null ? null : session.ensureEventfd(name as string),
    });
    return {};
  },
  // The addresses and the ids of the devices differ, so only the number of devices is compared.
  hot_reset_info: ({ connection }) => {
    const { flags, devices } = connection.getHotResetInfo();
    return { flags, devices: devices.length };
  },
  hot_reset: ({ connection }, { others }) => {
    connection.hotReset(Array.from({ length: others as number }, () => connection));
    return {};
  },
  pasid: ({ connection }, { attach, pasid }) => {
    if (attach === true) connection.attachPasid(pasid as number);
    else connection.detachPasid(pasid as number);
    return {};
  },
  // The number of CPUs differs, so only the success is compared.
  affinity: ({ connection }, { index, vector }) => {
    connection.getAffinity(index as number, vector as number);
    return {};
  },
  map: ({ connection }, { region, offset, length }) => {
    connection.map(region as number, offset as number, length as number).close();
    return {};
  },
  file_buffer: (session, { name, size, length, writable }) => {
    const fd = openFile(length as number);
    try {
      session.addBuffer(name as string, (space) =>
        space.fromFd(fd, 0, size as number, writable as boolean),
      );
    } finally {
      closeSync(fd);
    }
    return {};
  },
  dma_buf: ({ connection }, op) => {
    closeSync(connection.feature(FEATURE_GET | DMA_BUF, encodeDmaBuf(op)));
    return {};
  },
  // Maps a file by its descriptor: a file on tmpfs, an ordinary file, or a part of a BAR.
  import_map: ({ connection }, op) => {
    const fd =
      op.kind === 'dma_buf'
        ? connection.feature(FEATURE_GET | DMA_BUF, encodeDmaBuf(op))
        : openFile(op.length as number, op.kind === 'memory' ? '/dev/shm' : '/');
    try {
      const { addressSpace } = connection;
      const memory = addressSpace.importFile(fd, op.offset as number, op.memory as number);
      try {
        const [size, iova] = [BigInt(op.size as number), BigInt(op.iova as string)];
        addressSpace.mapSync(memory, 0, size, iova, op.access as number);
      } finally {
        memory.release();
      }
    } finally {
      closeSync(fd);
    }
    return {};
  },
  low_power_wakeup: (session, { name }) => {
    const flags = FEATURE_SET | LOW_POWER_ENTRY_WITH_WAKEUP;
    session.connection.feature(flags, new Uint8Array(8), session.ensureEventfd(name as string));
    return {};
  },
};

/** Names of the operations that {@link runCall} runs. */
export const CALLS: readonly string[] = Object.keys(calls);

/** Makes a call that `vfio run` does not make. Errors become answers, as in `vfio run`. */
export function runCall(session: Session, op: Op): Answer {
  try {
    return { ok: true, ...calls[op.op]?.(session, op) };
  } catch (error) {
    return toReply(error);
  }
}
