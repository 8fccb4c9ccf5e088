// A process with a vfio-user server that can break the protocol. The arguments are the path of the
// socket and the name of a behaviour.
import { native } from '../../../../lib/native/binding.js';
import { BEHAVIOURS } from './behaviours.js';
import { FakeDevice } from './fake-device.js';

const calls = native();
const [, , path = '', behaviour = ''] = process.argv;
const handle = BEHAVIOURS[behaviour];
if (handle === undefined) throw new Error(`no behaviour '${behaviour}'`);
/** Without a reference, the garbage collector would close the device and the watch. */
const devices: FakeDevice[] = [];
const listener = calls.socketListen(path);
const watch = calls.watchOpen(listener, () => {
  const fd = calls.socketAccept(listener);
  if (fd === null) return;
  devices.push(
    new FakeDevice(fd, (device, message) => {
      if (!handle(device, message)) device.answer(message);
    }),
  );
});
calls.watchStart(watch, 1);
process.on('exit', () => {
  calls.watchClose(watch);
});
process.send?.('listening');
