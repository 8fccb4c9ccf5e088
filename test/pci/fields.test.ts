// Tests that each named register field controls exactly one flag in the output of lspci.
import test from 'ava';
import {
  capabilityName,
  type Register,
  registerOffset,
  REGISTERS,
  updateFields,
} from '../../lib/pci/index.js';
import { byRegister } from './lspci/compare.js';
import { askLspciAll } from './lspci/dump.js';
import { CALLED, type Called } from './lspci/fields.js';
import { parseLspci } from './lspci/parse.js';
import { LSPCI_VERSION } from './lspci/program.js';
import { image, list } from './image.js';

const EXPRESS = [0x40, [0x10, 0x80, 0x02, 0x00]] as const;
const STANDARD = 0x80;
const EXTENDED = 0x100;

function idOf(capability: string): { id: number; extended: boolean } {
  for (const extended of [false, true]) {
    for (let id = 1; id < 0x40; id++) {
      if (capabilityName(id, extended).name === capability) return { id, extended };
    }
  }
  throw new Error(`there is no ${capability}`);
}

/**
 * Builds the configuration space of a function that has the given register. All other fields of the
 * register are zero.
 */
function withField({ register }: Called, field: string) {
  const definition: Register = REGISTERS[register];
  const { low = 0, high = 0 } = definition.fields[field] ?? {};
  const value = updateFields(definition, 0, { [field]: 2 ** (high - low + 1) - 1 });
  const config = image(4096, [0x00, [0x34, 0x12, 0x78, 0x56]], ...list(0x40), EXPRESS);
  const at = place(config, definition);
  const offset = at + (registerOffset(definition, 0x0002) ?? 0);
  const view = new DataView(config.buffer);
  if (definition.width === 8) view.setUint8(offset, view.getUint8(offset) | value);
  else if (definition.width === 16)
    view.setUint16(offset, view.getUint16(offset, true) | value, true);
  else view.setUint32(offset, value, true);
  return { config, at };
}

/** @returns the offset of the register's capability, or 0 for a register of the header */
function place(config: Uint8Array, { capability }: Register): number {
  if (capability === null) return 0;
  const { id, extended } = idOf(capability);
  if (capability === 'pcie') return EXPRESS[0];
  config.set([id, 0x00, extended ? 0x01 : 0x00, 0x00], extended ? EXTENDED : STANDARD);
  return extended ? EXTENDED : STANDARD;
}

(LSPCI_VERSION === null ? test.skip : test)(
  'each register field sets exactly one flag in the output of lspci',
  (t) => {
    const all = CALLED.flatMap((one) => Object.keys(one.flags).map((field) => ({ one, field })));
    for (let start = 0; start < all.length; start += 200) {
      const batch = all.slice(start, start + 200);
      const made = batch.map(({ one, field }) => withField(one, field));
      const texts = askLspciAll(made.map(({ config }) => config));
      for (const [index, { one, field }] of batch.entries()) {
        const seen = parseLspci(texts[index] ?? '');
        const found = seen.capabilities.find(({ offset }) => offset === made[index]?.at);
        const lines = found === undefined ? seen.header : [found.title, ...found.lines];
        const flags = byRegister(lines).get(one.label) ?? {};
        for (const [other, flag] of Object.entries(one.flags)) {
          t.is(flags[flag], other === field, `${one.register}.${field}: ${one.label} ${flag}`);
        }
      }
    }
    t.log(`${all.length} fields of ${CALLED.length} registers`);
  },
);
