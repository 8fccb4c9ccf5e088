import { bits } from '../bytes.js';
import { hex, signs } from './row.js';

const WIDTHS = ['8bit', '16bit', '[2]', '32bit', '2bit', '4bit', '[6]', 'N/C'];
/**
 * The link frequencies. The index is the frequency code. The bit of a frequency in the capability
 * register has the same number.
 */
const RATES = [
  '200MHz',
  '300MHz',
  '400MHz',
  '500MHz',
  '600MHz',
  '800MHz',
  '1.0GHz',
  '1.2GHz',
  '1.4GHz',
  '1.6GHz',
];
const VENDOR = 15;

/**
 * Formats the Link Control register: HyperTransport I/O Link Specification, chapter 7. `which`: `'
 * 0'`.
 */
export function linkControl(which: string, register: number, isSecond: boolean): string {
  const flags = { CFlE: 1, CST: 2, CFE: 3, '<LkFail': 4, Init: 5, EOC: 6, TXO: 7 };
  const more = ` ${signs(register, { IsocEn: 12, LSEn: 13, ExtCTL: 14, '64b': 15 })}`;
  return `Link Control${which}: ${signs(register, flags)} <CRCErr=${hex(bits(register, 8, 11), 1)}${isSecond ? more : ''}`;
}

export function linkConfig(which: string, register: number, isSecond: boolean): string {
  const parts = [
    ['MLWI', 'DwFcIn', 0],
    ['MLWO', 'DwFcOut', 4],
    ['LWI', 'DwFcInEn', 8],
    ['LWO', 'DwFcOutEn', 12],
  ] as const;
  const text = parts.map(([width, flag, low]) => {
    const flow = isSecond ? ` ${signs(register, { [flag]: low + 3 })}` : '';
    return `${width}=${WIDTHS[bits(register, low, low + 2)] ?? ''}${flow}`;
  });
  return `Link Config${which}: ${text.join(' ')}`;
}

export function linkRate(which: string, register: number, capability: number): string[] {
  const code = bits(register, 0, 3);
  const rate = RATES[code] ?? (code === VENDOR ? 'Vend' : `[${hex(code, 1)}]`);
  const errors = { '<Prot': 4, '<Ovfl': 5, '<EOC': 6, CTLTm: 7 };
  const flags = Object.fromEntries(RATES.map((name, bit) => [name, bit]));
  return [
    `Link Frequency${which}: ${rate}`,
    `Link Error${which}: ${signs(register, errors)}`,
    `Link Frequency Capability${which}: ${signs(capability, { ...flags, Vend: VENDOR })}`,
  ];
}

/**
 * Formats the bits that choose how the link reacts to an error: by a link flood, a fatal interrupt
 * or a nonfatal interrupt.
 */
const ERRORS = [
  ...['PFlE', 'OFlE', 'PFE', 'OFE', 'EOCFE', 'RFE', 'CRCFE', 'SERRFE'],
  ...['CF', 'RE', 'PNFE', 'ONFE', 'EOCNFE', 'RNFE', 'CRCNFE', 'SERRNFE'],
];

export function errorHandling(register: number): string {
  const flags = Object.fromEntries(ERRORS.map((name, bit) => [name, bit]));
  return `Error Handling: ${signs(register, flags)}`;
}

export function memoryBehind(base: number, limit: number): string {
  return `Prefetchable memory behind bridge Upper: ${hex(base, 2)}-${hex(limit, 2)}`;
}
