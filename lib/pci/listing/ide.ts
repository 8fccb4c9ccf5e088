import { bits } from '../bytes.js';
import { choice, hex, type Lister, type Place, sign, signs } from './row.js';

const AGGREGATIONS = ['-', '=2', '=4', '=8'];
const ENCRYPTIONS = ['no', '17:2', '25:2', '33:2', '41:2'];
const STATES = ['insecure', 'reserved', 'secure'];

const FIRST_STREAM = 0xc;
const LINK_SIZE = 8;
const SELECTIVE_SIZE = 20;
const ADDRESS_SIZE = 12;

function algorithm(code: number): string {
  return `Alg='${code === 0 ? 'AES-GCM-256-96b' : 'reserved'}'`;
}

/** An IDE stream of a function. */
interface Stream {
  /** For example `LinkIDE#0`. */
  readonly name: string;
  /** Offset of the first register of the stream, in bytes. */
  readonly start: number;
  /** Offset of the control register, in bytes. The status register follows the control register. */
  readonly control: number;
}

/** Lists the link streams, and then the selective streams up to the end of the image. */
export function streamsOf(place: Place): readonly Stream[] {
  const capabilities = place.u32(0x4);
  const count = countStreams(capabilities);
  const streams = Array.from({ length: count.link }, (_, index) => {
    const start = FIRST_STREAM + LINK_SIZE * index;
    return { name: `LinkIDE#${index}`, start, control: start };
  });
  let start = FIRST_STREAM + LINK_SIZE * count.link;
  for (let index = 0; index < count.selective && place.has(start); index++) {
    streams.push({ name: `SelectiveIDE#${index}`, start, control: start + 4 });
    start += SELECTIVE_SIZE + ADDRESS_SIZE * addressBlocks(place, start);
  }
  return streams;
}

function countStreams(capabilities: number): { readonly link: number; readonly selective: number } {
  return {
    link: bits(capabilities, 0) === 1 ? bits(capabilities, 13, 15) + 1 : 0,
    selective: bits(capabilities, 1) === 1 ? bits(capabilities, 16, 23) + 1 : 0,
  };
}

/** Integrity & Data Encryption: PCI Express Base Specification, section 7.9.26. */
export const dataEncryption: Lister = (place) => {
  const capabilities = place.u32(0x4);
  const { link, selective } = countStreams(capabilities);
  const can = { FlowThru: 2, PartHdr: 3, Aggr: 4, PCPC: 5, IDE_KM: 6, SelCfg: 7 };
  return {
    title: 'Integrity & Data Encryption',
    lines: [
      `IDECap: Lnk=${link} Sel=${selective} ${signs(capabilities, can)} ${algorithm(bits(capabilities, 8, 12))} TCs=${bits(capabilities, 13, 15) + 1} ${signs(capabilities, { TeeLim: 24, XT: 25 })}`,
      `IDECtl: FTEn${sign(place.u32(0x8), 2)}`,
      ...streamsOf(place).flatMap((stream) =>
        stream.start === stream.control
          ? linkStream(place, stream)
          : selectiveStream(place, stream),
      ),
    ],
  };
};

/** Returns the number of the Address Association blocks of a selective stream. */
function addressBlocks(place: Place, offset: number): number {
  return bits(place.u32(offset), 0, 3);
}

/** Formats the settings that the two kinds of streams have in common. */
function settings(control: number): { flags: string; cipher: string } {
  const aggregation = (low: number) => AGGREGATIONS[bits(control, low, low + 1)] ?? '';
  return {
    flags: `${signs(control, { En: 0, XT: 1 })} NPR${aggregation(2)} PR${aggregation(4)} CPL${aggregation(6)} PCRC${sign(control, 8)}`,
    cipher: `HdrEnc=${choice(ENCRYPTIONS, bits(control, 10, 13))} ${algorithm(bits(control, 14, 18))} TC${bits(control, 19, 21)}`,
  };
}

function linkStream(place: Place, { name: what, start: offset }: Stream): string[] {
  const name = (at: number) => `[${hex(place.offset + at, 1)}]${what}`;
  const control = place.u32(offset);
  const status = place.u32(offset + 4);
  const { flags, cipher } = settings(control);
  return [
    `${name(offset)} Ctl: ${flags} ${cipher} ID${bits(control, 24, 31)}`,
    `${name(offset + 4)} Sta: Status=${choice(STATES, bits(status, 0, 3))} RecvChkFail${sign(status, 31)}`,
  ];
}

function selectiveStream(place: Place, { name: what, start: offset }: Stream): string[] {
  const name = (at: number) => `[${hex(place.offset + at, 1)}]${what}`;
  const blocks = addressBlocks(place, offset);
  const control = place.u32(offset + 4);
  const status = place.u32(offset + 8);
  const [first, second] = [place.u32(offset + 12), place.u32(offset + 16)];
  const { flags, cipher } = settings(control);
  const isDefault = bits(control, 22) === 1 ? ' Default' : '';
  return [
    `${name(offset)} Cap: RID#=${blocks}`,
    `${name(offset + 4)} Ctl: ${flags} CFG${sign(control, 9)} ${cipher} TeeLim${sign(control, 23)} ID${bits(control, 24, 31)}${isDefault}`,
    `${name(offset + 8)} Sta: ${choice(STATES, bits(status, 0, 3))} RecvChkFail${sign(status, 31)}`,
    `${name(offset + 12)} RID: Valid${sign(second, 0)} Base=${hex(bits(second, 8, 23), 1)} Limit=${hex(bits(first, 8, 23), 1)} SegBase=${hex(bits(second, 24, 31), 1)}`,
    ...Array.from({ length: blocks }, (_, block) => {
      const at = offset + SELECTIVE_SIZE + ADDRESS_SIZE * block;
      const low = place.u32(at);
      const base = wide(place.u32(at + 8), bits(low, 8, 19) * 2 ** 20);
      const limit = wide(place.u32(at + 4), bits(low, 20, 31) * 2 ** 20 + 0xf_ffff);
      return `${name(at)} RID#${block}: Valid${sign(low, 0)} Base=${base} Limit=${limit}`;
    }),
  ];
}

function wide(high: number, low: number): string {
  return ((BigInt(high) << 32n) + BigInt(low)).toString(16);
}
