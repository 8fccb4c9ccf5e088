/** A client that keeps the device busy with DMA until the client is killed. */
import { closeSync, ftruncateSync, openSync, unlinkSync } from 'node:fs';
import { native } from '../../../lib/native/binding.js';
import { COMMANDS, NO_REPLY, RawClient, words } from '../raw-client.js';

const calls = native();
const SIZE = 0x10_0000;
const path = `/dev/shm/vfio-test-busy-${process.pid}`;
const fd = openSync(path, 'wx+');
unlinkSync(path);
ftruncateSync(fd, SIZE);
const { handle } = calls.sharedMemoryMap(fd, SIZE);
const client = await RawClient.negotiated(process.argv[2] ?? '');
await client.mapDma(fd, 0n, 0n, BigInt(SIZE));
closeSync(fd);
await client.write(7, 4, Uint8Array.of(6, 4));
await client.setIrqs(2, 0x24, 0, 1, [calls.eventfdCreate()]);
for (const [register, value] of [
  [0x24, words(0x003f_003f)],
  [0x28, words(0x1000n)],
  [0x30, words(0x2000n)],
  [0x14, words(0x0046_0001)],
] as const) {
  client.post(0, register, value);
}
const entry = Buffer.alloc(64);
entry.writeUInt32LE(6, 0);
entry.writeBigUInt64LE(0x3000n, 24);
entry.writeUInt32LE(1, 40);
for (let at = 0; at < 64; at++) calls.sharedMemoryWrite(handle, 0x1000 + 64 * at, entry);
let tail = 0;
for (let n = 0; ; n++) {
  tail = (tail + 1) % 64;
  client.send(
    COMMANDS.regionWrite,
    Buffer.concat([words(0x1000n, 0, 4), words(tail)]),
    undefined,
    NO_REPLY,
  );
  client.post(0, 0x1004, words(tail));
  await client.read(0, 0x1c, 4);
  if (n === 20) process.send?.('busy');
}
