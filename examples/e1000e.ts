/**
 * Drives Intel's 82574, which QEMU emulates as e1000e: reset, link, a receive ring and a transmit
 * ring. Each ring has an MSI-X vector. Section numbers refer to Intel's datasheet. Sends an ARP
 * request for an address and prints the reply. In the lab, with QEMU's user network:
 *
 *   npx esbuild node_modules/vfio/examples/e1000e.ts --format=esm --outfile=e1000e.mjs
 *   npx vfio lab --device e1000e,netdev=n0 --qemu-arg=-netdev --qemu-arg=user,id=n0 -- \
 *     sh -c 'node e1000e.mjs $VFIO_LAB_E1000E'
 *
 *   npx tsx node_modules/vfio/examples/e1000e.ts <device> [address] [own address]   default: 10.0.2.2 10.0.2.15
 */
import { setTimeout } from 'node:timers/promises';
import { openDevice, type DmaBuffer, type Vector } from 'vfio';

// 10.2: registers.
const CTRL = 0x0000;
const CTRL_ASDE_SLU = (1 << 5) | (1 << 6);
const CTRL_RST = 1 << 26;
const STATUS = 0x0008;
const STATUS_FULL_DUPLEX = 1 << 0;
const STATUS_LINK_UP = 1 << 1;
const ICR = 0x00c0;
const IMS = 0x00d0;
const IMC = 0x00d8;
const IVAR = 0x00e4;
const RCTL = 0x0100;
const TCTL = 0x0400;
const RECEIVE = { base: 0x2800, length: 0x2808, head: 0x2810, tail: 0x2818 };
const TRANSMIT = { base: 0x3800, length: 0x3808, head: 0x3810, tail: 0x3818 };
const MTA = 0x5200;
const RAL0 = 0x5400;
const RAH0 = 0x5404;
const RXQ0 = 1 << 20;
const TXQ0 = 1 << 22;
/** Bits of receive control: enable, accept broadcasts, strip checksums. Buffers have 2048 bytes. */
const RCTL_ON = (1 << 1) | (1 << 15) | (1 << 26);
/**
 * Bits of transmit control: enable, pad short packets. Collision threshold and collision distance
 * have the values of section 10.2.7.
 */
const TCTL_ON = (1 << 1) | (1 << 3) | (0x0f << 4) | (0x3f << 12);
/**
 * Value of IVAR (10.2.4.9): receive queue 0 raises vector 0, and transmit queue 0 raises vector 1.
 * Each field has 4 bits, and the highest bit of a field is the valid bit.
 */
const VECTORS = 0 | 8 | ((1 | 8) << 8);

/** Size of a legacy descriptor in bytes (sections 7.1.4 and 7.2.10). */
const DESCRIPTOR = 16;
const COUNT = 16;
const FRAME = 2048;
const DONE = 1;
/** Command bits of a transmit descriptor: end of packet, append checksum, report status. */
const SEND = 0x0b;

const ETHERTYPE_ARP = 0x0806;
const ARP_REPLY = 2;
const ARP_LENGTH = 42;
const TIMEOUT_MS = 10_000;

const [name, asked = '10.0.2.2', own = '10.0.2.15'] = process.argv.slice(2);
if (name === undefined) throw new Error('usage: e1000e.js <device> [address] [own address]');
const device = await openDevice(name);
device.config.update('command', { memory: 1, bus_master: 1 });
const registers = device.bar(0).map();

async function until(what: string, isReached: () => boolean): Promise<void> {
  const end = performance.now() + TIMEOUT_MS;
  while (!isReached()) {
    if (performance.now() > end) throw new Error(`no ${what} within ${TIMEOUT_MS} ms`);
    await setTimeout(1);
  }
}

/** Resets the device as section 4.6 describes. */
async function reset(): Promise<void> {
  registers.write32(IMC, 0xffff_ffff);
  registers.write32(RCTL, 0);
  registers.write32(TCTL, 0);
  registers.write32(CTRL, registers.read32(CTRL) | CTRL_RST);
  await until('end of the reset', () => (registers.read32(CTRL) & CTRL_RST) === 0);
  registers.write32(IMC, 0xffff_ffff);
  registers.read32(ICR);
  for (let i = 0; i < 128; i++) registers.write32(MTA + 4 * i, 0);
}

async function link(): Promise<string> {
  registers.write32(CTRL, registers.read32(CTRL) | CTRL_ASDE_SLU);
  await until('link', () => (registers.read32(STATUS) & STATUS_LINK_UP) !== 0);
  const status = registers.read32(STATUS);
  const speed = [10, 100, 1000, 1000][(status >>> 6) & 3] ?? 0;
  return `${speed} Mb/s, ${(status & STATUS_FULL_DUPLEX) === 0 ? 'half' : 'full'} duplex`;
}

/** A ring of descriptors, with a frame buffer for each descriptor. */
class Ring {
  readonly ringRegisters: typeof RECEIVE;
  readonly descriptors: DmaBuffer;
  readonly frames: DmaBuffer;
  readonly #view: DataView;
  readonly #words: Uint32Array;
  #next = 0;

  constructor(ringRegisters: typeof RECEIVE, descriptors: DmaBuffer, frames: DmaBuffer) {
    this.ringRegisters = ringRegisters;
    this.descriptors = descriptors;
    this.frames = frames;
    this.#view = new DataView(descriptors.buffer);
    this.#words = new Uint32Array(descriptors.buffer);
    for (let i = 0; i < COUNT; i++) {
      this.#view.setBigUint64(i * DESCRIPTOR, frames.iova + BigInt(i * FRAME), true);
    }
    registers.write32(ringRegisters.base, Number(descriptors.iova & 0xffff_ffffn));
    registers.write32(ringRegisters.base + 4, Number(descriptors.iova >> 32n));
    registers.write32(ringRegisters.length, COUNT * DESCRIPTOR);
    registers.write32(ringRegisters.head, 0);
    registers.write32(ringRegisters.tail, 0);
  }

  static async create(ringRegisters: typeof RECEIVE, access: 'read' | 'write'): Promise<Ring> {
    // The device reads and writes descriptors. The device only reads transmit frames and only
    // writes receive frames.
    const descriptors = await device.dma.allocate(4096);
    return new Ring(
      ringRegisters,
      descriptors,
      await device.dma.allocate(COUNT * FRAME, { access }),
    );
  }

  /**
   * Passes all descriptors except one to the device. With all descriptors, tail would equal head,
   * which means that the ring is empty.
   */
  fill(): void {
    registers.write32(this.ringRegisters.tail, COUNT - 1);
  }

  /** Sends a frame. @returns a function that returns whether the frame was sent */
  send(frame: Uint8Array): () => boolean {
    const at = this.#next * DESCRIPTOR;
    this.frames.bytes.set(frame, this.#next * FRAME);
    this.#view.setUint32(at + 8, frame.length | (SEND << 24), true);
    this.#view.setUint32(at + 12, 0, true);
    this.#next = (this.#next + 1) % COUNT;
    registers.write32(this.ringRegisters.tail, this.#next);
    return () => this.#isDone(at);
  }

  /**
   * Whether the device has finished a descriptor. After the Atomics.load, plain reads see everything
   * that the device wrote before it set the bit.
   */
  #isDone(at: number): boolean {
    return (Atomics.load(this.#words, at / 4 + 3) & DONE) !== 0;
  }

  /** Yields the received frames, and returns their descriptors to the device. */
  *received(): Generator<Uint8Array> {
    for (;;) {
      const at = this.#next * DESCRIPTOR;
      if (!this.#isDone(at)) return;
      const start = this.#next * FRAME;
      yield this.frames.bytes.slice(start, start + this.#view.getUint16(at + 8, true));
      this.#view.setUint32(at + 12, 0, true);
      registers.write32(this.ringRegisters.tail, this.#next);
      this.#next = (this.#next + 1) % COUNT;
    }
  }
}

/**
 * Waits for an interrupt, then unmasks the interrupt cause. The device masks the interrupt cause
 * when the device raises the interrupt.
 */
async function interrupted(vector: Vector, cause: number): Promise<void> {
  await vector.next({ timeout: TIMEOUT_MS });
  registers.write32(ICR, cause);
  registers.write32(IMS, cause);
}

const ip = (text: string) => text.split('.').map(Number);
const macText = (mac: Iterable<number>) =>
  Array.from(mac, (byte) => byte.toString(16).padStart(2, '0')).join(':');

/** Returns an ARP request (RFC 826) as a broadcast frame. */
function request(mac: Uint8Array): Uint8Array {
  const broadcast = new Array<number>(6).fill(0xff);
  const arp = [0, 1, 8, 0, 6, 4, 0, 1, ...mac, ...ip(own), 0, 0, 0, 0, 0, 0, ...ip(asked)];
  return Uint8Array.of(...broadcast, ...mac, ETHERTYPE_ARP >> 8, ETHERTYPE_ARP & 0xff, ...arp);
}

/**
 * Returns the MAC address from an ARP reply to our request. Returns undefined for any other frame.
 */
function answer(frame: Uint8Array): string | undefined {
  if (frame.length < ARP_LENGTH) return undefined;
  const view = new DataView(frame.buffer);
  if (view.getUint16(12) !== ETHERTYPE_ARP || view.getUint16(20) !== ARP_REPLY) return undefined;
  return frame.subarray(28, 32).join('.') === asked ? macText(frame.subarray(22, 28)) : undefined;
}

await reset();
const [receiving, sending] = [0, 1].map((index) => device.interrupts.msix.request(index)) as [
  Vector,
  Vector,
];
registers.write32(IVAR, VECTORS);
const receiver = await Ring.create(RECEIVE, 'write');
const sender = await Ring.create(TRANSMIT, 'read');
registers.write32(IMS, RXQ0 | TXQ0);
registers.write32(RCTL, RCTL_ON);
registers.write32(TCTL, TCTL_ON);
receiver.fill();
console.log(`link: ${await link()}`);

const mac = new Uint8Array(6);
new DataView(mac.buffer).setUint32(0, registers.read32(RAL0), true);
new DataView(mac.buffer).setUint16(4, registers.read32(RAH0) & 0xffff, true);
const sent = sender.send(request(mac));
while (!sent()) await interrupted(sending, TXQ0);
console.log(`${macText(mac)} (${own}) sent an ARP request for ${asked}: vector 1 fired`);

let found: string | undefined;
while (found === undefined) {
  await interrupted(receiving, RXQ0);
  for (const frame of receiver.received()) found ??= answer(frame);
}
console.log(`${asked} answered from ${found}: vector 0 fired`);

await reset();
device.close();
