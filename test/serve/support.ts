import { closeSync, ftruncateSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { native } from '../../lib/native/binding.js';
import { type DeviceServer, serveDevice, type ServeOptions } from '../../lib/index.js';
import { temporaryFolder } from '../native/helpers.js';
import { RawClient } from './raw-client.js';

const calls = native();

/** Starts a server, which is closed when the test ends. */
export async function startServer(
  t: ExecutionContext,
  device: Parameters<typeof serveDevice>[0],
  options: Omit<ServeOptions, 'socket'> = {},
): Promise<DeviceServer> {
  const server = await serveDevice(device, { socket: join(temporaryFolder(), 's'), ...options });
  t.teardown(() => server.close());
  return server;
}

/** Connects a client, which is closed when the test ends. The client negotiates like QEMU. */
export async function connect(
  t: ExecutionContext,
  { path }: Pick<DeviceServer, 'path'>,
): Promise<RawClient> {
  const client = await RawClient.negotiated(path);
  t.teardown(() => {
    client.close();
  });
  return client;
}

let files = 0;

/** The memory of a guest: a file on tmpfs without a name, like a memfd. */
export class GuestRam {
  readonly fd: number;
  readonly #handle;

  constructor(t: ExecutionContext, size: number) {
    // The guest of the lab has no folder for shared memory.
    mkdirSync('/dev/shm', { recursive: true });
    const path = `/dev/shm/vfio-test-${process.pid}-${files++}`;
    this.fd = openSync(path, 'wx+');
    unlinkSync(path);
    ftruncateSync(this.fd, size);
    const { handle } = calls.sharedMemoryMap(this.fd, size);
    this.#handle = handle;
    t.teardown(() => {
      calls.sharedMemoryUnmap(handle);
      closeSync(this.fd);
    });
  }

  read(offset: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    calls.sharedMemoryRead(this.#handle, offset, bytes);
    return bytes;
  }

  write(offset: number, bytes: Uint8Array): void {
    calls.sharedMemoryWrite(this.#handle, offset, bytes);
  }

  shrink(size: number): void {
    ftruncateSync(this.fd, size);
  }
}

/** Creates an eventfd of the client, which is closed when the test ends. */
export function createEventfd(t: ExecutionContext): number {
  const fd = calls.eventfdCreate();
  t.teardown(() => {
    calls.close(fd);
  });
  return fd;
}

export function createEventfds(t: ExecutionContext, count: number): number[] {
  return range(count).map(() => createEventfd(t));
}

/** Returns the numbers from 0 to `count - 1`. */
export function range(count: number): number[] {
  return [...new Array(count).keys()];
}

export function readEventfd(fd: number): bigint {
  return calls.eventfdRead(fd);
}
