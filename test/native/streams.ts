import { join } from 'node:path';
import { native } from '../../lib/native/binding.js';
import { temporaryFolder } from './helpers.js';

const calls = native();

/**
 * Returns a message of `length` bytes.
 * @param size - the size in the header; default: the length
 */
export function message(id: number, length: number, size = length): Buffer {
  const bytes = Buffer.alloc(length, id & 0xff);
  bytes.writeUInt16LE(id & 0xffff, 0);
  bytes.writeUInt32LE(size, 4);
  return bytes;
}

/** Returns two connected streams of this process. The receive buffer of each has 4 KiB. */
export function connectedPair() {
  const path = join(temporaryFolder(), 's');
  const listener = calls.socketListen(path);
  const clientFd = calls.socketConnect(path);
  const serverFd = calls.socketAccept(listener) ?? -1;
  const buffer = new ArrayBuffer(4096);
  const clientBuffer = new ArrayBuffer(4096);
  const server = calls.streamOpen(serverFd, buffer);
  const client = calls.streamOpen(clientFd, clientBuffer);
  return {
    listener,
    serverFd,
    server,
    client,
    buffer,
    clientBytes: new Uint8Array(clientBuffer),
    send(bytes: Uint8Array, fds?: readonly number[]): void {
      calls.streamSend(client, bytes, bytes.length, fds);
    },
    /** Returns the first `size` bytes of the server's buffer. */
    received: (size: number) => Buffer.from(buffer.slice(0, size)),
    disconnect(): void {
      calls.streamClose(client);
      calls.close(clientFd);
    },
    close(): void {
      calls.streamClose(client);
      calls.streamClose(server);
      for (const fd of [listener, clientFd, serverFd]) calls.close(fd);
    },
  };
}
