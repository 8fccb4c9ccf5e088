import { VfioError } from '../errors.js';
import { Fields, OperationError } from './fields.js';
import { type Answer, operations } from './operations.js';
import type { Session } from './session.js';

/** What a line was answered with: always `ok`, then the operation's own fields or a `code`. */
export type Reply = Answer & { readonly ok: boolean };

/** The code of what an operation threw; what is no failure of the device is thrown on. */
function failure(error: unknown): Reply {
  if (error instanceof VfioError) {
    return { ok: false, code: error.code, ...(error.syscall ? { syscall: error.syscall } : {}) };
  }
  if (error instanceof OperationError) {
    return { ok: false, code: error.code, message: error.message };
  }
  if (error instanceof RangeError || error instanceof TypeError) {
    const code = error instanceof RangeError ? 'ERR_OUT_OF_RANGE' : 'ERR_INVALID_ARG_TYPE';
    return { ok: false, code, message: error.message };
  }
  throw error;
}

/** Runs one line of a script. Wrong operations and failing calls are answers, not exceptions. */
export async function runLine(session: Session, line: string): Promise<Reply> {
  try {
    const fields = new Fields(line);
    const name = fields.text('op');
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new OperationError(`there is no operation "${name}"`);
    const answer = await operation(session, fields);
    return { ok: true, ...answer };
  } catch (error) {
    return failure(error);
  }
}
