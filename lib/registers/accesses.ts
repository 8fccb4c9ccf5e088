import { checkU64 } from '../checks.js';
import type { RegisterWindow } from '../contract/window.js';
import type { RegisterAccess } from './definition.js';
import { bigintCodec, numberCodec } from './fields.js';
import type { RegisterLayout } from './layout.js';
import { FieldRegister, type RegisterAccessor, type RegisterPlace } from './register.js';

class Register8 extends FieldRegister<number> {
  get value(): number {
    return this.reads.read8(this.offset);
  }
  set value(value: number) {
    this.writes.write8(this.offset, value);
  }
}

class Register16 extends FieldRegister<number> {
  get value(): number {
    return this.reads.read16(this.offset);
  }
  set value(value: number) {
    this.writes.write16(this.offset, value);
  }
}

class Register32 extends FieldRegister<number> {
  get value(): number {
    return this.reads.read32(this.offset);
  }
  set value(value: number) {
    this.writes.write32(this.offset, value);
  }
}

class Register64 extends FieldRegister<bigint> {
  get value(): bigint {
    return this.reads.read64(this.offset);
  }
  set value(value: bigint) {
    this.writes.write64(this.offset, value);
  }
}

/** A register of 8 bytes that is accessed as two halves of 4 bytes, the lower half first. */
class SplitRegister64 extends FieldRegister<bigint> {
  get value(): bigint {
    const low = this.reads.read32(this.offset);
    return (BigInt(this.reads.read32(this.offset + 4)) << 32n) | BigInt(low);
  }
  set value(value: bigint) {
    checkU64(value, 'value');
    this.writes.write32(this.offset, Number(value & 0xffff_ffffn));
    this.writes.write32(this.offset + 4, Number(value >> 32n));
  }
}

const NUMBERS = { 1: Register8, 2: Register16, 4: Register32 } as const;

/** Creates the register at an offset of a window. */
export function registerAt(
  window: RegisterWindow,
  layout: RegisterLayout,
  name: string,
  offset: number,
): RegisterAccessor {
  const { access, width, split } = layout;
  // The definition of the register gives the types of its fields.
  const place = { window, layout, name, offset, ...restrict(window, access, name) };
  if (width !== 8)
    return new NUMBERS[width]({ ...place, codec: numberCodec(layout) }) as RegisterAccessor;
  const Class = split ? SplitRegister64 : Register64;
  return new Class({ ...place, codec: bigintCodec(layout) }) as RegisterAccessor;
}

/** Returns the window, or an object that refuses each access, for the reads and for the writes. */
function restrict(
  window: RegisterWindow,
  access: RegisterAccess,
  name: string,
): Pick<RegisterPlace<never>, 'reads' | 'writes'> {
  const refuse = (kind: string) => () => {
    throw new TypeError(`register ${name} is ${kind}-only`);
  };
  const read = refuse('write');
  const write = refuse('read');
  return {
    reads: access === 'wo' ? { read8: read, read16: read, read32: read, read64: read } : window,
    writes:
      access === 'ro' ? { write8: write, write16: write, write32: write, write64: write } : window,
  };
}
