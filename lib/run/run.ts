import { VfioError } from '../errors.js';
import { failed, type Answer, type Reply } from './answers.js';
import { Fields, OperationError } from './fields.js';
import { type Operation, operations } from './operations.js';
import { replay } from './replay.js';
import type { Session } from './session.js';

export type { Reply } from './answers.js';

/**
 * Converts an error to an answer. If the library refused the arguments, for example an access
 * outside of a mapping, the answer has the code `ERR_OP`.
 */
function toReply(error: unknown): Reply {
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
    if (operation === undefined) throw new OperationError(`unknown operation "${name}"`);
    fields.allowOnly(['op', 'answer', ...operation.fields]);
    return { ok: true, ...(await operation.run(session, fields)) };
  } catch (error) {
    return toReply(error);
  }
}

/**
 * Runs one line of a script. If the operation is invalid or fails, the reply contains the error,
 * and no exception is thrown. If the line has a field `answer` and the new answer differs, the
 * reply contains the recorded answer as `recorded`.
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
    return toReply(error);
  }
  return recorded === null ? run() : replay(op, recorded, run);
}
