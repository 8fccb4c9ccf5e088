// Tests random guest accesses to the tables of a virtual device. No access throws an exception. A
// read returns the last written value of all writable bits.
import test from 'ava';
import { MsixPerm, PasidMap, SoftwareSource, VfioError, VirtualIrqs, VirtualMsi } from 'vfio/mock';
import fc from '../fast-check.js';
import { emulated } from '../virtual/msix/guest.js';
import { fuzz, u32, u64 } from './inputs.js';

const VECTORS = 5;
const PASID = { least: 1, most: 3 };

interface Access {
  offset: number;
  width: 1 | 2 | 4 | 8;
  value: bigint;
  write: boolean;
}

const access: fc.Arbitrary<Access> = fc.record({
  offset: fc.oneof(
    fc.integer({ min: 0, max: VECTORS * 4 + 1 }).map((word) => word * 4),
    fc.integer({ min: -8, max: VECTORS * 16 + 8 }),
    fc.constantFrom(0.5, -0, NaN, Infinity, 2 ** 32, 2 ** 53),
  ),
  width: fc.constantFrom(1, 2, 4, 4, 4, 8, 8),
  value: u64,
  write: fc.boolean(),
});

const isValid = ({ offset, width }: Access, size: number) =>
  (width === 4 || width === 8) && offset % width === 0 && offset >= 0 && offset + width <= size;

const ones = (width: number) => (1n << BigInt(8 * width)) - 1n;

/** A model of a table as 32-bit words. A write changes only the bits in `mask`. */
class Words {
  readonly #words: number[];

  constructor(
    count: number,
    readonly mask: (word: number) => number,
    initial: (word: number) => number,
  ) {
    this.#words = Array.from({ length: count }, (_, word) => initial(word));
  }

  write({ offset, width, value }: Access): void {
    for (let i = 0; i < width / 4; i++) {
      const word = offset / 4 + i;
      this.#words[word] =
        (Number((value >> BigInt(32 * i)) & 0xffff_ffffn) & this.mask(word)) >>> 0;
    }
  }

  read({ offset, width }: Access): bigint {
    const low = BigInt(this.#words[offset / 4] ?? 0);
    return width === 4 ? low : (BigInt(this.#words[offset / 4 + 1] ?? 0) << 32n) | low;
  }
}

interface Table {
  read(offset: number, width: 1 | 2 | 4): number;
  read(offset: number, width: 8): bigint;
  write(offset: number, width: 1 | 2 | 4, value: number): void;
  write(offset: number, width: 8, value: bigint): void;
}

function perform(table: Table, model: Words, size: number, one: Access): void {
  const { offset, width, value, write } = one;
  if (write) {
    if (width === 8) table.write(offset, 8, value);
    else table.write(offset, width, Number(value & ones(width)));
    if (isValid(one, size)) model.write(one);
  }
  const got = BigInt(width === 8 ? table.read(offset, 8) : table.read(offset, width));
  const wanted = isValid(one, size) ? model.read(one) : ones(width);
  if (got !== wanted) throw new Error(`${width} at ${offset}: ${got}, not ${wanted}`);
}

test('an entry of the MSI-X table stores the writable bits of every write', async (t) => {
  const script = fc.array(fc.tuple(access, fc.nat(0xffff)), { maxLength: 20 });
  await fuzz(t, 500, script, (accesses) => {
    const { msix, software } = emulated(VECTORS);
    const size = VECTORS * 16;
    // In Vector Control, only the mask bit is writable. The two lowest bits of an address are zero.
    const model = new Words(
      VECTORS * 4,
      (word) => [0xffff_fffc, 0xffff_ffff, 0xffff_ffff, 1][word % 4] ?? 0,
      (word) => (word % 4 === 3 ? 1 : 0),
    );
    const table = {
      read: msix.tableRead.bind(msix),
      write: msix.tableWrite.bind(msix),
    };
    for (const [one, control] of accesses) {
      perform(table, model, size, one);
      msix.configWrite(2, 2, control);
      software.sendSignal(control % VECTORS);
      if (msix.pbaRead(0, 8) >> BigInt(VECTORS) !== 0n)
        throw new Error('a pending bit past the last vector is set');
    }
  });
});

test('no access of a guest to MSI throws, and only writable bits change', async (t) => {
  const one = fc.record({ offset: fc.nat(23), width: fc.constantFrom(1, 2, 4), value: u32 });
  const shape = fc.record({
    vectors: fc.constantFrom(1, 2, 4, 8, 16, 32),
    bits: fc.constantFrom(32, 64),
    maskable: fc.boolean(),
  });
  const script = fc.tuple(shape, fc.array(one, { maxLength: 20 }));
  await fuzz(t, 500, script, ([options, accesses]) => {
    const msi = new VirtualMsi(options);
    const software = new SoftwareSource(msi);
    software.emulate(0, msi.vectors);
    const irqs = new VirtualIrqs({ msi });
    const fixed = msi.configRead(0, 4) & ~0x0071_0000;
    for (const { offset, width, value } of accesses) {
      if (offset + width > msi.size) continue;
      const written = value % 2 ** (8 * width);
      if (value % 3 === 0) irqs.configWrite('msi', offset, width, written);
      else msi.configWrite(offset, width, written);
      msi.configRead(offset, width);
      if ((msi.configRead(0, 4) & ~0x0071_0000) !== fixed) throw new Error('a fixed bit changed');
      for (let vector = 0; vector < msi.guestMessage.vectors; vector++) software.sendSignal(vector);
    }
  });
});

test('no access of a guest to the BARs of MSI-X throws', async (t) => {
  const one = fc.record({
    bar: fc.nat(5),
    offset: fc.oneof(fc.nat(0x100), fc.nat(0x10100), fc.constant(Number.MAX_SAFE_INTEGER)),
    bytes: fc.uint8Array({ maxLength: 40 }),
    direction: fc.constantFrom('read' as const, 'write' as const),
  });
  await fuzz(t, 500, fc.array(one, { maxLength: 20 }), (accesses) => {
    const { msix, guest } = emulated(VECTORS);
    guest.control(0x8000);
    for (const { bar, offset, bytes, direction } of accesses) {
      let served = 0;
      const owner = msix.accessBar(bar, offset, bytes, direction, (at, part) => {
        if (at < offset || at + part.length > offset + bytes.length) throw new Error('outside');
        served += part.length;
      });
      const all = served === bytes.length;
      if ((owner === 'device') !== all) throw new Error(`${owner} with ${served} bytes`);
    }
  });
});

test('an entry of MSIX_PERM is stale if and only if its PASID is unbound', async (t) => {
  const script = fc.array(
    fc.oneof(
      access,
      // In most cases, the PASID is bound.
      fc.tuple(fc.nat(VECTORS - 1), fc.nat(4), fc.nat(15)).map(([vector, pasid, bits]): Access => {
        return { offset: vector * 8, width: 4, value: BigInt((pasid << 12) | bits), write: true };
      }),
    ),
    { maxLength: 20 },
  );
  await fuzz(t, 500, script, (accesses) => {
    const pasids = new PasidMap(100);
    for (let guest = PASID.least; guest <= PASID.most; guest++) pasids.bind(guest, 200 + guest);
    const cookies = new Map<number, unknown>();
    const perm = new MsixPerm({
      vectors: VECTORS,
      pasids,
      target: {
        setCookie: (vector, cookie) => cookies.set(vector, cookie),
        silence: (vector) => cookies.set(vector, 'silent'),
      },
    });
    const model = new Words(
      VECTORS * 2,
      (word) => (word % 2 === 0 ? 0xffff_f00c : 0),
      () => 0,
    );
    for (const one of accesses) {
      // The upper word of an entry is reserved, so a write to only the upper word is dropped.
      perform(perm, model, VECTORS * 8, one);
      for (let vector = 0; vector < VECTORS; vector++) {
        const entry = perm.read(vector * 8, 4);
        const guest = entry >>> 12;
        const bound = guest >= PASID.least && guest <= PASID.most;
        const stale = (entry & 8) !== 0 && !bound;
        if (perm.stale(vector) !== stale) throw new Error(`vector ${vector}: stale ${stale}`);
        if (!cookies.has(vector)) continue;
        const own = (entry & 8) === 0 ? 100 : 200 + guest;
        const wanted = stale ? 'silent' : own;
        if (cookies.get(vector) !== wanted) throw new Error(`vector ${vector} has another PASID`);
      }
    }
  });
});

test('SET_IRQS of a virtual device succeeds or fails with a VfioError', async (t) => {
  const request = fc.record({
    index: fc.oneof(fc.constant(2), u32),
    flags: fc.oneof(fc.constantFrom(0x21, 0x22, 0x24, 0x09, 0x11), u32),
    start: fc.oneof(fc.nat(VECTORS), u32),
    count: fc.oneof(fc.nat(VECTORS), u32),
    argsz: u32,
    bools: fc.array(fc.nat(255), { maxLength: VECTORS }),
    eventfds: fc.array(fc.oneof(fc.constant(null), fc.integer({ min: -5, max: 5 })), {
      maxLength: VECTORS,
    }),
    which: fc.nat(3),
  });
  await fuzz(t, 500, fc.array(request, { maxLength: 10 }), (requests) => {
    const { msix, guest } = emulated(VECTORS);
    const irqs = new VirtualIrqs(msix);
    for (const { bools, eventfds, argsz, which, ...rest } of requests) {
      const fds = eventfds.map((fd) => (fd !== null && fd >= 0 ? (guest.eventfds[fd] ?? fd) : fd));
      try {
        const result = irqs.setIrqs({
          ...rest,
          ...(which === 0 ? { bools } : { eventfds: fds }),
          ...(which === 3 ? { argsz } : {}),
        });
        if (result < 0 || result > VECTORS) throw new Error(`result ${result}`);
      } catch (error) {
        if (!(error instanceof VfioError)) throw error;
      }
    }
    if (msix.enabled && guest.eventfds.length !== VECTORS) throw new Error('vectors');
  });
});
