import test from 'ava';
import fc from '../fast-check.js';
import {
  decodeFields,
  DECODERS,
  type Register,
  type RegisterName,
  registerOffset,
  REGISTERS,
  updateFields,
} from '../../lib/pci/index.js';
import { image } from './image.js';

const entries = Object.entries(REGISTERS) as [RegisterName, Register][];

test('the fields of each register are inside the register and do not overlap', (t) => {
  for (const [name, { fields, width }] of entries) {
    const used = new Set<number>();
    for (const [field, { low, high }] of Object.entries(fields)) {
      t.true(low <= high && high < width, `${name} ${field}`);
      for (let bit = low; bit <= high; bit++) {
        t.false(used.has(bit), `${name} ${field} bit ${bit}`);
        used.add(bit);
      }
    }
  }
});

test('each register is aligned, and its name begins with the name of its capability', (t) => {
  for (const [name, register] of entries) {
    const { capability, width } = register;
    t.is(name.startsWith(`${capability ?? ''}.`), capability !== null);
    // The largest layouts: 64-bit MSI with mask bits, and version 2 of the PCIe capability with a
    // link.
    const offset = registerOffset(register, capability === 'msi' ? 0x180 : 0x02);
    t.is((offset ?? 1) % (width / 8), 0, name);
  }
});

test('the offsets of MSI registers depend on the 64-bit flag and on the masking flag', (t) => {
  const offsets = (control: number) =>
    (['msi.address_high', 'msi.data', 'msi.mask', 'msi.pending'] as const).map((name) =>
      registerOffset(REGISTERS[name], control),
    );
  t.deepEqual(offsets(0x000), [null, 0x08, null, null]);
  t.deepEqual(offsets(0x080), [0x08, 0x0c, null, null]);
  t.deepEqual(offsets(0x100), [null, 0x08, 0x0c, 0x10]);
  t.deepEqual(offsets(0x180), [0x08, 0x0c, 0x10, 0x14]);
});

test('link registers and version 2 registers are missing where PCIe does not define them', (t) => {
  const offsets = (control: number) =>
    (['pcie.link_status', 'pcie.device_control_2', 'pcie.link_control_2'] as const).map((name) =>
      registerOffset(REGISTERS[name], control),
    );
  t.deepEqual(offsets(0x02), [0x12, 0x28, 0x30]);
  t.deepEqual(offsets(0x01), [0x12, null, null]);
  t.deepEqual(offsets(0x92), [null, 0x28, null]);
  t.deepEqual(offsets(0xa2), [null, 0x28, null]);
});

test('decoding a register value returns the value of each field', (t) => {
  t.like(decodeFields(REGISTERS['pcie.device_control'], 0x2810), {
    relaxed_ordering: 1,
    max_payload_size: 0,
    no_snoop: 1,
    max_read_request_size: 2,
    initiate_flr: 0,
  });
  t.deepEqual(decodeFields(REGISTERS['msix.table'], 0xffff_fffb), { bir: 3, offset: 0x1fff_ffff });
});

test('an update of a register changes only the given fields, and does not clear RW1C status bits', (t) => {
  t.is(updateFields(REGISTERS.command, 0x0403, { bus_master: 1, intx_disable: 0 }), 0x0007);
  const pm = REGISTERS['pm.control_status'];
  t.is(updateFields(pm, 0x8103, { power_state: 0 }), 0x0100);
  t.is(updateFields(pm, 0x8103, { pme_status: 1 }), 0x8103);
  t.is(updateFields(REGISTERS['msix.table'], 0xffff_ffff, { bir: 0 }), 0xffff_fff8);
  t.is(updateFields(REGISTERS.command, 5, { memory: undefined }), 5);
});

test('an update of a register refuses unknown fields and values that do not fit', (t) => {
  const { command } = REGISTERS;
  t.throws(() => updateFields(command, 0, { busmaster: 1 }), {
    instanceOf: TypeError,
    message: /unknown field 'busmaster'; known: io, memory, bus_master/,
  });
  t.throws(() => updateFields(command, 0, { toString: 1 }), { instanceOf: TypeError });
  for (const value of [2, -1, 0.5, NaN]) {
    t.throws(() => updateFields(command, 0, { memory: value }), { instanceOf: RangeError });
  }
});

test('an update without fields returns the register value with all RW1C bits set to 0', (t) => {
  const register = fc.constantFrom(...entries);
  fc.assert(
    fc.property(register, fc.nat(0xffff_ffff), ([, { width, fields }], random) => {
      const value = width === 32 ? random : random % 2 ** width;
      const decoded = decodeFields({ fields }, value);
      const clears = Object.entries(fields).filter(([, field]) => field.clears);
      const kept = updateFields({ fields }, value, {});
      t.true(kept >= 0 && kept < 2 ** width);
      for (const [name, part] of Object.entries(decodeFields({ fields }, kept))) {
        t.is(part, fields[name]?.clears === true ? 0 : (decoded[name] ?? NaN));
      }
      const again = Object.fromEntries(clears.map(([name]) => [name, decoded[name] ?? 0]));
      t.is(updateFields({ fields }, value, again), value);
    }),
  );
});

test('DECODERS.pm() decodes the PM capability', (t) => {
  const config = image(256, [0x40, [0x01, 0x00, 0x03, 0xca, 0x0b, 0x81]]);
  t.deepEqual(DECODERS.pm(config, 0x40), {
    version: 3,
    d1: true,
    d2: false,
    pmeSupport: ['D0', 'D3hot', 'D3cold'],
    powerState: 3,
    noSoftReset: true,
    pmeEnabled: true,
    pmeStatus: true,
  });
});

test('DECODERS.msi() decodes the MSI capability', (t) => {
  const full = image(
    256,
    [0x50, [0x05, 0x00, 0xab, 0x01, 0x00, 0x00, 0xe0, 0xfe, 0x01, 0x00, 0x00, 0x00]],
    [0x5c, [0x21, 0x40, 0x00, 0x00, 0x0f, 0x00, 0x00, 0x80, 0x01, 0x00, 0x00, 0x00]],
  );
  t.deepEqual(DECODERS.msi(full, 0x50), {
    enabled: true,
    vectors: 32,
    vectorsEnabled: 4,
    address64: true,
    perVectorMasking: true,
    address: 0x1_fee0_0000n,
    data: 0x4021,
    mask: 0x8000_000f,
    pending: 1,
  });
  const small = image(256, [0x50, [0x05, 0x00, 0x00, 0x00, 0x00, 0x00, 0xe0, 0xfe, 0x21, 0x40]]);
  t.like(DECODERS.msi(small, 0x50), {
    enabled: false,
    vectors: 1,
    vectorsEnabled: 1,
    address: 0xfee0_0000n,
    data: 0x4021,
    mask: 0,
  });
});

test('DECODERS.msix() decodes the MSI-X capability', (t) => {
  const config = image(256, [0x60, [0x11, 0x00, 0x40, 0xc0, 0x04, 0x20, 0x00, 0x00, 0x05, 0x30]]);
  t.deepEqual(DECODERS.msix(config, 0x60), {
    enabled: true,
    functionMask: true,
    vectors: 65,
    table: { bir: 4, offset: 0x2000 },
    pba: { bir: 5, offset: 0x3000 },
  });
});

test('DECODERS.pcie() decodes the PCIe capability', (t) => {
  const config = image(256, [
    0x80,
    [0x10, 0, 0x02, 0, 0x02, 0x80, 0, 0x10, 0x30, 0x28, 0, 0, 0x43, 0, 0, 0, 0, 0, 0x22, 0x10],
  ]);
  t.deepEqual(DECODERS.pcie(config, 0x80), {
    version: 2,
    type: 'endpoint',
    maxPayloadSupported: 512,
    maxPayload: 256,
    maxReadRequest: 512,
    flr: true,
    link: { maxSpeed: 8, maxWidth: 4, speed: 5, width: 2 },
  });
  config[0x82] = 0x92;
  t.like(DECODERS.pcie(config, 0x80), { type: 'rc_integrated_endpoint', link: null });
  config[0x82] = 0xb2;
  t.is(DECODERS.pcie(config, 0x80).type, 'type_0xb');
});

test('the decoding of details does not throw at any offset', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), fc.nat(255), (config, at) => {
      const { vectors } = DECODERS.msi(config, at);
      t.true(vectors >= 1 && vectors <= 32);
      t.true(DECODERS.msix(config, at).table.bir <= 7);
      t.notThrows(() => [DECODERS.pm(config, at), DECODERS.pcie(config, at)]);
    }),
  );
});
