import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { parseRegisterFile } from '../../../lib/registers/file.js';
import { formatRegisters, importRegisters } from '../../../lib/registers/import/index.js';

const folder = mkdtempSync(join(tmpdir(), 'vfio-import-'));
test.after.always(() => {
  rmSync(folder, { recursive: true });
});
let files = 0;

function read(text: string, base?: number) {
  const path = join(folder, `${files++}`);
  writeFileSync(path, text);
  const imported = importRegisters(path, 'bar0', base);
  // The formatted file is a valid register file with the same registers.
  const written = parseRegisterFile(formatRegisters(imported), 'written').get('bar0') ?? [];
  checkNames(
    written.map(({ name }) => name),
    [...imported.registers.keys()],
  );
  return {
    registers: Object.fromEntries(imported.registers),
    warnings: imported.warnings,
    written,
  };
}

function checkNames(written: readonly string[], imported: readonly string[]): void {
  if (written.join() !== imported.join()) throw new Error(`${written.join()} ${imported.join()}`);
}

const SVD = `<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE device>
<device schemaVersion="1.3">
  <name>CARD</name><size>32</size><access>read-write</access><resetValue>0x0</resetValue>
  <peripherals>
    <peripheral>
      <name>UART0</name><baseAddress>0x40000000</baseAddress>
      <registers>
        <register><name>CTRL</name><addressOffset>0x0</addressOffset><resetValue>0x10</resetValue>
          <fields>
            <field><name>EN</name><bitRange>[0:0]</bitRange></field>
            <field><name>BAUD</name><bitOffset>4</bitOffset><bitWidth>8</bitWidth><access>read-only</access></field>
            <field><name>DONE</name><lsb>16</lsb><msb>16</msb><modifiedWriteValues>oneToClear</modifiedWriteValues></field>
            <field><name>GO</name><lsb>17</lsb><msb>17</msb><modifiedWriteValues>oneToSet</modifiedWriteValues></field>
            <field><dim>2</dim><dimIncrement>2</dimIncrement><name>P%s</name><lsb>20</lsb><msb>21</msb></field>
          </fields>
        </register>
        <register derivedFrom="CTRL"><name>CTRL2</name><addressOffset>4</addressOffset></register>
        <register><name>TG</name><addressOffset>0x8</addressOffset><modifiedWriteValues>oneToToggle</modifiedWriteValues></register>
        <register><dim>4</dim><dimIncrement>8</dimIncrement><name>BUF[%s]</name><addressOffset>0x20</addressOffset><access>write-only</access></register>
        <register><name>ODD</name><size>24</size><addressOffset>0x60</addressOffset></register>
        <register><name>WIDE</name><size>64</size><addressOffset>0x68</addressOffset><resetValue>0xffffffffffffffff</resetValue></register>
        <cluster><dim>2</dim><dimIncrement>0x10</dimIncrement><dimIndex>A-B</dimIndex><name>CH%s</name><addressOffset>0x80</addressOffset>
          <register><name>LEN</name><size>16</size><addressOffset>2</addressOffset></register>
        </cluster>
        <cluster><dim>4</dim><dimIncrement>0x20</dimIncrement><name>DMA[%s]</name><addressOffset>0x100</addressOffset>
          <register><name>LEN</name><addressOffset>4</addressOffset></register>
          <cluster><name>SG</name><addressOffset>8</addressOffset>
            <register><dim>2</dim><dimIncrement>4</dimIncrement><name>BASE[%s]</name><addressOffset>0</addressOffset></register>
          </cluster>
          <register><name>BAD</name><size>24</size><addressOffset>0x10</addressOffset></register>
        </cluster>
      </registers>
    </peripheral>
    <peripheral derivedFrom="UART0"><name>UART1</name><baseAddress>0x40001000</baseAddress></peripheral>
  </peripherals>
</device>`;

test('CMSIS-SVD: peripherals, clusters, arrays, inherited properties and derived elements', (t) => {
  const { registers, warnings, written } = read(SVD);
  t.deepEqual(registers.uart0_ctrl, {
    offset: 0,
    width: 4,
    reset: 0x10,
    fields: {
      en: 0,
      baud: { bits: [11, 4], access: 'ro' },
      done: { bits: 16, access: 'w1c' },
      go: { bits: 17, access: 'w1s' },
      p0: [21, 20],
      p1: [23, 22],
    },
  });
  t.deepEqual(registers.uart0_ctrl2, { ...registers.uart0_ctrl, offset: 4 });
  t.deepEqual(registers.uart0_buf, { offset: 0x20, width: 4, access: 'wo', count: 4, stride: 8 });
  t.deepEqual(registers.uart0_chb_len, { offset: 0x92, width: 2 });
  t.deepEqual(registers.uart1_chb_len, { offset: 0x1092, width: 2 });
  t.like(
    written.find(({ name }) => name === 'uart1_wide'),
    { reset: 2n ** 64n - 1n },
  );
  t.deepEqual(registers.uart1_dma, {
    offset: 0x1100,
    count: 4,
    stride: 0x20,
    registers: {
      len: { offset: 4, width: 4 },
      sg_base: { offset: 8, width: 4, count: 2 },
    },
  });
  t.deepEqual(warnings, [
    "UART0.TG: 'oneToToggle' has no equivalent; the access is 'rw'",
    "UART1.TG: 'oneToToggle' has no equivalent; the access is 'rw'",
    'UART0.ODD is left out: the width of register uart0_odd must be one of 1, 2, 4, 8',
    'UART0.DMA.BAD is left out: the width of register bad must be one of 1, 2, 4, 8',
    'UART1.ODD is left out: the width of register uart1_odd must be one of 1, 2, 4, 8',
    'UART1.DMA.BAD is left out: the width of register bad must be one of 1, 2, 4, 8',
  ]);
});

test('the base is the address of the first byte of the region', (t) => {
  const { registers, warnings } = read(SVD, 0x4000_1000);
  t.is(registers.uart1_ctrl?.offset, 0);
  t.true(warnings.some((text) => text.startsWith('UART0.CTRL is left out: the offset')));
});

test('LiteX: addresses relative to the CSRs, and CSRs of several words as arrays', (t) => {
  const csr = {
    csr_bases: { ctrl: 0xf000_0000, dma: 0xf000_0800 },
    csr_registers: {
      ctrl_reset: { addr: 0xf000_0000, size: 1, type: 'rw' },
      ctrl_errors: { addr: '0xf0000008', size: 1, type: 'ro' },
      dma_base: { addr: 0xf000_0800, size: 2, type: 'rw' },
    },
    constants: { config_csr_data_width: 32, config_csr_alignment: 32, config_cpu_type: 'none' },
    memories: { csr: { base: 0xf000_0000, size: 65536, type: 'io' } },
  };
  const { registers, warnings } = read(JSON.stringify(csr));
  t.deepEqual(registers, {
    ctrl_reset: { offset: 0, width: 4 },
    ctrl_errors: { offset: 8, width: 4, access: 'ro' },
    dma_base: { offset: 0x800, width: 4, count: 2 },
  });
  t.deepEqual(warnings, []);
});

test('PeakRDL: nested blocks, the access of fields and reset values', (t) => {
  const field = (inst_name: string, lsb: number, msb: number, more: object) => ({
    ...{ type: 'field', inst_name, lsb, msb, reset: null },
    ...more,
  });
  const status = {
    type: 'reg',
    inst_name: 'STATUS',
    addr_offset: 4,
    children: [
      field('done', 0, 0, { sw_access: 'rw', woclr: true, reset: 1 }),
      field('issue', 1, 1, { sw_access: 'rw', onwrite: 'woset' }),
      field('start', 2, 2, { sw_access: 'rw', woset: 1 }),
      field('level', 8, 15, { sw_access: 'r', reset: 3 }),
      field('hidden', 16, 16, { sw_access: 'na' }),
    ],
  };
  const base = {
    type: 'reg',
    inst_name: 'BASE',
    addr_offset: 8,
    children: [field('address', 0, 47, { sw_access: 'rw' })],
  };
  const dma = { type: 'regfile', inst_name: 'dma', addr_offset: 0x10, children: [status, base] };
  const port = {
    ...{ type: 'regfile', inst_name: 'port', addr_offset: 0x40, children: [status] },
    ...{ array_dimensions: [2, 2], array_stride: 0x10 },
  };
  const ram = { type: 'mem', inst_name: 'ram', addr_offset: 0x100, children: [] };
  const root = { type: 'addrmap', inst_name: 'top', addr_offset: 0, children: [dma, port, ram] };
  const { registers, warnings } = read(JSON.stringify(root));
  const statusDefinition = {
    width: 4,
    reset: 0x301,
    fields: {
      done: { bits: 0, access: 'w1c' },
      issue: { bits: 1, access: 'w1s' },
      start: { bits: 2, access: 'w1s' },
      level: { bits: [15, 8], access: 'ro' },
    },
  };
  t.deepEqual(registers, {
    dma_status: { ...statusDefinition, offset: 0x14 },
    dma_base: { offset: 0x18, width: 8, fields: { address: [47, 0] } },
    port: {
      offset: 0x40,
      count: 4,
      stride: 0x10,
      registers: { status: { ...statusDefinition, offset: 4 } },
    },
  });
  t.deepEqual(warnings, ["ram is left out: the type 'mem' has no registers"]);
});

test('another file is refused with a reason', (t) => {
  const refused = (text: string) => t.throws(() => read(text), { code: 'EINVAL' }).message;
  t.regex(refused('{}'), /not CMSIS-SVD, LiteX CSR JSON or PeakRDL JSON/);
  t.regex(
    refused('<spirit:component xmlns:spirit="x"/>'),
    /the first element is <spirit:component>/,
  );
  t.regex(refused('<device><name></device>'), /1:23: unexpected close tag/);
  t.regex(
    refused('<device><peripherals><peripheral><name>A</name></peripheral></peripherals></device>'),
    /A\.baseAddress must be/,
  );
  t.regex(
    refused('{"csr_registers":{"a":{"addr":"x"}}}'),
    /csr_registers\.a\.addr must be an unsigned integer, not x/,
  );
  const array = { type: 'reg', inst_name: 'a', addr_offset: 0, children: [], array_dimensions: 4 };
  t.regex(
    refused(JSON.stringify({ inst_name: 'top', children: [array] })),
    /a\.array_dimensions must be an array, not a number/,
  );
  t.throws(() => importRegisters('/nowhere.svd', 'bar0'), { code: 'ENOENT' });
});
