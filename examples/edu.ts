/**
 * Drives QEMU's educational device (docs/specs/edu). The device computes a factorial and copies
 * data by DMA. Each operation ends with an MSI interrupt.
 *
 *   npx tsx node_modules/vfio/examples/edu.ts [device]     default: mock:edu
 */
import { defineRegisters, openDevice } from 'vfio';

const edu = defineRegisters('edu', {
  factorial: { offset: 0x08, width: 4 },
  status: { offset: 0x20, width: 4, fields: { computing: 0, raise: 7 } },
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
  source: { offset: 0x80, width: 8 },
  destination: { offset: 0x88, width: 8 },
  count: { offset: 0x90, width: 8 },
  command: { offset: 0x98, width: 8, fields: { start: 0, from_device: 1, raise: 2 } },
});
/** DMA address of the device's own memory, which has 4 KiB. */
const INNER = 0x40000n;

const device = await openDevice(process.argv[2] ?? 'mock:edu');
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = edu.on(device.bar(0).map());
const vector = device.interrupts.msi.request(0);

/** Starts an operation and waits for its interrupt. */
async function interrupted(start: () => void): Promise<void> {
  // The example calls next() before the start of the operation. If next() is called later, the
  // library stores the interrupt until the call.
  const arrived = vector.next();
  start();
  await arrived;
  registers.acknowledge.value = registers.interrupts.value;
}

await interrupted(() => {
  registers.status.write({ raise: 1 });
  registers.factorial.value = 10;
});
console.log(`10! = ${registers.factorial.value}`);

// The device can only read the first buffer and can only write the second buffer. The IOMMU
// enforces these access rights.
const source = await device.dma.allocate(4096, { access: 'read' });
const target = await device.dma.allocate(4096, { access: 'write' });
const text = new TextEncoder().encode('copied to the device and back by DMA');
source.bytes.set(text);

async function copy(from: bigint, to: bigint): Promise<void> {
  await interrupted(() => {
    registers.source.value = from;
    registers.destination.value = to;
    registers.count.value = BigInt(text.length);
    registers.command.write({ start: 1, raise: 1, from_device: from === INNER ? 1 : 0 });
  });
}

await copy(source.iova, INNER);
await copy(INNER, target.iova);
console.log(new TextDecoder().decode(target.bytes.subarray(0, text.length)));

// Disables interrupts, unmaps windows, unmaps and frees memory, then closes the device.
device.close();
