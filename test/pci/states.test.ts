// Tests that each set bit of a status or control register changes the listing. The registers are
// listed here from the specifications, independently of the decoder's tables. To repeat a run, set
// VFIO_TEST_SEED to the seed that the run printed.
import test from 'ava';
import fc from '../fast-check.js';
import { capabilityName, registerOffset, REGISTERS } from '../../lib/pci/index.js';
import { listConfig } from '../../lib/pci/listing/index.js';
import { FULL, SEED } from '../full.js';
import { image, list } from './image.js';
import { bodyOf } from './lspci/bodies.js';
import { headerOf } from './lspci/headers.js';
import { KINDS } from './lspci/kinds.js';

const RUNS = FULL ? 300 : 40;
/** Number of tested bits of one kind after which a short run stops. */
const ENOUGH_BITS = FULL ? Infinity : 60;

type Row = readonly [label: string, offset: number, bytes: 1 | 2 | 4];

const HEADER: readonly Row[] = [
  ['Control', 0x04, 2],
  ['Status', 0x06, 2],
];
const HEADERS: Readonly<Record<number, readonly Row[]>> = {
  0: HEADER,
  1: [...HEADER, ['Secondary status', 0x1e, 2], ['BridgeCtl', 0x3e, 2]],
  2: [...HEADER, ['BridgeCtl', 0x3e, 2], ['BridgeCtl', 0x16, 2]],
};
const AER: readonly Row[] = (['UESta', 'UEMsk', 'UESvrt', 'CESta', 'CEMsk', 'AERCap'] as const).map(
  (label, index) => [label, 4 + 4 * index, 4],
);
/** By the names of the kinds. An empty label is the title of the capability. */
const REGISTERS_OF: Readonly<Record<string, readonly Row[]>> = {
  'power management': [
    ['Status', 4, 2],
    ['Bridge', 6, 1],
  ],
  AGP: [
    ['Status', 4, 4],
    ['Command', 8, 4],
  ],
  MSI: [['', 2, 2]],
  'MSI-X': [['', 2, 2]],
  'PCI-X': [['Status', 4, 4]],
  'HyperTransport, primary interface': [
    ['Command', 2, 2],
    ['Link Control 0', 4, 2],
    ['Link Config 0', 6, 2],
    ['Link Control 1', 8, 2],
    ['Link Config 1', 10, 2],
  ],
  'HyperTransport, secondary interface': [
    ['Command', 2, 2],
    ['Link Control', 4, 2],
    ['Link Config', 6, 2],
  ],
  'advanced features': [
    ['AFCtrl', 4, 1],
    ['AFStatus', 5, 1],
  ],
  'PCI Express': [
    ['DevCtl', 0x08, 2],
    ['DevSta', 0x0a, 2],
    ['LnkCtl', 0x10, 2],
    ['LnkSta', 0x12, 2],
    ['SltCtl', 0x18, 2],
    ['SltSta', 0x1a, 2],
    ['RootCtl', 0x1c, 2],
    ['RootSta', 0x20, 4],
    ['DevCtl2', 0x28, 2],
    ['LnkCtl2', 0x30, 2],
    ['LnkSta2', 0x32, 2],
  ],
  AER: [...AER, ['RootCmd', 0x2c, 4], ['RootSta', 0x30, 4]],
  'virtual channel': [
    ['Ctrl', 0x0c, 2],
    ['Status', 0x0e, 2],
    ['VC0', 0x14, 4],
    ['VC0', 0x1a, 2],
    ['VC1', 0x20, 4],
    ['VC1', 0x26, 2],
  ],
  ACS: [['ACSCtl', 6, 2]],
  ARI: [['ARICtl', 6, 2]],
  ATS: [['ATSCtl', 6, 2]],
  'SR-IOV': [
    ['IOVCtl', 0x08, 2],
    ['IOVSta', 0x0a, 2],
  ],
  multicast: [['McastCtl', 6, 2]],
  PRI: [
    ['PRICtl', 4, 2],
    ['PRISta', 6, 2],
  ],
  LTR: [
    ['Max snoop latency', 4, 2],
    ['Max no snoop latency', 6, 2],
  ],
  'secondary PCI Express': [
    ['LnkCtl3', 4, 4],
    ['LaneErrStat', 8, 4],
  ],
  PASID: [['PASIDCtl', 6, 2]],
  DPC: [
    ['DpcCtl', 6, 2],
    ['DpcSta', 8, 2],
  ],
  'L1 PM substates': [
    ['L1SubCtl1', 0x08, 4],
    ['L1SubCtl2', 0x0c, 4],
  ],
  PTM: [['PTMControl', 8, 4]],
  'DVSEC 0 of CXL': [
    ['CXLCtl', 0x0c, 2],
    ['CXLSta', 0x0e, 2],
    ['CXLCtl2', 0x10, 2],
    ['CXLSta2', 0x12, 2],
  ],
  'DVSEC 3 of CXL': [
    ['CXLPortSta', 0x0a, 2],
    ['CXLPortCtl', 0x0c, 2],
  ],
  'DVSEC 7 of CXL': [
    ['FBCtl', 0x0c, 2],
    ['FBSta', 0x0e, 2],
    ['FBCtl2', 0x18, 4],
    ['FBSta2', 0x1c, 4],
  ],
  'physical layer 16 GT/s': [['Phy16Sta', 0x0c, 4]],
  'lane margining': [['PortSta', 6, 2]],
  'physical layer 32 GT/s': [
    ['Phy32Ctl', 0x08, 4],
    ['Phy32Sta', 0x0c, 4],
  ],
  DOE: [
    ['DOECtl', 0x08, 4],
    ['DOESta', 0x0c, 4],
  ],
  'device 3': [
    ['DevCtl3', 0x08, 4],
    ['DevSta3', 0x0c, 4],
  ],
  'IDE with few streams': [
    ['IDECtl', 0x08, 4],
    ['[10c]LinkIDE#0 Ctl', 0x0c, 4],
    ['[110]LinkIDE#0 Sta', 0x10, 4],
  ],
  'physical layer 64 GT/s': [['Phy64Sta', 0x0c, 4]],
  'flit logging': [
    ['CntCtl', 0x0c, 2],
    ['CntSts', 0x0e, 2],
    ['MeasCtl', 0x10, 4],
  ],
  'flit error injection': [
    ['FlitEiCtl1', 0x08, 4],
    ['FlitEiCtl2', 0x0c, 4],
    ['FlitEiSts', 0x10, 4],
    ['FlitEiOsCtl1', 0x14, 4],
    ['FlitEiOsCtl2', 0x18, 4],
    ['FlitEiOsTx', 0x1c, 4],
    ['FlitEiOsRx', 0x20, 4],
  ],
};

/** Returns the text of the header (`at` is 0) or of the capability at an offset. */
function textAt(config: Uint8Array, at: number): string[] {
  const { header, capabilities } = listConfig(config);
  if (at === 0) return ['', ...header];
  const found = capabilities.find(({ offset }) => offset === at);
  return found === undefined ? [] : [found.title, ...found.lines];
}

/** Returns the set bits of the registers that do not change the text, and the number of set bits. */
function silentBits(config: Uint8Array, at: number, rows: readonly Row[]) {
  const lines = textAt(config, at);
  const text = lines.join('\n');
  const silent: string[] = [];
  let count = 0;
  for (const [label, offset, bytes] of rows) {
    const isListed = label === '' || lines.some((line) => line.startsWith(`${label}:`));
    if (!isListed || at + offset + bytes > config.length) continue;
    for (let bit = 0; bit < 8 * bytes; bit++) {
      const byte = at + offset + (bit >> 3);
      const mask = 1 << (bit & 7);
      if (((config[byte] ?? 0) & mask) === 0) continue;
      count++;
      const other = config.slice();
      other[byte] = (config[byte] ?? 0) ^ mask;
      if (textAt(other, at).join('\n') === text) silent.push(`${label} bit ${bit}`);
    }
  }
  return { silent, count };
}

for (const [name, rows] of Object.entries(REGISTERS_OF)) {
  test(`each set bit of a status or control register changes the listing: ${name}`, (t) => {
    const kind = KINDS.find((one) => one.name === name);
    if (kind === undefined) throw new Error(`unknown kind ${name}`);
    let bits = 0;
    for (const config of fc.sample(bodyOf(kind), RUNS)) {
      const at = kind.extended ? 0x100 : 0x40;
      const { silent, count } = silentBits(config, at, rows);
      t.deepEqual(silent, [], `seed ${SEED}`);
      bits += count;
      if (bits >= ENOUGH_BITS) break;
    }
    t.true(bits > 0);
    t.log(`${bits} bits, seed ${SEED}`);
  });
}

for (const [type, rows] of Object.entries(HEADERS)) {
  test(`each set bit of a status or control register changes the listing: header type ${type}`, (t) => {
    let bits = 0;
    for (const config of fc.sample(headerOf(Number(type)), RUNS)) {
      const { silent, count } = silentBits(config, 0, rows);
      t.deepEqual(silent, [], `seed ${SEED}`);
      bits += count;
      if (bits >= ENOUGH_BITS) break;
    }
  });
}

const IDS = new Map(
  [false, true].flatMap((extended) =>
    Array.from(
      { length: 0x40 },
      (_, id) => [capabilityName(id, extended).name, { id, extended }] as const,
    ),
  ),
);

test('no bit with a name in this library is listed as reserved', (t) => {
  const wrong: string[] = [];
  let count = 0;
  for (const [name, register] of Object.entries(REGISTERS)) {
    const { id = 0, extended = false } = IDS.get(register.capability ?? '') ?? {};
    for (const [fieldName, { low, high }] of Object.entries(register.fields)) {
      if (low !== high) continue;
      const config = image(4096, [0, [0x34, 0x12]], ...list(0x40), [0x40, [0x10, 0x80, 0x02, 0]]);
      const at =
        register.capability === null
          ? 0
          : id === 0x10 && !extended
            ? 0x40
            : extended
              ? 0x100
              : 0x80;
      if (at >= 0x80) config.set([id, 0, extended ? 1 : 0, 0], at);
      const offset = registerOffset(register, 2);
      if (offset === null) continue;
      const byte = at + offset + (low >> 3);
      config[byte] = (config[byte] ?? 0) | (1 << (low & 7));
      count++;
      const line = textAt(config, at).find((one) => /^ *Also.*Reserved=/.test(one));
      if (line !== undefined) wrong.push(`${name}.${fieldName}: ${line}`);
    }
  }
  t.deepEqual(wrong, []);
  t.true(count > 300, `${count}`);
});

test('the listing contains the reserved bits and the bits that lspci omits', (t) => {
  const express = image(
    256,
    ...list(0x40),
    [0x06, [0x11]],
    [0x40, [0x10, 0x00, 0x92, 0x00]],
    [0x48, [0x00, 0x80, 0xc0, 0x00]],
  );
  t.true(listConfig(express).header.includes('  Also: ImmRdy+'));
  const lines = listConfig(express).capabilities[0]?.lines ?? [];
  const after = (label: string) =>
    lines[
      lines.findIndex(
        (line, index) =>
          index > lines.findIndex((one) => one.startsWith(label)) && line.startsWith('  Also'),
      )
    ];
  t.is(after('DevCtl:'), '  Also: FLReset+');
  t.is(after('DevSta:'), '  Also: EmergencyPowerReduction+ Reserved=0080');
});
