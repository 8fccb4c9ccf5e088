import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The BAR memory behind a dma-buf. */
export interface DmaBufExport {
  /** Size of all ranges together, in bytes. */
  readonly size: number;
  /** Number of ranges. */
  readonly ranges: number;
  /** Whether the exporting device does not respond now. */
  readonly isRevoked: boolean;
  /** The number of revocations so far. A mapping ends with the first revocation after it. */
  readonly revocations: number;
  /** Reads the BAR. @param offset - the offset in the dma-buf, in bytes */
  read(offset: number, into: Uint8Array): void;
  write(offset: number, from: Uint8Array): void;
}

const PREFIX = 'dma-buf of a mock device, ';
const ID_SIZE = 80;

/** The dma-bufs of open devices, by the contents of their files. */
const exported = new Map<string, DmaBufExport>();
let files = 0;

/**
 * Creates the file of a dma-buf. A mock cannot create a dma-buf of the kernel, so the descriptor
 * belongs to a deleted file. The contents of the file identify the dma-buf, even if the descriptor
 * was duplicated.
 */
export function createDmaBufFile(dmabuf: DmaBufExport): { fd: number; forget: () => void } {
  const id = `${PREFIX}${process.pid} ${++files}`;
  const path = join(tmpdir(), `vfio-mock-dma-buf-${process.pid}-${files}`);
  const fd = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    writeSync(fd, id);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  exported.set(id, dmabuf);
  return { fd, forget: () => exported.delete(id) };
}

/**
 * Returns the dma-buf of a file: null if its device is closed, and undefined if the file is no
 * dma-buf.
 */
export function findDmaBuf(fd: number): DmaBufExport | null | undefined {
  const bytes = Buffer.alloc(ID_SIZE);
  let length: number;
  try {
    length = readSync(fd, bytes, 0, ID_SIZE, 0);
  } catch {
    return undefined;
  }
  const id = bytes.toString('latin1', 0, length);
  return id.startsWith(PREFIX) ? (exported.get(id) ?? null) : undefined;
}
