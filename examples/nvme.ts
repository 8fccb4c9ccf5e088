/**
 * Drives an NVMe controller with three I/O queues. Each of the first two queues has an interrupt
 * vector, and the third queue is polled. Reads the first blocks of namespace 1 and writes no
 * blocks.
 *
 *   npx tsx node_modules/vfio/examples/nvme.ts [device]     default: mock:nvme
 */
import { setImmediate } from 'node:timers/promises';
import { defineRegisters, defineStruct, openDevice, type DmaBuffer } from 'vfio';

const nvme = defineRegisters('nvme', {
  cap: { offset: 0x00, width: 8, access: 'ro', fields: { to: [31, 24], dstrd: [35, 32] } },
  cc: { offset: 0x14, width: 4, fields: { en: 0, iosqes: [19, 16], iocqes: [23, 20] } },
  csts: { offset: 0x1c, width: 4, access: 'ro', fields: { rdy: 0 } },
  aqa: { offset: 0x24, width: 4, fields: { asqs: [11, 0], acqs: [27, 16] } },
  asq: { offset: 0x28, width: 8 },
  acq: { offset: 0x30, width: 8 },
});

/** An entry of a submission queue. */
const submission = defineStruct('submission', {
  opcode: 'u8',
  flags: 'u8',
  id: 'u16',
  nsid: 'u32',
  data: { type: 'u64', offset: 24 },
  dwords: { type: 'u32', offset: 40, count: 6 },
});

/** The parts of the answers to IDENTIFY that this program uses. */
const controller = defineStruct('controller', { model: { type: 'u8', offset: 24, count: 40 } });
const format = defineStruct('format', { metadata: 'u16', sizeLog2: 'u8', performance: 'u8' });
const namespace = defineStruct('namespace', {
  format: { type: 'u8', offset: 26, fields: { index: [3, 0] } },
  formats: { type: format, offset: 128, count: 16 },
});

const CREATE_SQ = 0x01;
const CREATE_CQ = 0x05;
const IDENTIFY = 0x06;
const SET_FEATURES = 0x09;
const READ = 0x02;

const DEPTH = 16;
const READS = 64;
const PAGE = 4096;

interface Command {
  opcode: number;
  nsid?: number;
  data?: bigint;
  dwords?: readonly number[];
}

/** A register that is only written. */
interface Doorbell {
  value: number;
}

/** A submission queue and its completion queue: rings in DMA memory and a pair of doorbells. */
class Queue {
  readonly id: number;
  readonly submissions: DmaBuffer;
  readonly completions: DmaBuffer;
  /** The doorbell of the submission queue. */
  readonly tail: Doorbell;
  /** The doorbell of the completion queue. */
  readonly head: Doorbell;
  interrupts = 0;
  readonly #completions: Uint32Array;
  readonly #waiting = new Map<number, (status: number) => void>();
  #tail = 0;
  #head = 0;
  #phase = 1;

  constructor(
    id: number,
    [submissions, completions]: readonly [DmaBuffer, DmaBuffer],
    [tail, head]: readonly [Doorbell, Doorbell],
  ) {
    this.id = id;
    this.submissions = submissions;
    this.completions = completions;
    this.tail = tail;
    this.head = head;
    this.#completions = new Uint32Array(completions.buffer, 0, DEPTH * 4);
  }

  get busy(): boolean {
    return this.#waiting.size > 0;
  }

  /**
   * Submits a command. Each slot of the ring has one command, so the slot number is the command
   * identifier.
   */
  async submit({ opcode, nsid = 0, data = 0n, dwords = [] }: Command): Promise<void> {
    const slot = this.#tail;
    const entry = submission.on(this.submissions, slot * submission.size);
    entry.write({ opcode, id: slot, nsid, data, dwords });
    this.#tail = (slot + 1) % DEPTH;
    const status = new Promise<number>((resolve) => this.#waiting.set(slot, resolve));
    this.tail.value = this.#tail;
    const failed = await status;
    if (failed !== 0) throw new Error(`command 0x${opcode.toString(16)}: status ${failed}`);
  }

  /**
   * Consumes the new completions. An entry is new if its phase bit equals the expected phase of the
   * queue.
   */
  drain(): void {
    const before = this.#head;
    for (;;) {
      const status = Atomics.load(this.#completions, this.#head * 4 + 3);
      if (((status >>> 16) & 1) !== this.#phase) break;
      this.#head = (this.#head + 1) % DEPTH;
      if (this.#head === 0) this.#phase ^= 1;
      const slot = status & 0xffff;
      this.#waiting.get(slot)?.(status >>> 17);
      this.#waiting.delete(slot);
    }
    if (this.#head === before) return;
    this.head.value = this.#head;
  }

  /**
   * Polls for completions. A mock controller needs the event loop of this thread, so each turn of
   * the polling loop yields to the event loop.
   */
  async poll(): Promise<void> {
    while (this.busy) {
      this.drain();
      await setImmediate();
    }
  }
}

const device = await openDevice(process.argv[2] ?? 'mock:nvme');
device.config.update('command', { memory: 1, bus_master: 1 });
const window = device.bar(0).map();
const regs = nvme.on(window);
const { to, dstrd } = regs.cap.read();
/** The longest time until the controller is ready. The register counts in units of 500 ms. */
const timeout = 500 * Math.max(1, to);
const { doorbell } = defineRegisters('nvme', {
  doorbell: { offset: 0x1000, width: 4, access: 'wo', count: 8, stride: 4 << dstrd },
}).on(window);

async function queue(id: number): Promise<Queue> {
  const submissions = await device.dma.allocate(PAGE, { access: 'read' });
  const completions = await device.dma.allocate(PAGE, { access: 'write' });
  const doorbells = [doorbell.at(2 * id), doorbell.at(2 * id + 1)] as const;
  return new Queue(id, [submissions, completions], doorbells);
}

/**
 * Consumes the completions of a queue after each interrupt. The queue and its vector have the same
 * number.
 */
function byInterrupt(one: Queue): void {
  device.interrupts.msix.request(one.id).on('interrupt', () => {
    one.interrupts++;
    one.drain();
  });
}

regs.cc.value = 0;
await regs.csts.until({ rdy: 0 }, { timeout });
const admin = await queue(0);
byInterrupt(admin);
regs.aqa.write({ asqs: DEPTH - 1, acqs: DEPTH - 1 });
regs.asq.value = admin.submissions.iova;
regs.acq.value = admin.completions.iova;
// An entry of a submission queue has 2^6 bytes, and an entry of a completion queue 2^4 bytes.
regs.cc.write({ en: 1, iosqes: 6, iocqes: 4 });
await regs.csts.until({ rdy: 1 }, { timeout });

const page = await device.dma.allocate(PAGE, { access: 'write' });
await admin.submit({ opcode: IDENTIFY, data: page.iova, dwords: [1] });
const model = new TextDecoder().decode(controller.on(page).model.slice()).trim();
await admin.submit({ opcode: IDENTIFY, nsid: 1, data: page.iova });
const { format: current, formats } = namespace.on(page);
const blockSize = 1 << formats.at(current.index).sizeLog2;
console.log(`${model}, block size ${blockSize} bytes`);

await admin.submit({ opcode: SET_FEATURES, dwords: [7, (2 << 16) | 2] });
const queues: Queue[] = [];
for (const [id, polled] of [
  [1, false],
  [2, false],
  [3, true],
] as const) {
  const one = await queue(id);
  const size = ((DEPTH - 1) << 16) | id;
  // The upper 16 bits contain the number of the vector. Bit 1 enables interrupts. Bit 0 means
  // physically contiguous.
  const interrupt = polled ? 0b01 : (id << 16) | 0b11;
  if (!polled) byInterrupt(one);
  await admin.submit({
    opcode: CREATE_CQ,
    data: one.completions.iova,
    dwords: [size, interrupt],
  });
  await admin.submit({
    opcode: CREATE_SQ,
    data: one.submissions.iova,
    dwords: [size, (id << 16) | 1],
  });
  queues.push(one);
}

/** Reads consecutive pages. Half of the ring entries are used at a time. */
async function read(one: Queue, polled: boolean): Promise<void> {
  const blocks = PAGE / blockSize;
  using data = await device.dma.allocate(PAGE * (DEPTH / 2), { access: 'write' });
  const started = performance.now();
  for (let first = 0; first < READS; first += DEPTH / 2) {
    const batch = Array.from({ length: DEPTH / 2 }, (_, n) =>
      one.submit({
        opcode: READ,
        nsid: 1,
        data: data.iova + BigInt(n * PAGE),
        dwords: [(first + n) * blocks, 0, blocks - 1],
      }),
    );
    if (polled) await one.poll();
    await Promise.all(batch);
  }
  const ms = (performance.now() - started).toFixed(1);
  const how = polled ? 'polled' : `${one.interrupts} interrupts on vector ${one.id}`;
  console.log(`queue ${one.id}: ${READS} reads in ${ms} ms, ${how}`);
}

for (const one of queues) await read(one, one.id === 3);

regs.cc.value = 0;
await regs.csts.until({ rdy: 0 }, { timeout });
device.close();
