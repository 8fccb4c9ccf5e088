import { regionName } from '../contract/uapi.js';
import type { RegisterNames } from '../registers/named.js';
import type { Reply } from '../run/run.js';

/** Adds the name of a register to the answer of an operation. */
export type Describe = (line: string, reply: Reply) => Reply;

const METHODS: Readonly<Record<string, boolean>> = { mmio_read: false, mmio_write: true };

/** Makes the function that adds a text such as `bar0.cc.en <- 1` as `register` to an answer. */
export async function describeOperations(names: RegisterNames | null): Promise<Describe> {
  if (names === null) return (_, reply) => reply;
  const { AccessDescriber } = await import('../registers/describer.js');
  const { Fields } = await import('../run/fields.js');
  const describer = new AccessDescriber(names);
  return (line, reply) => {
    // An operation that failed has no register.
    if (!reply.ok) return reply;
    const fields = new Fields(line);
    const isWrite = METHODS[fields.text('op')];
    if (isWrite === undefined) return reply;
    const register = describer.describe({
      device: '',
      region: regionName(fields.u32('region')),
      offset: fields.number('offset'),
      width: fields.number('width'),
      isWrite,
      value: isWrite ? fields.bigint('value') : BigInt(reply.value as number | bigint),
    });
    return register === null ? reply : { ...reply, register };
  };
}
