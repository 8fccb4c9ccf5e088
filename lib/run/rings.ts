/** The operations of a script that show which memory contains rings. */
interface Operation {
  readonly op?: unknown;
  readonly buffer?: unknown;
  readonly iova?: unknown;
  readonly size?: unknown;
  readonly region?: unknown;
  readonly offset?: unknown;
  readonly width?: unknown;
  readonly value?: unknown;
  readonly data?: unknown;
}

interface Mapping {
  readonly buffer: string;
  readonly start: bigint;
  readonly end: bigint;
}

/** Returns an integer of a script, or null for any other value. */
function toInteger(value: unknown): bigint | null {
  if (typeof value === 'bigint') return value;
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value);
  return typeof value === 'string' && /^0x[0-9a-f]+$/i.test(value) ? BigInt(value) : null;
}

/**
 * Finds the buffers whose addresses the program writes to registers. Devices expect the addresses
 * of their rings there. The addresses of data are in the rings.
 */
export class Rings {
  #mappings: Mapping[] = [];
  readonly #rings = new Set<string>();
  /** The last value of each register of 32 bits, by region and offset. */
  readonly #values = new Map<unknown, Map<number, bigint>>();

  isRing(buffer: string): boolean {
    return this.#rings.has(buffer);
  }

  /** Reads one operation of a script. Every operation must be passed, in the order of the script. */
  observe(operation: Operation): void {
    const { op, buffer, iova, size } = operation;
    if (op === 'dma_map' || op === 'dma_unmap') {
      const start = toInteger(iova);
      const length = toInteger(size);
      if (start === null || length === null) return;
      const end = start + length;
      if (op === 'dma_map') this.#mappings.push({ buffer: String(buffer), start, end });
      else this.#mappings = this.#mappings.filter((one) => one.start < start || one.end > end);
    } else if (op === 'mmio_write') {
      this.#observeWrite(operation, operation.width, toInteger(operation.value));
    } else if (op === 'write' && typeof operation.data === 'string') {
      const bytes = Buffer.from(operation.data, 'hex');
      const value = bytes.length === 4 ? bytes.readUInt32LE() : null;
      this.#observeWrite(operation, bytes.length, toInteger(value));
    }
  }

  #observeWrite({ region, offset }: Operation, width: unknown, value: bigint | null): void {
    if (value === null) return;
    this.#findBuffer(value);
    if (width !== 4) return;
    // A program writes an address of 64 bits to two registers of 32 bits, in any order.
    const at = Number(offset);
    const values = this.#values.get(region) ?? new Map<number, bigint>();
    this.#values.set(region, values.set(at, value));
    const low = values.get(at - 4);
    const high = values.get(at + 4);
    if (low !== undefined) this.#findBuffer((value << 32n) | low);
    if (high !== undefined) this.#findBuffer((high << 32n) | value);
  }

  #findBuffer(address: bigint): void {
    const found = this.#mappings.find(({ start, end }) => start <= address && address < end);
    if (found !== undefined) this.#rings.add(found.buffer);
  }
}
