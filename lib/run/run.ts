import { VfioError } from '../errors.js';
import { failed, type Answer, type Reply } from './answers.js';
import { Fields, OperationError } from './fields.js';
import { type Operation, operations } from './operations.js';
import { replay } from './replay.js';
import type { Session } from './session.js';

export type { Reply } from './answers.js';

/**
 * The code of what an operation threw. What the library refuses before any call, an access
 * outside of a mapping for example, was no operation that could be sent.
 */
function failure(error: unknown): Reply {
  if (error instanceof VfioError) return failed(error);
  const refused = error instanceof RangeError || error instanceof TypeError;
  if (!refused && !(error instanceof OperationError)) throw error;
  return { ok: false, code: 'ERR_OP', message: error.message };
}

async function runOperation(session: Session, fields: Fields, name: string): Promise<Reply> {
  try {
    const operation: Operation | undefined = Object.hasOwn(operations, name)
      ? operations[name]
      : undefined;
    if (operation === undefined) throw new OperationError(`there is no operation "${name}"`);
    fields.allowOnly(['op', 'answer', ...operation.fields]);
    return { ok: true, ...(await operation.run(session, fields)) };
  } catch (error) {
    return failure(error);
  }
}

/**
 * Runs one line of a script. Wrong operations and failing calls are answers, not exceptions. Of a
 * line with a recorded `answer` it is told if that was another.
 */
export async function runLine(session: Session, line: string): Promise<Reply> {
  let run: () => Promise<Reply>;
  let recorded: Answer | null;
  let op: string;
  try {
    const fields = new Fields(line);
    op = fields.text('op');
    recorded = fields.has('answer') ? fields.object('answer') : null;
    run = () => runOperation(session, fields, op);
  } catch (error) {
    return failure(error);
  }
  return recorded === null ? run() : replay(op, recorded, run);
}
