import type { Answer, Reply } from './answers.js';
import { retry } from './retry.js';

/**
 * The recorded value of an eventfd if the recorded program did not read the eventfd. The value `1+`
 * means that the eventfd was signalled one or more times.
 */
export const SIGNALLED = '1+';

/** Returns the recorded number of signals; null if the value is not a number of signals. */
function countOf({ ok, value }: Answer): bigint | null {
  if (ok !== true) return null;
  if (value === SIGNALLED) return 1n;
  const isCount = Number.isSafeInteger(value) || /^0x[0-9a-f]+$/.test(String(value));
  return isCount ? BigInt(value as number | string) : null;
}

/**
 * Replays reads of eventfds. The number of signals cannot be repeated exactly: a device can merge
 * interrupts, and an interrupt can arrive before the recorded time. Signals that arrive early count
 * for the next read of the eventfd.
 */
export class EventfdReplay {
  /** For each eventfd, the number of signals that arrived early. */
  readonly #early = new Map<string, bigint>();

  /**
   * Replays one read. If no signal arrives, the read is repeated for up to a second.
   *
   * @param name - name of the eventfd
   * @returns the answer. The field `recorded` contains the recorded answer if the eventfd was
   *   signalled in the record but not in the replay, or if the read failed.
   */
  async replay(name: string, recorded: Answer, run: () => Promise<Reply>): Promise<Reply> {
    const wanted = countOf(recorded);
    let count = this.#early.get(name) ?? 0n;
    let reply = await run();
    const isDone = () => {
      if (typeof reply.value !== 'bigint' || wanted === null) return true;
      count += reply.value;
      return count >= wanted;
    };
    if (!isDone()) {
      await retry(async () => {
        reply = await run();
        return isDone();
      });
    }
    if (!reply.ok || wanted === null) {
      const same = recorded.ok === false && recorded.code === reply.code;
      return same ? reply : { ...reply, recorded };
    }
    const answer = { ...reply, value: count };
    if (count === 0n && wanted > 0n) return { ...answer, recorded };
    const surplus = recorded.value === SIGNALLED || count < wanted ? 0n : count - wanted;
    this.#early.set(name, surplus);
    return answer;
  }
}
