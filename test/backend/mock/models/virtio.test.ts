// Drives mock:virtio-blk as a driver would: the structures, the negotiation, the queue and its errors.
import test from 'ava';
import { openDeviceSync, type DmaBuffer, type PciDevice } from '../../../../lib/mock.js';
import {
  COMMON,
  DEVICE,
  ISR,
  NOTIFY,
} from '../../../../lib/backend/mock/models/virtio/registers.js';

const ENTRIES = 8;
const [VERSION_1, ACCESS_PLATFORM] = [1, 2];
const [IN, OUT, FLUSH, GET_ID] = [0, 1, 4, 8];
const [NEXT, WRITE] = [1, 2];
let opened = 0;

/** One buffer of a request: bytes that the device reads, or the number of bytes that it writes. */
type Part = Uint8Array | number;

class Driver implements Disposable {
  readonly device: PciDevice = openDeviceSync(`mock:virtio-blk#${opened++}`);
  readonly window;
  readonly regs;
  readonly rings: DmaBuffer;
  readonly data: DmaBuffer;
  #next = 0;

  constructor() {
    this.device.config.update('command', { memory: 1, bus_master: 1 });
    this.window = this.device.bar(4).map();
    this.regs = COMMON.on(this.window);
    this.rings = this.device.dma.allocateSync(4096);
    this.data = this.device.dma.allocateSync(65536);
  }

  negotiate(high = VERSION_1 | ACCESS_PLATFORM): boolean {
    const { regs } = this;
    regs.device_status.value = 0;
    regs.device_status.value = 3;
    regs.driver_feature_select.value = 1;
    regs.driver_feature.value = high;
    regs.device_status.value = 11;
    return (regs.device_status.value & 8) !== 0;
  }

  start(): this {
    const { regs, rings } = this;
    this.negotiate();
    regs.queue_size.value = ENTRIES;
    regs.queue_msix_vector.value = 1;
    regs.config_msix_vector.value = 0;
    regs.queue_desc.value = rings.iova;
    regs.queue_driver.value = rings.iova + 1024n;
    regs.queue_device.value = rings.iova + 2048n;
    regs.queue_enable.value = 1;
    regs.device_status.value = 15;
    return this;
  }

  /** Runs a request. @returns the bytes that the device can write, and the length in the used ring */
  async run(parts: readonly Part[], patch: (table: DataView) => void = () => undefined) {
    const table = new DataView(this.rings.buffer);
    let at = 0;
    let written: Uint8Array = new Uint8Array();
    parts.forEach((part, i) => {
      const length = typeof part === 'number' ? part : part.length;
      const bytes = this.data.bytes.subarray(at, at + length);
      if (typeof part === 'number') written = bytes.fill(0xee);
      else bytes.set(part);
      const last = i === parts.length - 1;
      table.setBigUint64(16 * i, this.data.iova + BigInt(at), true);
      table.setUint32(16 * i + 8, length, true);
      table.setUint16(
        16 * i + 12,
        (typeof part === 'number' ? WRITE : 0) | (last ? 0 : NEXT),
        true,
      );
      table.setUint16(16 * i + 14, i + 1, true);
      at += length;
    });
    table.setUint16(1024 + 4 + 2 * (this.#next % ENTRIES), 0, true);
    table.setUint16(1024 + 2, ++this.#next, true);
    patch(table);
    this.window.write16(NOTIFY, 0);
    await new Promise(setImmediate);
    return {
      written,
      used: table.getUint16(2048 + 2, true),
      length: table.getUint32(2048 + 4 + 8 * ((this.#next - 1) % ENTRIES) + 4, true),
    };
  }

  [Symbol.dispose](): void {
    this.device.close();
  }
}

function header(type: number, sector: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(0, type, true);
  new DataView(bytes.buffer).setBigUint64(8, BigInt(sector), true);
  return bytes;
}

test('the capabilities give the places of the structures', (t) => {
  using driver = new Driver();
  const { config } = driver.device;
  t.deepEqual(
    config
      .virtioCapabilities()
      .map(({ type, bar, offset, length, notifyOffMultiplier }) => [
        ...[type, bar, offset, length, notifyOffMultiplier],
      ]),
    [
      ['notify_cfg', 4, NOTIFY, 0x1000, 4],
      ['device_cfg', 4, DEVICE, 0x1000, null],
      ['isr_cfg', 4, ISR, 0x1000, null],
      ['common_cfg', 4, 0, 0x1000, null],
    ],
  );
  using other = openDeviceSync('mock:nvme');
  t.deepEqual(other.config.virtioCapabilities(), []);
});

test('the device offers features, and accepts only VERSION_1 with ACCESS_PLATFORM', (t) => {
  using driver = new Driver();
  const { regs } = driver;
  const words = [0, 1, 2].map((word) => {
    regs.device_feature_select.value = word;
    return regs.device_feature.value;
  });
  t.deepEqual(words, [1 << 9, VERSION_1 | ACCESS_PLATFORM, 0]);
  t.false(driver.negotiate(VERSION_1));
  t.false(driver.negotiate(ACCESS_PLATFORM));
  t.false(driver.negotiate(VERSION_1 | ACCESS_PLATFORM | 4));
  t.true(driver.negotiate());
  // A status bit stays set until a reset.
  regs.device_status.value = 4;
  t.is(regs.device_status.value, 15);
  regs.device_status.value = 0;
  t.is(regs.device_status.value, 0);
});

test('only queue 0 exists, and wrong sizes and vectors are refused', (t) => {
  using driver = new Driver();
  const { regs } = driver;
  t.is(regs.num_queues.value, 1);
  for (const size of [0, 3, 512]) regs.queue_size.value = size;
  t.is(regs.queue_size.value, 256);
  regs.queue_msix_vector.value = 2;
  t.is(regs.queue_msix_vector.value, 0xffff);
  regs.queue_select.value = 1;
  regs.queue_size.value = 8;
  t.deepEqual([regs.queue_size.value, regs.queue_enable.value], [0, 0]);
  regs.queue_select.value = 0;
  t.is(regs.queue_size.value, 256);
});

test('sectors are written and read, and each request raises the interrupt of the queue', async (t) => {
  using driver = new Driver().start();
  const vector = driver.device.interrupts.msix.request(1, { counts: true });
  const sectors = Uint8Array.from({ length: 1024 }, (_, i) => i & 0xff);
  const wrote = await driver.run([header(OUT, 5), sectors, 1]);
  t.deepEqual([wrote.used, wrote.length, wrote.written[0]], [1, 1, 0]);
  await vector.next();
  const read = await driver.run([header(IN, 4), 512 * 3 + 1]);
  t.is(read.length, 512 * 3 + 1);
  t.deepEqual(read.written.subarray(0, 512), new Uint8Array(512));
  t.deepEqual(read.written.subarray(512, 1536), sectors);
  t.is(read.written[1536], 0);
  await vector.next();
  t.is((await driver.run([header(FLUSH, 0), 1])).written[0], 0);
  const id = await driver.run([header(GET_ID, 0), 21]);
  t.is(Buffer.from(id.written.subarray(0, 9)).toString(), 'vfio-mock');
});

test('requests that the disk cannot run end with a status', async (t) => {
  using driver = new Driver().start();
  const status = async (...parts: Part[]) => (await driver.run(parts)).written.at(-1);
  t.is(await status(header(IN, 131_072), 513), 1);
  t.is(await status(header(IN, 131_071), 513), 0);
  t.is(await status(header(OUT, 131_071), new Uint8Array(1024), 1), 1);
  t.is(await status(header(OUT, 0), new Uint8Array(100), 1), 1);
  t.is(await status(header(99, 0), 1), 2);
  const failed = await driver.run([header(IN, 131_072), 513]);
  t.deepEqual([failed.length, failed.written[0]], [1, 0xee]);
});

/** Changes to the queue that no driver may make. */
const WRONG: Readonly<Record<string, (table: DataView) => void>> = {
  'a loop': (table) => {
    table.setUint16(12, NEXT, true);
    table.setUint16(14, 0, true);
  },
  'a descriptor outside of the queue': (table) => {
    table.setUint16(1024 + 4, ENTRIES, true);
  },
  'an address that is not mapped': (table) => {
    table.setBigUint64(0, 0x7000_0000_0000n, true);
  },
  'more requests than entries': (table) => {
    table.setUint16(1024 + 2, ENTRIES + 1, true);
  },
  'a short header': (table) => {
    table.setUint32(8, 15, true);
  },
  'no room for the status': (table) => {
    table.setUint16(12, 0, true);
  },
  'a buffer of 4 GiB': (table) => {
    table.setUint32(8, 0xffff_ffff, true);
  },
};

for (const [name, patch] of Object.entries(WRONG)) {
  test(`after ${name}, the device needs a reset`, async (t) => {
    using driver = new Driver().start();
    const config = driver.device.interrupts.msix.request(0).next();
    const { used } = await driver.run([header(IN, 0), 513], patch);
    await config;
    t.deepEqual([used, driver.regs.device_status.value], [0, 0x4f]);
    t.is((await driver.run([header(IN, 0), 513])).used, 0);
    driver.regs.device_status.value = 0;
    t.is(driver.regs.device_status.value, 0);
  });
}

test('without MSI-X, the device asserts its pin until the ISR status is read', async (t) => {
  using driver = new Driver().start();
  const { intx } = driver.device.interrupts;
  const vector = intx.request();
  const causes: number[] = [];
  vector.on('interrupt', () => {
    causes.push(driver.window.read8(ISR));
  });
  await driver.run([header(FLUSH, 0), 1]);
  await driver.run([header(FLUSH, 0), 1]);
  await new Promise(setImmediate);
  t.deepEqual(causes, [1, 1]);
  t.is(driver.window.read8(ISR), 0);
});
