import { bits } from '../bytes.js';
import { hex, hex64, type Lister, type Place, sign } from './row.js';

const ELEMENTS = ['Config', 'Egress', 'Internal'];

/** Root Complex Link Declaration: PCI Express Base Specification, section 7.9.8. */
export const rootComplexLink: Lister = (place) => {
  const element = place.u32(4);
  const type = bits(element, 0, 3);
  const links = Array.from({ length: bits(element, 8, 15) }, (_, index) => link(place, index));
  return {
    title: 'Root Complex Link',
    lines: [
      `Desc: PortNumber=${hex(bits(element, 24, 31), 2)} ComponentID=${hex(bits(element, 16, 23), 2)} EltType=${ELEMENTS[type] ?? `??${type}`}`,
      ...links.flat(),
    ],
  };
};

function link(place: Place, index: number): string[] {
  const at = 0x10 + 0x10 * index;
  const descriptor = place.u32(at);
  const isConfig = bits(descriptor, 1) === 1;
  const [low, high] = [place.u32(at + 8), place.u32(at + 12)];
  // If the link points to configuration space, the address contains the width of the bus number in
  // bits.
  const busBits = bits(low, 0, 2) || 8;
  const address = isConfig
    ? `${hex(bits(low, 20, 19 + busBits), 2)}:${hex(bits(low, 15, 19), 2)}.${bits(low, 12, 14)} CfgSpace=`
    : '';
  return [
    `Link${index}: Desc: TargetPort=${hex(bits(descriptor, 24, 31), 2)} TargetComponent=${hex(bits(descriptor, 16, 23), 2)} AssocRCRB${sign(descriptor, 2)} LinkType=${isConfig ? 'Config' : 'MemMapped'} LinkValid${sign(descriptor, 0)}`,
    `  Addr: ${address}${hex64(high, low)}`,
  ];
}

/** The first version of the capability that contains bus numbers. */
const WITH_BUSES = 2;

/** Root Complex Event Collector Endpoint Association: section 7.9.10. */
export const eventCollector: Lister = (place) => {
  const bitmap = place.u32(4);
  const devices = bitmap === 0 ? '00000000 [none]' : `RCiEP at Device(s): ${ranges(bitmap)}`;
  const hasBuses = bits(place.u16(2), 0, 3) >= WITH_BUSES;
  return {
    title: 'Root Complex Event Collector Endpoint Association',
    lines: [`RCiEPBitmap: ${devices}`, ...(hasBuses ? [buses(place.u8(9), place.u8(10))] : [])],
  };
};

function buses(first: number, last: number): string {
  const none = first === 0xff && last === 0 ? ' [none]' : '';
  return `AssociatedBusNumbers: ${hex(first, 2)}-${hex(last, 2)}${none}`;
}

/** Formats the numbers of all bits that are set, for example as `1, 3-5`. */
function ranges(bitmap: number): string {
  const found: { first: number; last: number }[] = [];
  for (let bit = 0; bit < 32; bit++) {
    if (bits(bitmap, bit) === 0) continue;
    const before = found.at(-1);
    if (before?.last === bit - 1) before.last = bit;
    else found.push({ first: bit, last: bit });
  }
  return found
    .map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    .join(', ');
}
