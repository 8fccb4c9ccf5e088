import { VfioError } from '../errors.js';
import { failed, type Answer, type Reply } from './answers.js';
import { withoutAddresses } from './config-space.js';
import { Fields, OperationError } from './fields.js';
import { type Operation, operations } from './operations.js';
import { isAsRecorded, replay } from './replay.js';
import type { Session } from './session.js';

export type { Reply } from './answers.js';

/**
 * Converts an error to an answer. If the library refused the arguments, for example an access
 * outside of a mapping, the answer has the code `ERR_OP`.
 */
export function toReply(error: unknown): Reply {
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
 * Returns the comparison of an answer with the recorded answer. Reads of configuration space and
 * inferred changes of the device have comparisons of their own.
 */
function comparison(
  session: Session,
  fields: Fields,
  op: string,
  recorded: Answer,
): (reply: Reply) => boolean {
  const { data } = recorded;
  if (op === 'read' && typeof data === 'string') {
    const masked = (reply: Answer): Answer => ({
      ...reply,
      data: withoutAddresses(fields.u32('region'), fields.number('offset'), String(reply.data)),
    });
    return (reply) => reply.ok && isAsRecorded(masked(recorded), masked(reply));
  }
  if (op === 'buffer_read' && typeof data === 'string' && fields.mark('inferred')) {
    const name = fields.text('name');
    const isExpected = session.changes.expectChange(name, fields.number('offset'), data);
    return (reply) => reply.ok && isExpected(String(reply.data));
  }
  return (reply) => isAsRecorded(recorded, reply);
}

async function replayOperation(
  session: Session,
  fields: Fields,
  op: string,
  recorded: Answer,
): Promise<Reply> {
  const run = () => runOperation(session, fields, op);
  if (op === 'eventfd_read' && fields.has('name')) {
    return session.eventfdReplay.replay(fields.text('name'), recorded, run);
  }
  let isExpected: (reply: Reply) => boolean;
  try {
    isExpected = comparison(session, fields, op, recorded);
  } catch (error) {
    return { ...toReply(error), recorded };
  }
  return replay(op, recorded, run, isExpected);
}

/**
 * Runs one line of a script. If the operation is invalid or fails, the reply contains the error,
 * and no exception is thrown. If the line has a field `answer` and the new answer differs, the
 * reply contains the recorded answer as `recorded`.
 */
export async function runLine(session: Session, line: string): Promise<Reply> {
  let fields: Fields;
  let op: string;
  let recorded: Answer | null;
  try {
    fields = new Fields(line);
    op = fields.text('op');
    recorded = fields.has('answer') ? fields.object('answer') : null;
  } catch (error) {
    return toReply(error);
  }
  return recorded === null
    ? runOperation(session, fields, op)
    : replayOperation(session, fields, op, recorded);
}
