// Faults by the device, seen by the driver of `vfio demo` and by other drivers.
import { mock } from 'node:test';
import test, { type ExecutionContext } from 'ava';
import {
  DmaFault,
  type DeviceHost,
  mockControl,
  openDevice,
  openDeviceSync,
  type PciDevice,
  registerModel,
  type RegisterWindow,
} from 'vfio/mock';
import { nvmeDemo } from '../../../lib/demo/nvme/demo.js';
import { NvmeController } from '../../../lib/demo/nvme/controller.js';

const PCI_STATUS = 6;
const IDENTIFY = 0x06;
const NVM_READ = 0x02;
/** Entries of the queues that a test reads itself. */
const ENTRIES = 16;
const ONES = 0xffff_ffff;

const hosts: DeviceHost[] = [];
registerModel({
  name: 'faulty',
  shape: {
    vendorId: 0x1234,
    deviceId: 2,
    classCode: 0xff0000,
    bars: [{ index: 0, size: 4096 }],
    capabilities: [{ name: 'msi', offset: 0x40, vectors: 1 }],
  },
  create: (host) => {
    hosts.push(host);
    let reads = 0;
    let value = 0x1122_3344_5566_7788n;
    return {
      registers: {
        0: [
          {
            offset: 0,
            width: 8,
            name: 'value',
            read: () => value,
            write: (written) => {
              value = written;
            },
          },
          { offset: 8, width: 4, name: 'reads', read: () => reads++ },
          {
            offset: 12,
            width: 4,
            name: 'late',
            write: (ms) => {
              host.defer(() => {
                host.signal(0);
              }, ms);
            },
          },
        ],
      },
      reset: () => undefined,
    };
  },
});

let labels = 0;

function make(t: ExecutionContext, model = 'nvme') {
  const name = `mock:${model}#faults${labels++}`;
  const control = mockControl(name);
  const device = openDeviceSync(name);
  t.teardown(() => {
    device.close();
  });
  device.config.update('command', { memory: 1, bus_master: 1 });
  return { name, control, device };
}

/** Opens a device of the model above, and returns the device's own view of the machine. */
function makeFaulty(t: ExecutionContext) {
  const made = make(t, 'faulty');
  const [host] = hosts.splice(-1);
  if (host === undefined) throw new Error('the model was not created');
  const buffer = made.device.dma.allocateSync(4096);
  return { ...made, host, buffer, window: made.device.bar(0).map() };
}

function aborted(t: ExecutionContext, address: bigint, run: () => void): void {
  const fault = t.throws(run, { instanceOf: DmaFault });
  t.deepEqual([fault.reason, fault.address], ['aborted', address]);
}

test('failDma() makes the nth DMA transfer of the device fail without an effect', (t) => {
  const { control, host, buffer } = makeFaulty(t);
  const { iova } = buffer;
  control.failDma({ nth: 2, times: 2 });
  host.dmaWrite(iova, Uint8Array.of(1));
  aborted(t, iova, () => {
    host.dmaWrite(iova, Uint8Array.of(2));
  });
  const into = Uint8Array.of(9);
  aborted(t, iova, () => {
    host.dmaRead(iova, into);
  });
  t.deepEqual([buffer.bytes[0], into[0]], [1, 9]);
  host.dmaRead(iova, into);
  t.is(into[0], 1);
});

test('failDma() counts only the transfers of its direction, and clear() ends the fault', (t) => {
  const { control, host, buffer } = makeFaulty(t);
  const { iova } = buffer;
  control.failDma({ access: 'read', times: Infinity });
  host.dmaWrite(iova, Uint8Array.of(1));
  for (let i = 0; i < 2; i++) {
    aborted(t, iova, () => {
      host.dmaRead(iova, new Uint8Array(1));
    });
  }
  control.clear();
  host.dmaRead(iova, new Uint8Array(1));
  t.pass();
});

test('a failed DMA transfer of data fails the command of the NVMe driver', async (t) => {
  const { control, device } = make(t);
  const controller = await NvmeController.start(device);
  // A command has two transfers to the memory of the host: its data, then its completion.
  control.failDma({ access: 'write' });
  await t.throwsAsync(controller.identifyController(), {
    code: 'EIO',
    message: /command 0x6 on queue 0 failed with status type 0, code 0x4/,
  });
  await controller.identifyController();
  await controller.stop();
});

test('overrideRead() changes only the bytes of its register, at every width of an access', (t) => {
  const { control, window } = makeFaulty(t);
  control.overrideRead(0, 2, 2, 0xabcd);
  t.is(window.read64(0), 0x1122_3344_abcd_7788n);
  t.is(window.read32(0), 0xabcd_7788);
  t.is(window.read16(2), 0xabcd);
  t.is(window.read8(3), 0xab);
  t.is(window.read16(0), 0x7788);
  t.is(window.read32(4), 0x1122_3344);
  control.overrideRead(0, 0, 8, 2n ** 64n - 1n);
  t.is(window.read8(7), 0xff);
  t.is(window.read32(0), ONES);
  control.clear();
  t.is(window.read64(0), 0x1122_3344_5566_7788n);
});

test('overrideRead() counts reads, and the device executes each read', (t) => {
  const { control, device, window } = makeFaulty(t);
  control.overrideRead(0, 8, 4, 77, { nth: 2, times: 1 });
  t.deepEqual([window.read32(8), window.read32(8), window.read32(8)], [0, 77, 2]);
  control.overrideRead(0, 8, 4, 5);
  t.is(device.bar(0).load(8, 4), 5);
  t.is(window.read32(8), 5);
});

test('after stopResponding(), everything reads as ones until a reset, and nothing is written', async (t) => {
  const { control, device, host, buffer, window } = makeFaulty(t);
  const interrupts: bigint[] = [];
  device.interrupts.msi.request(0).on('interrupt', (count) => interrupts.push(count));
  control.clock.stop();
  window.write32(12, 5);
  control.stopResponding();
  t.is(window.read32(8), ONES);
  t.is(window.read64(0), 2n ** 64n - 1n);
  t.is(device.bar(0).load(8, 2), 0xffff);
  t.is(device.config.read16(PCI_STATUS), 0xffff);
  window.write64(0, 3n);
  aborted(t, buffer.iova, () => {
    host.dmaWrite(buffer.iova, Uint8Array.of(1));
  });
  host.signal(0);
  control.interrupt();
  control.clock.step(10);
  t.is(buffer.bytes[0], 0);
  await device.reset();
  t.is(window.read64(0), 0x1122_3344_5566_7788n);
  t.is(window.read32(8), 0);
  t.is(device.config.read16(PCI_STATUS), 0x10);
  device.config.update('command', { memory: 1, bus_master: 1 });
  host.dmaWrite(buffer.iova, Uint8Array.of(1));
  t.is(buffer.bytes[0], 1);
  await new Promise(setImmediate);
  t.deepEqual(interrupts, []);
});

test('clear() ends stopResponding(), and a failed reset does not', async (t) => {
  const { control, device, window } = makeFaulty(t);
  control.stopResponding();
  control.fail('reset', 'ENOTTY');
  await t.throwsAsync(device.reset(), { code: 'ENOTTY' });
  t.is(window.read32(8), ONES);
  control.clear();
  t.is(window.read32(8), 0);
  device.close();
  t.throws(
    () => {
      control.stopResponding();
    },
    { instanceOf: TypeError, message: 'the device is not open: open the device first' },
  );
});

test('clear() does not make an unplugged device respond', (t) => {
  const { control, window } = makeFaulty(t);
  control.unplug();
  control.stopResponding();
  control.clear();
  t.is(window.read32(8), ONES);
});

test('the NVMe driver sees a controller that stopped responding, and a reset repairs the controller', async (t) => {
  const { control, device } = make(t);
  const controller = await NvmeController.start(device);
  control.stopResponding();
  control.clock.stop();
  const failed = t.throwsAsync(controller.stop(), { code: 'ETIMEDOUT' });
  await new Promise(setImmediate);
  control.clock.step(60_000);
  t.regex((await failed).message, /register nvme\.csts is 0xffffffff after 7500 ms, not shst=2/);
  control.clock.start();
  device.interrupts.msix.disable();
  await device.reset();
  t.true((await nvmeDemo(device)).ok);
});

test('failCommand() fails the nth command of an opcode with a status, without its effect', async (t) => {
  const { control, device } = make(t);
  control.nvme.failCommand(0x4281, { opcode: NVM_READ, nth: 3 });
  await t.throwsAsync(nvmeDemo(device), {
    code: 'EIO',
    message: /command 0x2 on queue [12] failed with status type 2, code 0x81/,
  });
});

test('failCommand() counts only the commands of its queue', async (t) => {
  const { control, device } = make(t);
  const controller = await NvmeController.start(device);
  control.nvme.failCommand(0x6, { queue: 1 });
  control.nvme.failCommand(0x7, { opcode: IDENTIFY, nth: 2, times: 2 });
  await controller.identifyController();
  for (let i = 0; i < 2; i++) {
    await t.throwsAsync(controller.identifyController(), { message: /type 0, code 0x7$/ });
  }
  await controller.identifyController();
  const [io] = await controller.createIoQueues(1, 8);
  await t.throwsAsync(io?.queue.submit({ opcode: NVM_READ, nsid: 1 }) ?? Promise.resolve(), {
    message: /command 0x2 on queue 1 failed with status type 0, code 0x6/,
  });
  await controller.stop();
});

test('faults of commands that are injected before the open reach the first driver', async (t) => {
  const name = 'mock:nvme#faults-early';
  mockControl(name).nvme.failCommand(0x2, { opcode: IDENTIFY });
  await using device = await openDevice(name);
  await t.throwsAsync(nvmeDemo(device), { message: /command 0x6 on queue 0 failed/ });
  t.true((await nvmeDemo(await reopened(device, name))).ok);
});

/** Closes a device and opens the device again. */
async function reopened(device: PciDevice, name: string): Promise<PciDevice> {
  device.close();
  return openDevice(name);
}

/** Reads the completion queue of an NVMe controller without the driver. */
function completions(memory: Uint8Array): { id: number; status: number; phase: number }[] {
  const view = new DataView(memory.buffer, memory.byteOffset);
  return [0, 1, 2].map((entry) => ({
    id: view.getUint16(16 * entry + 12, true),
    status: view.getUint16(16 * entry + 14, true) >> 1,
    phase: view.getUint16(16 * entry + 14, true) & 1,
  }));
}

/** Enables a controller whose completions the test reads. Returns a function that submits. */
function polled(t: ExecutionContext) {
  const made = make(t);
  const queues = made.device.dma.allocateSync(2 * 4096);
  const window: RegisterWindow = made.device.bar(0).map();
  window.write32(0x24, (ENTRIES - 1) * 0x1_0001);
  window.write64(0x28, queues.iova);
  window.write64(0x30, queues.iova + 4096n);
  window.write32(0x14, 0x0046_0001);
  let tail = 0;
  /** Submits Get Features (number of queues). */
  const submit = (id: number) => {
    const view = new DataView(queues.buffer, queues.bytes.byteOffset + 64 * tail, 64);
    tail = (tail + 1) % ENTRIES;
    view.setUint32(0, 0x0a | (id << 16), true);
    view.setUint32(40, 0x07, true);
    window.write32(0x1000, tail);
  };
  return { ...made, submit, read: () => completions(queues.bytes.subarray(4096)) };
}

test('loseCompletion() posts no completion, and later completions follow without a gap', (t) => {
  const { control, submit, read } = polled(t);
  control.nvme.loseCompletion({ nth: 2 });
  for (const id of [10, 11, 12]) submit(id);
  t.deepEqual(read(), [
    { id: 10, status: 0, phase: 1 },
    { id: 12, status: 0, phase: 1 },
    { id: 0, status: 0, phase: 0 },
  ]);
});

test('doubleCompletion() posts a completion twice', (t) => {
  const { control, submit, read } = polled(t);
  control.nvme.doubleCompletion({ opcode: 0x0a });
  for (const id of [10, 11]) submit(id);
  t.deepEqual(read(), [
    { id: 10, status: 0, phase: 1 },
    { id: 10, status: 0, phase: 1 },
    { id: 11, status: 0, phase: 1 },
  ]);
});

test('a lost completion does not occupy an entry of the submission queue', (t) => {
  const { control, submit, read } = polled(t);
  control.nvme.loseCompletion({ times: ENTRIES });
  for (let id = 0; id <= ENTRIES; id++) submit(id);
  t.deepEqual(read()[0], { id: ENTRIES, status: 0, phase: 1 });
});

test('the NVMe driver ignores a doubled completion', async (t) => {
  const { control, device } = make(t);
  control.nvme.doubleCompletion({ times: Infinity });
  t.true((await nvmeDemo(device)).ok);
});

test.serial('the NVMe driver reports a lost completion after its timeout', async (t) => {
  const { control, device } = make(t);
  const controller = await NvmeController.start(device);
  control.nvme.loseCompletion();
  mock.timers.enable({ apis: ['setTimeout'] });
  const identity = controller.identifyController();
  mock.timers.tick(20_000);
  mock.timers.reset();
  await t.throwsAsync(identity, {
    code: 'ETIMEDOUT',
    message: /no completion of command 0 on queue 0/,
  });
  await controller.stop();
});

test('wrong arguments of the faults are refused', (t) => {
  const { control } = makeFaulty(t);
  const { control: nvme } = make(t);
  const wrong = (run: () => unknown, message: string | RegExp) => t.throws(run, { message });
  wrong(() => {
    control.overrideRead(6, 0, 4, 0);
  }, /^bar must be an integer from 0 to 5/);
  wrong(() => {
    control.overrideRead(0, 2, 4, 0);
  }, 'offset 0x2 is not a multiple of 4');
  wrong(() => {
    control.overrideRead(0, 0, 3 as 4, 0);
  }, /^width must be 1, 2, 4 or 8/);
  wrong(() => {
    control.overrideRead(0, 0, 1, 256);
  }, 'value 256 does not fit into 1 bytes');
  wrong(() => {
    control.overrideRead(0, 0, 8, -1n);
  }, 'value -1 does not fit into 8 bytes');
  wrong(() => {
    control.failDma({ access: 'both' as 'read' });
  }, /^access must be one of/);
  wrong(() => {
    control.failDma({ nth: 0 });
  }, /^nth must be an integer from 1/);
  wrong(() => {
    nvme.nvme.failCommand(0);
  }, /^status must be an integer from 1 to 32767/);
  wrong(() => {
    nvme.nvme.loseCompletion({ queue: -1 });
  }, /^queue must be/);
  wrong(() => control.nvme, "the model 'faulty' is not an NVMe controller");
});
