// A process with vfio-user servers that can break the protocol. Each message of the parent contains
// the path of a socket and the name of a behaviour. The answer means that the server listens.
import { native } from '../../../../lib/native/binding.js';
import { BEHAVIOURS } from './behaviours.js';
import { FakeDevice } from './fake-device.js';

const calls = native();
/** Without a reference, the garbage collector would close a device. */
const devices: FakeDevice[] = [];

function serve(path: string, behaviour: string): void {
  const handle = BEHAVIOURS[behaviour];
  if (handle === undefined) throw new Error(`no behaviour '${behaviour}'`);
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
}

process.setMaxListeners(0);
process.on('message', ([path = '', behaviour = '']: string[]) => {
  serve(path, behaviour);
  process.send?.('listening');
});
process.on('disconnect', () => process.exit());
