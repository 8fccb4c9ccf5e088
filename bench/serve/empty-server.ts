/**
 * Answers each message with an empty message, or signals the eventfd of the client if the client
 * wants no answer. The server does nothing else.
 */
import { native } from '../../lib/native/binding.js';
import { HEADER_SIZE, VFIO_USER_NO_REPLY, VFIO_USER_REPLY } from '../../lib/vfio-user/protocol.js';

const READABLE = 1;
const calls = native();
const listener = calls.socketListen(process.argv[2] ?? '');
const reply = new Uint8Array(HEADER_SIZE);
const view = new DataView(reply.buffer);
view.setUint32(4, reply.length, true);
view.setUint32(8, VFIO_USER_REPLY, true);

function serve(fd: number): void {
  const received = new ArrayBuffer(4096);
  const message = new DataView(received);
  const stream = calls.streamOpen(fd, received);
  let eventfd = -1;
  const watch = calls.watchOpen(fd, () => {
    const size = calls.streamReceive(stream);
    if (size > 0) {
      if (message.getUint32(8, true) === VFIO_USER_NO_REPLY) {
        calls.eventfdSignal(eventfd);
      } else {
        [eventfd = eventfd] = calls.streamTakeFds(stream);
        calls.streamSend(stream, reply, reply.length);
      }
    } else if (size < 0) {
      calls.watchClose(watch);
      calls.streamClose(stream);
      calls.close(fd);
      if (eventfd >= 0) calls.close(eventfd);
    }
  });
  calls.watchStart(watch, READABLE);
}

const accepting = calls.watchOpen(listener, () => {
  const fd = calls.socketAccept(listener);
  if (fd !== null) serve(fd);
});
calls.watchStart(accepting, READABLE);
process.on('disconnect', () => {
  // This reference keeps the garbage collector from closing the watch.
  calls.watchClose(accepting);
  process.exit();
});
process.send?.('ready');
