import { defineModel } from './define.js';
import { IDENTITIES } from './identities.js';
import type { DeviceLogic, NarrowRegister } from '../hardware/model.js';

/** The BARs. `watched` is the offset of the first byte that a test can watch. */
const MEMORY = { bar: 0, watched: 2048 } as const;
const PORTS = { bar: 1, watched: 128 } as const;
type Place = typeof MEMORY | typeof PORTS;

/**
 * Kinds of tests: no eventfd, an eventfd for all writes, and an eventfd for writes of one value.
 */
const KINDS = ['no-eventfd', 'wildcard-eventfd', 'datamatch-eventfd'] as const;
const WILDCARD = 1;
const DATA_MATCH = 0xfa;
const DATA_ANY = 0xce;
const WIDTH = 1;
/** Length of a test's header in bytes, without the name of the test. */
const HEADER = 16;
const WIDTH_AT = 1;
const OFFSET_AT = 4;
const DATA_AT = 8;
const COUNT_AT = 12;
/** Maximum length in bytes of a test's header, including the name of the test. */
const READABLE = 48;

/**
 * QEMU's pci-testdev. Writing a byte to offset 0 chooses a test. After this write, reads from
 * offset 0 upwards return the header of the test. The device counts the bytes that are written to
 * the offset of the test. If an eventfd of the machine intercepts a write, the device does not
 * receive the write.
 */
export const testdev = defineModel({
  name: 'testdev',
  shape: {
    ...IDENTITIES.testdev,
    bars: [
      { index: MEMORY.bar, size: 2 * MEMORY.watched, split: 1 },
      { index: PORTS.bar, size: 2 * PORTS.watched, kind: 'io', split: 1 },
    ],
  },
  create: () => new TestDevice(),
});

/** One test, with the header that a driver reads. */
interface Test {
  readonly place: Place;
  readonly kind: number;
  readonly header: DataView;
  readonly offset: number;
}

class TestDevice implements DeviceLogic {
  readonly registers: DeviceLogic['registers'];
  readonly #tests = [MEMORY, PORTS].flatMap((place, type) =>
    KINDS.map((name, kind) => makeTest(place, kind, type * KINDS.length + kind, name)),
  );
  #current: Test | null = null;

  constructor() {
    this.registers = { [MEMORY.bar]: this.#bytes(MEMORY), [PORTS.bar]: this.#bytes(PORTS) };
  }

  reset(): void {
    this.#current = null;
  }

  /**
   * Creates one-byte registers: one for each byte of the header, and one for each byte that a test
   * can watch.
   */
  #bytes(place: Place): NarrowRegister[] {
    const header = Array.from({ length: READABLE }, (_, offset) => offset);
    const watched = this.#tests.map(({ offset }) => offset);
    return [...header, ...watched.filter((offset) => offset < 2 * place.watched)].map((offset) => ({
      offset,
      width: 1,
      name: offset === 0 ? 'test' : offset < READABLE ? `header ${offset}` : `watched ${offset}`,
      read: () => this.#read(offset),
      write: (value, width) => {
        if (offset === 0) this.#choose(place, value);
        else this.#count(place, offset, value, width);
      },
    }));
  }

  #choose(place: Place, kind: number): void {
    this.#current = null;
    const test = this.#tests.find((one) => one.place === place && one.kind === kind);
    if (test === undefined) return;
    test.header.setUint32(COUNT_AT, 0, true);
    this.#current = test;
  }

  /**
   * Reads a byte of the header. The NUL at the end of the name and all bytes after the NUL read as
   * 0.
   */
  #read(offset: number): number {
    const header = this.#current?.header;
    return header !== undefined && offset + 1 < header.byteLength ? header.getUint8(offset) : 0;
  }

  /**
   * Counts a byte that is written to the offset of a test.
   *
   * @param width - width of the whole access in bytes
   */
  #count(place: Place, offset: number, value: number, width: number): void {
    const test = this.#current;
    if (test?.offset !== offset) return;
    const matches = test.kind === WILDCARD || value === DATA_MATCH;
    const hasEventfd = KINDS[test.kind] !== 'no-eventfd' && test.place === place;
    if (!matches || (hasEventfd && width === WIDTH)) return;
    test.header.setUint32(COUNT_AT, test.header.getUint32(COUNT_AT, true) + 1, true);
  }
}

function makeTest(place: Place, kind: number, number: number, name: string): Test {
  const title = `${place === MEMORY ? 'mmio' : 'portio'}-${name}\0`;
  const bytes = new Uint8Array(HEADER + title.length);
  const header = new DataView(bytes.buffer);
  const offset = place.watched + number;
  bytes.set(Buffer.from(title, 'latin1'), HEADER);
  header.setUint8(0, number);
  header.setUint8(WIDTH_AT, WIDTH);
  header.setUint32(OFFSET_AT, offset, true);
  header.setUint8(DATA_AT, kind === WILDCARD ? DATA_ANY : DATA_MATCH);
  return { place, kind, header, offset };
}
