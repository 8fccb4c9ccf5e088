import { readFileSync } from 'node:fs';
import type { DeviceConnection } from '../../../lib/contract/index.js';
import { compare, type Difference } from '../../differential/compare.js';
import { runScript, type Answer, type Op } from '../../differential/script.js';
import type { Target } from '../../differential/targets.js';

export type Line = Op & { readonly answer: Answer };

export function readRecord(path: string | URL): Line[] {
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Line);
}

/**
 * Replays a record on a device that was just opened. Returns the first answer that differs from the
 * record.
 */
export async function replayRecord(
  record: readonly Line[],
  connection: DeviceConnection,
  target: Target,
): Promise<Difference | null> {
  const replies = await runScript(() => Promise.resolve(connection), record);
  const recorded = record.map(({ answer }) => answer);
  // Two equal answers can have different texts, so the recorded text is used.
  const now = replies.map((reply, i) => ('recorded' in reply ? reply : recorded[i]));
  const answers = now.map((reply) => ({ ok: false, ...reply, recorded: undefined }));
  return compare(target, record, recorded, answers);
}
