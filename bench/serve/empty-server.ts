/** Answers each message with an empty message. The server does nothing else. */
import { native } from '../../lib/native/binding.js';

const READABLE = 1;
const calls = native();
const listener = calls.socketListen(process.argv[2] ?? '');
const reply = new Uint8Array(16);
const view = new DataView(reply.buffer);
view.setUint32(4, reply.length, true);
view.setUint32(8, 1, true);

function serve(fd: number): void {
  const stream = calls.streamOpen(fd, new ArrayBuffer(4096));
  const watch = calls.watchOpen(fd, () => {
    const size = calls.streamReceive(stream);
    if (size > 0) {
      calls.streamSend(stream, reply, reply.length);
    } else if (size < 0) {
      calls.watchClose(watch);
      calls.streamClose(stream);
      calls.close(fd);
    }
  });
  calls.watchStart(watch, READABLE);
}

const watch = calls.watchOpen(listener, () => {
  const fd = calls.socketAccept(listener);
  if (fd !== null) serve(fd);
});
calls.watchStart(watch, READABLE);
process.on('disconnect', () => process.exit());
process.send?.('ready');
