/** Returns calls as text. Register accesses have a short form, all other calls look as in code. */
import { accessText, type Access, type NameAccess, nameless } from './access.js';
import type { ObjectLine } from './format.js';

/** A call of a trace, with the object that received the call. */
export interface TracedCall {
  readonly object: ObjectLine;
  readonly method: string;
  readonly args: string;
  readonly result: string | null;
  readonly error: string | null;
}

const WINDOW_METHOD = /^(read|write)(8|16|32|64|Block)$/;

/**
 * Returns the text of a call without its error: `bar0+0x1c r32 -> 0x1` or `setIrqs(…) = 0`.
 *
 * @param access - what {@link accessOf} returned for the call
 */
export function callText(
  call: TracedCall,
  name: NameAccess = nameless,
  access = accessOf(call),
): string {
  if (access !== null) return name(call.object.device, access) ?? accessText(access);
  const { method, args, result } = call;
  return `${method}(${args})${result === null ? '' : ` = ${result}`}`;
}

/** Returns the register access that a call makes, or null if the call accesses no register. */
export function accessOf({ object, method, args, result }: TracedCall): Access | null {
  const fields = args.split(', ');
  if (object.kind === 'window') return windowAccess(object, method, fields, result);
  return object.kind === 'device' ? fileAccess(method, fields, result) : null;
}

function windowAccess(
  { region = 0, offset: base = 0 }: ObjectLine,
  method: string,
  [at = '', second = '', third = '']: readonly string[],
  result: string | null,
): Access | null {
  const [, kind, bits] = WINDOW_METHOD.exec(method) ?? [];
  if (kind === undefined) return null;
  const isWrite = kind === 'write';
  const offset = base + Number(at);
  if (!Number.isInteger(offset)) return null;
  if (bits === 'Block') {
    const [width, bytes] = [Number(third), Number.parseInt(second)];
    return { region, offset, width, isWrite, bytes, value: null };
  }
  const value = isWrite ? second : result;
  return { region, offset, width: Number(bits) / 8, isWrite, bytes: null, value };
}

/** Returns the access that a method makes through the device file. */
function fileAccess(
  method: string,
  [index = '', at = '', third = '', fourth = '']: readonly string[],
  result: string | null,
): Access | null {
  const [region, offset] = [Number(index), Number(at)];
  const isWrite = method === 'write' || method === 'store';
  if (!Number.isInteger(region) || !Number.isInteger(offset)) return null;
  if (method === 'load' || method === 'store') {
    const value = isWrite ? fourth : result;
    return { region, offset, width: Number(third), isWrite, bytes: null, value };
  }
  if (method !== 'read' && method !== 'write') return null;
  const bytes = Number.parseInt(third);
  if (Number.isNaN(bytes)) return null;
  const [, written = null] = isWrite ? third.split(': ') : [];
  return { region, offset, width: null, isWrite, bytes, value: written ?? result };
}
