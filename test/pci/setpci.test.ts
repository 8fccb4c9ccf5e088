import test from 'ava';
import { parseSetting, SettingError } from '../../lib/pci/setpci/parse.js';
import {
  SETPCI_CAPABILITIES,
  SETPCI_EXTENDED,
  SETPCI_REGISTERS,
} from '../../lib/pci/setpci/names.js';
import { runTool } from './lspci/program.js';
import { image, list } from './image.js';

const config = image(
  4096,
  ...list(0x40),
  [0x40, [0x11, 0x60, 0x3f, 0x00]],
  [0x60, [0x09, 0x70, 0x10]],
  [0x70, [0x09, 0x00, 0x14]],
  [0x100, [0x01, 0x00, 0x02, 0x00]],
);

const one = (text: string) => parseSetting(text, config)[0];

test('the parser of setpci operations accepts register names, numbers and capabilities', (t) => {
  const places = (texts: readonly string[]) =>
    texts.map((text) => [one(text)?.offset, one(text)?.width]);
  t.deepEqual(places(['COMMAND', 'command', 'Command.b', 'COMMAND+1.B', '04.l', '3c.b']), [
    [0x04, 2],
    [0x04, 2],
    [0x04, 1],
    [0x05, 1],
    [0x04, 4],
    [0x3c, 1],
  ]);
  t.deepEqual(places(['CAP_MSIX+2.w', 'CAP11+4.l', 'ECAP_AER+8.l', 'ECAP0001.l', 'ecap1+18.l']), [
    [0x42, 2],
    [0x44, 4],
    [0x108, 4],
    [0x100, 4],
    [0x118, 4],
  ]);
  t.deepEqual(places(['CAP_VNDR+2.b', 'CAP_VNDR+2.b@1']), [
    [0x62, 1],
    [0x72, 1],
  ]);
});

test('the parser of setpci operations accepts the register names and field names of this library', (t) => {
  t.deepEqual(one('msix.control'), { text: 'msix.control', offset: 0x42, width: 2, change: null });
  t.deepEqual(one('command.bus_master=1')?.change, { value: 4, mask: 4 });
  t.deepEqual(one('msix.control.enable=0')?.change, { value: 0, mask: 0x8000 });
  t.deepEqual(one('aer.correctable_mask.bad_tlp=1')?.change, { value: 0x40, mask: 0x40 });
});

test('a write to one field does not clear the RW1C bits of other fields', (t) => {
  t.deepEqual(one('status.devsel_timing=3')?.change, { value: 0x600, mask: 0xff00 });
  t.deepEqual(one('aer.correctable_status.receiver=1')?.change, { value: 1, mask: 0xf1c1 });
  t.deepEqual(one('status=3')?.change, { value: 3, mask: 0xffff });
});

test('in an operation, values are hexadecimal, can have masks, and can set consecutive registers', (t) => {
  t.deepEqual(one('COMMAND=0x6')?.change, { value: 6, mask: 0xffff });
  t.deepEqual(one('COMMAND=10')?.change, { value: 0x10, mask: 0xffff });
  t.deepEqual(one('COMMAND=4:4')?.change, { value: 4, mask: 4 });
  t.deepEqual(one('10.l=fffffffe')?.change, { value: 0xffff_fffe, mask: 0xffff_ffff });
  const row = parseSetting('40.b=1,2:f,3', config);
  t.deepEqual(
    row.map(({ offset, change }) => [offset, change?.value, change?.mask]),
    [
      [0x40, 1, 0xff],
      [0x41, 2, 0x0f],
      [0x42, 3, 0xff],
    ],
  );
});

for (const [text, says] of [
  ['FOO', /unknown register/],
  ['', /unknown register/],
  ['CAP_FOO+2.w', /unknown register/],
  ['constructor', /unknown register/],
  ['CAP_constructor.b', /unknown register/],
  ['CAP_PM+4.w', /no such capability/],
  ['CAP_VNDR.b@2', /only 2 of that capability/],
  ['pm.control_status', /no pm capability/],
  ['CAP_MSIX+2', /give a width/],
  ['40', /give a width/],
  ['41.w', /not a multiple of 2/],
  ['fff.w', /not a multiple of 2/],
  ['ECAP_AER+f00.l', /not within 4096/],
  ['COMMAND=', /not a hexadecimal value/],
  ['COMMAND=1:2:3', /not a hexadecimal value/],
  ['COMMAND=zz', /not a hexadecimal value/],
  ['COMMAND=-1', /not a hexadecimal value/],
  ['COMMAND=10000', /does not fit into 2 bytes/],
  ['COMMAND=1=2', /more than one =/],
  ['command.bus_maste=1', /no field 'bus_maste'; known: io, memory/],
  ['command.bus_master=2', /value is 0 to 1 /],
  ['command.bus_master=1:1', /does not take a mask/],
] as const) {
  test(`the parser refuses the wrong operation '${text}'`, (t) => {
    t.throws(() => parseSetting(text, config), { instanceOf: SettingError, message: says });
  });
}

const known = runTool('setpci', '--dumpregs');

(known === null ? test.skip : test)('the parser knows every register name of setpci', (t) => {
  const widths = { B: 1, W: 2, L: 4 } as const;
  for (const line of (known ?? '').trimEnd().split('\n').slice(1)) {
    const [, id = '', place = '', width = '', name = ''] =
      /^(.{4}) (\S\S) (\S) (\w+)$/.exec(line) ?? [];
    const table = id.trim().length === 4 ? SETPCI_EXTENDED : SETPCI_CAPABILITIES;
    if (id.trim() !== '') t.is(table[name.replace(/^E?CAP_/, '')], parseInt(id, 16), name);
    else t.deepEqual(SETPCI_REGISTERS[name], [parseInt(place, 16), widths[width as 'B']], name);
  }
});
