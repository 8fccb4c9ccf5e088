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
import { defineRegisters, defineStruct, openDevice, type DmaBuffer, type Vector } from 'vfio';

/** Causes of interrupts: receive queue 0 and transmit queue 0. */
const causes = { rxq0: 20, txq0: 22 } as const;
const ring = {
  base: { offset: 0x00, width: 8, split: true },
  length: { offset: 0x08, width: 4 },
  head: { offset: 0x10, width: 4 },
  tail: { offset: 0x18, width: 4 },
} as const;
// 10.2: registers.
const e1000e = defineRegisters('e1000e', {
  ctrl: { offset: 0x0000, width: 4, fields: { asde: 5, slu: 6, rst: 26 } },
  status: { offset: 0x0008, width: 4, access: 'ro', fields: { fd: 0, lu: 1, speed: [7, 6] } },
  icr: { offset: 0x00c0, width: 4, access: 'w1c', fields: causes },
  ims: { offset: 0x00d0, width: 4, access: 'w1s', fields: causes },
  imc: { offset: 0x00d8, width: 4, access: 'wo' },
  ivar: { offset: 0x00e4, width: 4, fields: { rxq0: [3, 0], txq0: [11, 8] } },
  rctl: { offset: 0x0100, width: 4, fields: { en: 1, bam: 15, secrc: 26 } },
  tctl: { offset: 0x0400, width: 4, fields: { en: 1, psp: 3, ct: [11, 4], cold: [21, 12] } },
  receive: { offset: 0x2800, registers: ring },
  transmit: { offset: 0x3800, registers: ring },
  mta: { offset: 0x5200, width: 4, count: 128 },
  ral0: { offset: 0x5400, width: 4 },
  rah0: { offset: 0x5404, width: 4, fields: { address: [15, 0] } },
});
type RingRegisters = ReturnType<typeof e1000e.on>['receive'];
/** Value of a field of IVAR (10.2.4.9): the vector, with the valid bit. */
const VALID = 8;

/** A legacy descriptor (7.1.4, 7.2.10). Received frames have a checksum instead of the command. */
const descriptor = defineStruct('descriptor', {
  address: 'u64',
  length: 'u16',
  offset: 'u8',
  command: 'u8',
  status: 'u32',
});
const COUNT = 16;
const FRAME = 2048;
const STATUS = descriptor.offsetOf('status');
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
const registers = e1000e.on(device.bar(0).map());

/** Resets the device as section 4.6 describes. */
async function reset(): Promise<void> {
  registers.imc.value = 0xffff_ffff;
  registers.rctl.value = 0;
  registers.tctl.value = 0;
  registers.ctrl.update({ rst: 1 });
  await registers.ctrl.until({ rst: 0 }, { timeout: TIMEOUT_MS });
  registers.imc.value = 0xffff_ffff;
  registers.icr.read();
  for (let i = 0; i < registers.mta.length; i++) registers.mta.at(i).value = 0;
}

async function link(): Promise<string> {
  registers.ctrl.update({ asde: 1, slu: 1 });
  const { speed, fd } = await registers.status.until({ lu: 1 }, { timeout: TIMEOUT_MS });
  return `${[10, 100, 1000, 1000][speed] ?? 0} Mb/s, ${fd === 0 ? 'half' : 'full'} duplex`;
}

/** A ring of descriptors, with a frame buffer for each descriptor. */
class Ring {
  readonly #registers: RingRegisters;
  readonly descriptors: DmaBuffer;
  readonly frames: DmaBuffer;
  readonly #entries: ReturnType<typeof descriptor.on>[];
  readonly #words: Uint32Array;
  #next = 0;

  constructor(own: RingRegisters, descriptors: DmaBuffer, frames: DmaBuffer) {
    this.#registers = own;
    this.descriptors = descriptors;
    this.frames = frames;
    this.#words = new Uint32Array(descriptors.buffer);
    this.#entries = Array.from({ length: COUNT }, (_, i) =>
      descriptor.on(descriptors, i * descriptor.size),
    );
    this.#entries.forEach((entry, i) => {
      entry.write({ address: frames.iovaOf(i * FRAME) });
    });
    own.base.value = descriptors.iova;
    own.length.value = COUNT * descriptor.size;
    own.head.value = 0;
    own.tail.value = 0;
  }

  static async create(own: RingRegisters, access: 'read' | 'write'): Promise<Ring> {
    // The device reads and writes descriptors. The device only reads transmit frames and only
    // writes receive frames.
    const descriptors = await device.dma.allocate(4096);
    return new Ring(own, descriptors, await device.dma.allocate(COUNT * FRAME, { access }));
  }

  /**
   * Passes all descriptors except one to the device. With all descriptors, tail would equal head,
   * which means that the ring is empty.
   */
  fill(): void {
    this.#registers.tail.value = COUNT - 1;
  }

  get #entry(): ReturnType<typeof descriptor.on> {
    const entry = this.#entries[this.#next];
    if (entry === undefined) throw new Error(`no descriptor ${this.#next}`);
    return entry;
  }

  /** Sends a frame. @returns a function that returns whether the frame was sent */
  send(frame: Uint8Array): () => boolean {
    const sent = this.#next;
    this.frames.bytes.set(frame, sent * FRAME);
    Object.assign(this.#entry, { length: frame.length, offset: 0, command: SEND, status: 0 });
    this.#next = (sent + 1) % COUNT;
    this.#registers.tail.value = this.#next;
    return () => this.#isDone(sent);
  }

  /**
   * Whether the device has finished a descriptor. After the Atomics.load, plain reads see everything
   * that the device wrote before it set the bit.
   */
  #isDone(index: number): boolean {
    return (Atomics.load(this.#words, (index * descriptor.size + STATUS) / 4) & DONE) !== 0;
  }

  /** Yields the received frames, and returns their descriptors to the device. */
  *received(): Generator<Uint8Array> {
    while (this.#isDone(this.#next)) {
      const start = this.#next * FRAME;
      yield this.frames.bytes.slice(start, start + this.#entry.length);
      this.#entry.status = 0;
      this.#registers.tail.value = this.#next;
      this.#next = (this.#next + 1) % COUNT;
    }
  }
}

/**
 * Waits for an interrupt, then unmasks the interrupt cause. The device masks the interrupt cause
 * when the device raises the interrupt.
 */
async function interrupted(vector: Vector, cause: keyof typeof causes): Promise<void> {
  await vector.next({ timeout: TIMEOUT_MS });
  registers.icr.write({ [cause]: 1 });
  registers.ims.write({ [cause]: 1 });
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
// Some hosts cannot add a vector later.
device.interrupts.msix.enable({ vectors: 2 });
const [receiving, sending] = [0, 1].map((index) => device.interrupts.msix.request(index)) as [
  Vector,
  Vector,
];
registers.ivar.write({ rxq0: 0 | VALID, txq0: 1 | VALID });
const receiver = await Ring.create(registers.receive, 'write');
const sender = await Ring.create(registers.transmit, 'read');
registers.ims.write({ rxq0: 1, txq0: 1 });
// Broadcasts are accepted, and checksums stripped. Buffers have 2048 bytes.
registers.rctl.write({ en: 1, bam: 1, secrc: 1 });
// Short packets are padded. The collision threshold and distance are those of section 10.2.7.
registers.tctl.write({ en: 1, psp: 1, ct: 0x0f, cold: 0x3f });
receiver.fill();
console.log(`link: ${await link()}`);

const mac = new Uint8Array(6);
new DataView(mac.buffer).setUint32(0, registers.ral0.value, true);
new DataView(mac.buffer).setUint16(4, registers.rah0.read().address, true);
const sent = sender.send(request(mac));
while (!sent()) await interrupted(sending, 'txq0');
console.log(`${macText(mac)} (${own}) sent an ARP request for ${asked}: vector 1 fired`);

let found: string | undefined;
while (found === undefined) {
  await interrupted(receiving, 'rxq0');
  for (const frame of receiver.received()) found ??= answer(frame);
}
console.log(`${asked} answered from ${found}: vector 0 fired`);

await reset();
device.close();
