import test, { type ExecutionContext } from 'ava';
import * as dsa from '../../../../lib/backend/mock/models/dsa/registers.js';
import { type Eventfd, openDevice, type PciDevice, type RegisterWindow } from 'vfio/mock';

const CONTROL = 12;
const MASK = 1;
const PENDING = 2;
const MSI = 0xfee0_0000n;
const KERNEL = 1;
const PROCESS = 0x105;
const SLOT = 7;
let opened = 0;

/**
 * A DSA device with both queues enabled. Queue 0 is a dedicated queue of the kernel, queue 1 is a
 * shared queue.
 */
class Machine {
  readonly registers: RegisterWindow;
  readonly portals: RegisterWindow;

  private constructor(readonly device: PciDevice) {
    this.registers = device.bar(0).map();
    this.portals = device.bar(2).map();
  }

  static async start(t: ExecutionContext): Promise<Machine> {
    const device = await openDevice(`mock:dsa#${++opened}`);
    t.teardown(() => {
      device.close();
    });
    device.config.update('command', { memory: 1, bus_master: 1 });
    for (const pasid of [KERNEL, PROCESS]) device.attachPasid(pasid);
    const machine = new Machine(device);
    machine.command(dsa.IDXD_CMD_ENABLE_DEVICE);
    const modes = [dsa.WQCFG_MODE_DEDICATED | (KERNEL << dsa.WQCFG_PASID_SHIFT), 0];
    for (const [queue, mode] of modes.entries()) {
      const config = dsa.WQCFG_OFFSET + queue * dsa.WQCFG_SIZE;
      machine.registers.write32(config, 16);
      machine.registers.write32(config + 8, mode | dsa.WQCFG_PASID_EN);
      machine.command(dsa.IDXD_CMD_ENABLE_WQ, queue);
    }
    dsa.DEVICE.on(machine.registers).submitter.at(1).write({ valid: 1, pasid: PROCESS });
    return machine;
  }

  /** Runs a command. @returns CMDSTS */
  command(code: number, operand = 0): number {
    this.registers.write32(dsa.IDXD_CMD_OFFSET, code * 2 ** 20 + operand);
    let status = this.registers.read32(dsa.IDXD_CMDSTS_OFFSET);
    while (status === dsa.IDXD_CMDSTS_ACTIVE) {
      status = this.registers.read32(dsa.IDXD_CMDSTS_OFFSET);
    }
    return status;
  }

  /** Binds an eventfd to the misc interrupt, which is vector 0. */
  bindMisc(): Eventfd {
    const eventfd = this.device.createEventfd();
    const set = { index: 2, flags: 0x24, start: 0, count: 1, eventfds: [eventfd] };
    this.device.connection.setIrqs(set);
    return eventfd;
  }

  handle(slot: number): number {
    const operand = dsa.CMD_INT_HANDLE_IMS | slot;
    return this.command(dsa.IDXD_CMD_REQUEST_INT_HANDLE, operand) >>> dsa.IDXD_CMDSTS_RES_SHIFT;
  }

  /** Programs an IMS slot with the message of vector 1 and with a PASID. */
  program(t: ExecutionContext, slot: number, pasid: number | null, masked = false) {
    const eventfd = this.device.createEventfd();
    this.device.connection.setIrqs({
      index: 2,
      flags: 0x24,
      start: 1,
      count: 1,
      eventfds: [eventfd],
    });
    const entry = dsa.MSIX_TABLE_OFFSET + 16;
    const base = dsa.IMS_OFFSET + 16 * slot;
    for (const word of [0, 4, 8]) {
      this.registers.write32(base + word, this.registers.read32(entry + word));
    }
    t.true(this.registers.read64(base) >= MSI);
    const check = pasid === null ? 0 : pasid * 2 ** 12 + 8;
    this.registers.write32(base + CONTROL, check + (masked ? MASK : 0));
    return eventfd;
  }

  /**
   * Submits a descriptor.
   *
   * @returns the status in the completion record, or 0 if no record was written
   */
  work(page: number, line: number, fields: Partial<Fields>): number {
    const { handle = 0, opcode = dsa.DSA_OPCODE_NOOP, source = 0n, destination = 0n } = fields;
    const { size = 0, pasid = 0, flags = 0x1c } = fields;
    using record = this.device.dma.allocateSync(4096);
    const view = new DataView(new ArrayBuffer(dsa.DESCRIPTOR_SIZE));
    view.setUint32(0, pasid, true);
    view.setUint32(4, (opcode << 24) | flags, true);
    view.setBigUint64(8, record.iova, true);
    view.setBigUint64(16, source, true);
    view.setBigUint64(24, destination, true);
    view.setUint32(32, size, true);
    view.setUint16(36, handle, true);
    const at = page * dsa.IDXD_PORTAL_SIZE + line * dsa.DESCRIPTOR_SIZE;
    this.portals.writeBlock(at, new Uint8Array(view.buffer), 8);
    // A read of a register runs the due work of the device.
    this.registers.read32(dsa.IDXD_GENSTATS_OFFSET);
    return record.bytes[0] ?? 0;
  }
}

interface Fields {
  handle: number;
  opcode: number;
  source: bigint;
  destination: bigint;
  size: number;
  pasid: number;
  flags: number;
}

/** The pages of each portal in which a descriptor's handle selects an IMS slot. */
const DEDICATED = dsa.PORTAL_IMS;
const SHARED = dsa.PORTALS_PER_WQ + dsa.PORTAL_IMS;

test('the device reports the offsets of its tables and of its message store', async (t) => {
  const { device, registers } = await Machine.start(t);
  const offsets = registers.read64(dsa.IDXD_TABLE_OFFSET);
  t.is(offsets, 0x0010_0006_0005_0004n);
  t.is((registers.read64(dsa.IDXD_GENCAP_OFFSET) >> 25n) & 0x3fn, 1n, 'times 256 slots');
  const queues = Number((registers.read64(dsa.IDXD_WQCAP_OFFSET) >> 16n) & 0xffn);
  t.is(device.config.details('msix')?.vectors, queues + 1, 'the misc interrupt and the queues');
  const commands = registers.read32(dsa.IDXD_CMDCAP_OFFSET);
  t.is((commands >>> 13) & 3, 3);
  const names = device.config.capabilities().map(({ name }) => name);
  t.true(names.includes('dvsec'), names.join());
  t.is(device.via, 'cdev', 'the device is opened by cdev, because a group cannot attach PASIDs');
});

test('commands return results or the error codes that the Linux driver knows', async (t) => {
  const machine = await Machine.start(t);
  const errors: [number, number, number][] = [
    [dsa.IDXD_CMD_ENABLE_DEVICE, 0, dsa.IDXD_CMDSTS_ERR_DEV_ENABLED],
    [dsa.IDXD_CMD_ENABLE_WQ, 0, dsa.IDXD_CMDSTS_ERR_WQ_ENABLED],
    [dsa.IDXD_CMD_ENABLE_WQ, 8, dsa.IDXD_CMDSTS_INVAL_WQIDX],
    [dsa.IDXD_CMD_DISABLE_WQ, 1 << 8, dsa.IDXD_CMDSTS_INVAL_WQIDX],
    [31, 0, dsa.IDXD_CMDSTS_INVAL_CMD],
    [dsa.IDXD_CMD_REQUEST_INT_HANDLE, 0, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX],
    [dsa.IDXD_CMD_REQUEST_INT_HANDLE, 0x10100, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX],
    [dsa.IDXD_CMD_RELEASE_INT_HANDLE, 7, dsa.IDXD_CMDSTS_ERR_INVAL_INT_IDX_RELEASE],
    [dsa.IDXD_CMD_DISABLE_WQ, 1 << 1, dsa.IDXD_CMDSTS_SUCCESS],
    [dsa.IDXD_CMD_DISABLE_WQ, 1 << 1, dsa.IDXD_CMDSTS_ERR_WQ_NOT_EN],
    [dsa.IDXD_CMD_DISABLE_DEVICE, 0, dsa.IDXD_CMDSTS_SUCCESS],
    [dsa.IDXD_CMD_ENABLE_WQ, 1, dsa.IDXD_CMDSTS_ERR_DEV_NOTEN],
    [dsa.IDXD_CMD_DISABLE_DEVICE, 0, dsa.IDXD_CMDSTS_ERR_DIS_DEV_EN],
  ];
  for (const [code, operand, status] of errors) {
    t.is(machine.command(code, operand), status, `command ${code}, operand ${operand}`);
  }
  const handle = machine.handle(SLOT);
  t.not(handle, SLOT);
  t.is(machine.handle(SLOT), handle, 'a handle stays the same until the handle is released');
  machine.command(dsa.IDXD_CMD_RELEASE_INT_HANDLE, dsa.CMD_INT_HANDLE_IMS | handle);
  t.not(machine.handle(SLOT), handle);
});

test('a command that requests an interrupt raises vector 0', async (t) => {
  const machine = await Machine.start(t);
  const { registers } = machine;
  const eventfd = machine.bindMisc();
  registers.write32(dsa.IDXD_CMD_OFFSET, dsa.IDXD_CMD_INT_REQ + dsa.IDXD_CMD_DRAIN_ALL * 2 ** 20);
  registers.read32(dsa.IDXD_CMDSTS_OFFSET);
  t.is(eventfd.read(), 1n);
  t.is(registers.read32(dsa.IDXD_INTCAUSE_OFFSET), dsa.IDXD_INTC_CMD);
  registers.write32(dsa.IDXD_INTCAUSE_OFFSET, dsa.IDXD_INTC_CMD);
  t.is(registers.read32(dsa.IDXD_INTCAUSE_OFFSET), 0);
});

test('work raises an IMS interrupt only if portal and IMS slot have the same PASID', async (t) => {
  const machine = await Machine.start(t);
  const eventfd = machine.program(t, SLOT, PROCESS);
  const handle = machine.handle(SLOT);
  t.is(machine.work(SHARED, 1, { handle }), dsa.DSA_COMP_SUCCESS);
  t.is(eventfd.read(), 1n);
  const refused = [
    machine.work(DEDICATED, 0, { handle }),
    machine.work(DEDICATED, 0, { handle, pasid: PROCESS }),
    machine.work(SHARED, 1, { handle: SLOT }),
    machine.work(SHARED, 1, { handle: handle + 1 }),
    machine.work(SHARED - dsa.PORTAL_IMS, 1, { handle }),
  ];
  t.deepEqual(
    refused,
    refused.map(() => dsa.DSA_COMP_INT_HANDLE_INVAL),
  );
  t.is(
    machine.work(SHARED, 2, { handle }),
    0,
    'work on a portal line without a PASID writes no completion record',
  );
  t.is(eventfd.read(), 0n);
  t.is(
    machine.work(DEDICATED, 0, { handle: 1, flags: 0xc }),
    1,
    'the handle is ignored if the descriptor requests no interrupt',
  );
});

test('a masked IMS slot holds one interrupt until the slot is unmasked', async (t) => {
  const machine = await Machine.start(t);
  const eventfd = machine.program(t, SLOT, null, true);
  const control = dsa.IMS_OFFSET + 16 * SLOT + CONTROL;
  machine.registers.write32(control, (KERNEL << 12) | 8 | MASK);
  const handle = machine.handle(SLOT);
  for (let n = 0; n < 2; n++) machine.work(DEDICATED, 0, { handle });
  t.is(eventfd.read(), 0n);
  t.is(machine.registers.read32(control) & PENDING, PENDING);
  machine.registers.write32(control, (KERNEL << 12) | 8);
  t.is(eventfd.read(), 1n);
  t.is(machine.registers.read32(control) & PENDING, 0);
});

test('revoking a PASID invalidates its handles and raises the misc interrupt', async (t) => {
  const machine = await Machine.start(t);
  const eventfd = machine.program(t, SLOT, PROCESS);
  const misc = machine.bindMisc();
  const [stale, other] = [machine.handle(SLOT), machine.handle(SLOT + 1)];
  dsa.DEVICE.on(machine.registers).revoke.value = PROCESS;
  t.is(machine.registers.read32(dsa.IDXD_INTCAUSE_OFFSET), dsa.IDXD_INTC_INT_HANDLE_REVOKED);
  t.is(misc.read(), 1n);
  t.is(machine.work(SHARED, 1, { handle: stale }), dsa.DSA_COMP_INT_HANDLE_INVAL);
  t.is(eventfd.read(), 0n);
  t.is(machine.handle(SLOT + 1), other);
  t.is(machine.work(SHARED, 1, { handle: machine.handle(SLOT) }), dsa.DSA_COMP_SUCCESS);
  t.is(eventfd.read(), 1n);
});

test('MEMMOVE and MEMFILL use the PASID of the portal and report DMA errors', async (t) => {
  const machine = await Machine.start(t);
  using buffer = machine.device.dma.allocateSync(8192);
  const { iova, bytes } = buffer;
  bytes.fill(0xa5, 0, 100);
  const copy = {
    opcode: dsa.DSA_OPCODE_MEMMOVE,
    source: iova,
    destination: iova + 4096n,
    size: 100,
  };
  t.is(machine.work(DEDICATED, 0, { ...copy, flags: 0xc }), dsa.DSA_COMP_SUCCESS);
  t.deepEqual(bytes.slice(4096, 4196), bytes.slice(0, 100));
  const failed = [
    machine.work(DEDICATED, 0, { ...copy, source: 0x7000_0000_0000n, flags: 0x4 }),
    machine.work(DEDICATED, 0, { ...copy, size: 2 ** 21 + 1, flags: 0x4 }),
    machine.work(DEDICATED, 0, { ...copy, opcode: 0x77, flags: 0x4 }),
  ];
  t.deepEqual(failed, [
    dsa.DSA_COMP_PAGE_FAULT_NOBOF,
    dsa.DSA_COMP_XFER_ERANGE,
    dsa.DSA_COMP_BAD_OPCODE,
  ]);
  machine.device.detachPasid(KERNEL);
  t.is(
    machine.work(DEDICATED, 0, { ...copy, flags: 0xc }),
    0,
    'after the PASID is detached, the device writes no completion record',
  );
});

/** Work that fails without a completion record, because its PASID is not attached. */
function failWork(machine: Machine): void {
  machine.device.detachPasid(KERNEL);
  machine.work(DEDICATED, 0, { flags: 0xc });
  machine.device.attachPasid(KERNEL);
}

test('an error without a completion record is in SWERR, and raises the misc interrupt', async (t) => {
  const machine = await Machine.start(t);
  const { registers } = machine;
  const misc = machine.bindMisc();
  failWork(machine);
  t.is(misc.read(), 0n, 'the interrupt is disabled in GENCTRL');
  t.is(registers.read64(dsa.IDXD_SWERR_OFFSET) & 3n, dsa.IDXD_SWERR_VALID);
  registers.write32(dsa.IDXD_GENCTRL_OFFSET, 0xffff_ffff);
  t.is(registers.read32(dsa.IDXD_GENCTRL_OFFSET), 7, 'only the defined bits are writable');
  failWork(machine);
  t.is(misc.read(), 1n);
  t.is(registers.read32(dsa.IDXD_INTCAUSE_OFFSET), dsa.IDXD_INTC_ERR);
  const error = registers.read64(dsa.IDXD_SWERR_OFFSET);
  t.is(error & 3n, dsa.IDXD_SWERR_ACK, 'the second error sets the overflow bit');
  t.is(Number((error >> 8n) & 0xffn), dsa.DSA_COMP_CRA_XLAT);
  t.is(Number((error >> 40n) & 0xfffffn), KERNEL);
  t.not(registers.read64(dsa.IDXD_SWERR_OFFSET + 16), 0n, 'the address of the record');
  registers.write64(dsa.IDXD_SWERR_OFFSET, dsa.IDXD_SWERR_ACK);
  t.is(registers.read64(dsa.IDXD_SWERR_OFFSET) & 3n, 0n);
});

test('with the event log, errors are entries of a ring in memory', async (t) => {
  const machine = await Machine.start(t);
  const { registers, device } = machine;
  t.is((registers.read64(dsa.IDXD_GENCAP_OFFSET) >> 13n) & 3n, 1n, 'entries of 64 bytes');
  using log = device.dma.allocateSync(dsa.IDXD_EVL_SIZE_MIN * dsa.EVL_ENTRY_SIZE);
  registers.write64(dsa.IDXD_EVLCFG_OFFSET, log.iova);
  registers.write64(dsa.IDXD_EVLCFG_OFFSET + 8, BigInt(dsa.IDXD_EVL_SIZE_MIN));
  registers.write32(dsa.IDXD_GENCTRL_OFFSET, dsa.GENCTRL_EVL_INT_EN);
  registers.write32(dsa.IDXD_GENCFG_OFFSET, dsa.GENCFG_EVL_EN);
  registers.write64(dsa.IDXD_EVLCFG_OFFSET, 0n);
  t.is(registers.read64(dsa.IDXD_EVLCFG_OFFSET), log.iova, 'read-only while the log is enabled');
  const misc = machine.bindMisc();
  for (let n = 0; n < 2; n++) failWork(machine);
  t.is(misc.read(), 1n, 'one interrupt until the driver clears the pending bit');
  t.is(registers.read32(dsa.IDXD_INTCAUSE_OFFSET), dsa.IDXD_INTC_EVL);
  const tail = registers.read32(dsa.IDXD_EVLSTATUS_OFFSET + 4);
  t.is(tail >>> 0, (dsa.EVLSTATUS_INT_PENDING | 2) >>> 0);
  registers.write32(dsa.IDXD_EVLSTATUS_OFFSET + 4, dsa.EVLSTATUS_INT_PENDING);
  t.is(registers.read32(dsa.IDXD_EVLSTATUS_OFFSET + 4), 2);
  const entry = new DataView(log.bytes.buffer, log.bytes.byteOffset + dsa.EVL_ENTRY_SIZE);
  t.is(entry.getUint8(1), dsa.DSA_COMP_CRA_XLAT);
  t.is(entry.getUint8(2), 0, 'the queue');
  t.is(Number((entry.getBigUint64(0, true) >> 40n) & 0xfffffn), KERNEL);
  t.is(entry.getUint8(32), dsa.DSA_COMP_SUCCESS, 'the record that could not be written');
  for (let n = 2; n < dsa.IDXD_EVL_SIZE_MIN + 2; n++) failWork(machine);
  t.is(
    registers.read32(dsa.IDXD_EVLSTATUS_OFFSET + 4) & 0xffff,
    dsa.IDXD_EVL_SIZE_MIN - 1,
    'a full log drops further errors',
  );
  machine.command(dsa.IDXD_CMD_RESET_DEVICE);
  t.is(registers.read32(dsa.IDXD_GENCFG_OFFSET), 0);
});

test('a reset restores the initial state', async (t) => {
  const machine = await Machine.start(t);
  const handle = machine.handle(SLOT);
  await machine.device.reset();
  t.is(machine.registers.read32(dsa.IDXD_GENSTATS_OFFSET), dsa.IDXD_DEVICE_STATE_DISABLED);
  t.is(machine.registers.read32(dsa.IMS_OFFSET + 16 * SLOT + CONTROL), MASK);
  t.is(machine.work(DEDICATED, 0, { handle }), 0);
});
