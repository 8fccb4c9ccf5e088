/**
 * Uses a pool of DMA memory with QEMU's educational device (docs/specs/edu). Each message is in one
 * piece of a page, like a descriptor or the header of a request in a real driver. Each piece has an
 * address for the device. After the device has read a piece, the program returns the piece to the
 * pool. Many messages therefore need only one mapped page.
 *
 *   npx tsx node_modules/vfio/examples/pool.ts [device]     default: mock:edu
 */
import { defineRegisters, defineStruct, type DmaPiece, openDevice } from 'vfio';

const edu = defineRegisters('edu', {
  interrupts: { offset: 0x24, width: 4, access: 'ro' },
  acknowledge: { offset: 0x64, width: 4, access: 'wo' },
  source: { offset: 0x80, width: 8 },
  destination: { offset: 0x88, width: 8 },
  count: { offset: 0x90, width: 8 },
  command: { offset: 0x98, width: 8, fields: { start: 0, from_device: 1, raise: 2 } },
});
/** The messages of this example. A message has 24 bytes. */
const message = defineStruct('message', {
  sequence: 'u16',
  length: 'u16',
  text: { type: 'u8', count: 20 },
});
/** DMA address of the device's own memory, which has 4 KiB. */
const INNER = 0x40000n;
const MESSAGES = 100;
/** Messages that are in DMA memory at the same time. */
const IN_FLIGHT = 8;

const device = await openDevice(process.argv[2] ?? 'mock:edu');
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = edu.on(device.bar(0).map());
const vector = device.interrupts.msi.request(0);
const pool = device.dma.createPool(message.size);

/** Copies one message to the device or back, and waits for the interrupt. */
async function copy(source: bigint, destination: bigint): Promise<void> {
  registers.source.value = source;
  registers.destination.value = destination;
  registers.count.value = BigInt(message.size);
  const arrived = vector.next();
  registers.command.write({ start: 1, raise: 1, from_device: source === INNER ? 1 : 0 });
  await arrived;
  registers.acknowledge.value = registers.interrupts.value;
}

/** Writes a message into a piece of the pool. */
function compose(sequence: number): DmaPiece {
  const piece = pool.allocate();
  const text = new TextEncoder().encode(`message ${sequence}`);
  message.on(piece).write({ sequence, length: text.length, text });
  return piece;
}

const waiting: DmaPiece[] = [];
const pages = new Set<bigint>();
const reply = pool.allocate();
let received = 0;
for (let sequence = 0; ;) {
  while (waiting.length < IN_FLIGHT && sequence < MESSAGES) waiting.push(compose(sequence++));
  const piece = waiting.shift();
  if (piece === undefined) break;
  pages.add(piece.iova & ~0xfffn);
  await copy(piece.iova, INNER);
  // The device has read the message. The next message can use the piece.
  piece.free();
  await copy(INNER, reply.iova);
  const { sequence: number, text, length } = message.on(reply);
  const said = new TextDecoder().decode(text.subarray(0, length));
  if (number !== received || said !== `message ${received}`) throw new Error(`wrong: ${said}`);
  received++;
}
console.log(`${received} messages arrived in order`);
console.log(`${pages.size} page of DMA memory`);

// Frees the pool, and closes the device.
device.close();
