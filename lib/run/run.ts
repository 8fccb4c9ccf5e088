import { VfioError } from '../errors.js';
import { Fields, OperationError } from './fields.js';
import { type Answer, operations } from './operations.js';
import type { Session } from './session.js';

/** What a line was answered with: always `ok`, then the operation's own fields or a `code`. */
export type Reply = Answer & { readonly ok: boolean };

/**
 * The code of what an operation threw. What the library refuses before any call, an access
 * outside of a mapping for example, was no operation that could be sent.
 */
function failure(error: unknown): Reply {
  if (error instanceof VfioError) {
    return { ok: false, code: error.code, ...(error.syscall ? { syscall: error.syscall } : {}) };
  }
  const refused = error instanceof RangeError || error instanceof TypeError;
  if (!refused && !(error instanceof OperationError)) throw error;
  return { ok: false, code: 'ERR_OP', message: error.message };
}

/** Runs one line of a script. Wrong operations and failing calls are answers, not exceptions. */
export async function runLine(session: Session, line: string): Promise<Reply> {
  try {
    const fields = new Fields(line);
    const name = fields.text('op');
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new OperationError(`there is no operation "${name}"`);
    fields.allowOnly(['op', ...operation.fields]);
    return { ok: true, ...(await operation.run(session, fields)) };
  } catch (error) {
    return failure(error);
  }
}
