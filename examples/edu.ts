/**
 * Drives QEMU's educational device (docs/specs/edu). The device computes a factorial and copies
 * data by DMA. Each operation ends with an MSI interrupt.
 *
 *   node dist/examples/edu.js [device]     default: mock:edu
 */
import { openDevice } from 'vfio';

const FACTORIAL = 0x08;
const STATUS = 0x20;
const STATUS_RAISE = 0x80;
const INTERRUPT_STATUS = 0x24;
const ACKNOWLEDGE = 0x64;
const DMA_SOURCE = 0x80;
const DMA_DESTINATION = 0x88;
const DMA_COUNT = 0x90;
const DMA_COMMAND = 0x98;
const DMA_START = 1n;
const DMA_FROM_DEVICE = 2n;
const DMA_RAISE = 4n;
/** DMA address of the device's own memory, which has 4 KiB. */
const INNER = 0x40000n;

const device = await openDevice(process.argv[2] ?? 'mock:edu');
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = device.bar(0).map();
const vector = device.interrupts.msi.request(0);

/** Starts an operation and waits for its interrupt. */
async function interrupted(start: () => void): Promise<void> {
  // The example calls next() before the start of the operation. If next() is called later, the
  // library stores the interrupt until the call.
  const arrived = vector.next();
  start();
  await arrived;
  registers.write32(ACKNOWLEDGE, registers.read32(INTERRUPT_STATUS));
}

await interrupted(() => {
  registers.write32(STATUS, STATUS_RAISE);
  registers.write32(FACTORIAL, 10);
});
console.log(`10! = ${registers.read32(FACTORIAL)}`);

// The device can only read the first buffer and can only write the second buffer. The IOMMU
// enforces these access rights.
const source = await device.dma.allocate(4096, { access: 'read' });
const target = await device.dma.allocate(4096, { access: 'write' });
const text = new TextEncoder().encode('copied to the device and back by DMA');
source.bytes.set(text);

async function copy(from: bigint, to: bigint, direction: bigint): Promise<void> {
  await interrupted(() => {
    registers.write64(DMA_SOURCE, from);
    registers.write64(DMA_DESTINATION, to);
    registers.write64(DMA_COUNT, BigInt(text.length));
    registers.write64(DMA_COMMAND, DMA_START | DMA_RAISE | direction);
  });
}

await copy(source.iova, INNER, 0n);
await copy(INNER, target.iova, DMA_FROM_DEVICE);
console.log(new TextDecoder().decode(target.bytes.subarray(0, text.length)));

// Disables interrupts, unmaps windows, unmaps and frees memory, then closes the device.
device.close();
