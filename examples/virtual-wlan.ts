/**
 * A wireless card with private interrupt sources, for a guest. The card keeps copies of MSI messages
 * in its registers, at irregular offsets, as the cards of ath11k do. The guest writes the messages of
 * its virtual MSI there. The rewriter replaces these messages by the messages of the host's vectors,
 * so the interrupts of the card arrive. No kernel has MSI_NOVIRT yet, which the host needs to read its
 * own messages, so the example runs on the mock.
 *
 *   npx tsx node_modules/vfio/examples/virtual-wlan.ts wlan.sock
 */
import { once } from 'node:events';
import {
  openDevice,
  serveDevice,
  SoftwareSource,
  type Trap,
  VirtualIrqs,
  VirtualMsi,
  WindowRewriter,
} from 'vfio';

/** The registers that contain the private sources. */
const WINDOW = { region: 0, offset: 0x80000, size: 0x80000 } as const;
/** Bits 39:32 of an address are in bits 7:0 of the second word. Bit 8 enables the source. */
const HIGH_BITS = 0xff;

const [socket] = process.argv.slice(2);
if (socket === undefined) {
  console.error('usage: virtual-wlan <socket>');
  process.exit(2);
}

const device = await openDevice('mock:wlan?layout=irregular');
device.config.update('command', { memory: 1, bus_master: 1 });
// From here on, a read of the MSI capability returns the host's own message.
device.messages.novirt.enable();

// Each vector of the host signals the guest's vector with the same number.
const vectors = device.interrupts.msi.count;
const msi = new VirtualMsi({ vectors });
const source = new SoftwareSource(msi);
source.emulate(0, vectors);
device.interrupts.msi.enable({ vectors });
for (let vector = 0; vector < vectors; vector++) {
  device.interrupts.msi.request(vector).on('interrupt', () => source.sendSignal(vector));
}

const rewriter = new WindowRewriter(device, {
  place: WINDOW,
  guest: msi,
  index: 'msi',
  highBits: HIGH_BITS,
});
rewriter.on('rewritten', (offset) => {
  console.log(`a message of the guest at 0x${offset.toString(16)} was replaced`);
});
const window: Trap = {
  ...WINDOW,
  read: (offset, width) => (width === 8 ? rewriter.read(offset, 8) : rewriter.read(offset, width)),
  write(offset, width, value) {
    if (width === 8) rewriter.write(offset, 8, BigInt(value));
    else rewriter.write(offset, width, Number(value));
  },
};

const server = await serveDevice(device, {
  socket,
  interrupts: new VirtualIrqs({ msi }),
  traps: [window],
});
server.on('gone', (why) => {
  console.log(why);
});
server.on('error', (error) => {
  console.error(error.message);
});
console.log(`serving ${device.name} at ${server.path}`);
await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
await server.close();
rewriter.close();
device.close();
