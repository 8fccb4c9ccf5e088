import { bits } from '../bytes.js';
import { hex, type Place, sign, signs } from './row.js';

/** The length of the registers of revision 1 and of revision 2, in bytes. */
const LENGTHS = { first: 0x38, second: 0x3c };

/** PCIe DVSEC for CXL Devices: CXL Specification 3.1, section 8.1.3. Revision 0 is not decoded. */
export function cxlDevice(place: Place, revision: number, length: number): string[] {
  if (revision === 0) return [];
  return [
    ...firstRevision(place, revision),
    ...(revision >= 2 && length >= LENGTHS.second ? [thirdCapability(place.u16(0x38))] : []),
    ...(length > LENGTHS.second ? ['<?>'] : []),
  ];
}

function firstRevision(place: Place, revision: number): string[] {
  const capability = place.u16(0x0a);
  const control = place.u16(0x0c);
  const parts = { Cache: 0, IO: 1, Mem: 2 };
  const filter = `CacheSFCov ${bits(control, 3, 7)} CacheSFGran ${bits(control, 8, 10)}`;
  const control2 = {
    DisableCaching: 0,
    'InitCacheWB&Inval': 1,
    InitRst: 2,
    RstMemClrEn: 3,
    ...(revision >= 2 ? { DesiredVolatileHDMStateAfterHotReset: 4 } : {}),
  };
  return [
    `CXLCap: ${signs(capability, { ...parts, MemHWInit: 3 })} HDMCount ${bits(capability, 4, 5)} Viral${sign(capability, 14)}`,
    `CXLCtl: ${signs(control, parts)} ${filter} ${signs(control, { CacheClean: 11, Viral: 14 })}`,
    `CXLSta: ${signs(place.u16(0x0e), { Viral: 14 })}`,
    `CXLCtl2: ${signs(place.u16(0x10), control2)}`,
    `CXLSta2: ${signs(place.u16(0x12), { ResetComplete: 1, ResetError: 2, PMComplete: 15 })}`,
    `CXLCap2: ${cacheSize(place.u16(0x16))}`,
    ...range(place, 1, 0x18),
    ...range(place, 2, 0x28),
  ];
}

/** Formats the state of the memory after each kind of reset: section 8.1.3.13. */
function thirdCapability(register: number): string {
  const resets = { ColdReset: 0, WarmReset: 1, HotReset: 2, HotResetConfigurability: 3 };
  return `CXLCap3: DefaultVolatile HDM State After: ${signs(register, resets)}`;
}

/** Formats the cache size: section 8.1.3.7. */
function cacheSize(register: number): string {
  const unit = bits(register, 0, 3);
  const count = bits(register, 8, 15);
  if (unit === 0) return 'Cache Size Not Reported';
  const bytes = [0, 0x1_0000, 0x10_0000][unit];
  return bytes === undefined
    ? `Cache Size: ${count} of unknown unit size (${unit})`
    : `Cache Size: ${hex(count * bytes, 8)}`;
}

const TYPES = ['Volatile', 'Non-volatile', 'CDAT'];
const CLASSES = ['DRAM', 'Storage', 'CDAT'];
const INTERLEAVES = [0, 256, 4096, 512, 1024, 2048, 8192, 16384];
const RESERVED = '<?>';

/**
 * Formats a range of host physical addresses. The range consists of units of 256 MiB: sections
 * 8.1.3.8 and later.
 */
function range(place: Place, index: number, at: number): string[] {
  const low = place.u32(at + 4);
  const size = wide(place.u32(at), low - bits(low, 0, 27));
  const base = wide(place.u32(at + 8), place.u32(at + 12));
  const last = BigInt.asUintN(64, base + size - 1n);
  const address = (value: bigint) => value.toString(16).padStart(16, '0');
  const interleave = INTERLEAVES[bits(low, 8, 12)] ?? RESERVED;
  return [
    `Range${index}: ${address(base)}-${address(last)} [size=0x${size.toString(16)}]`,
    `  ${signs(low, { Valid: 0, Active: 1 })} Type=${TYPES[bits(low, 2, 4)] ?? RESERVED} Class=${CLASSES[bits(low, 5, 7)] ?? RESERVED} interleave=${interleave} timeout=${4 ** bits(low, 13, 15)}s`,
  ];
}

function wide(high: number, low: number): bigint {
  return (BigInt(high) << 32n) + BigInt(low);
}
