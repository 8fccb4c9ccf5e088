import type { NameAccess } from '../access.js';
import { accessOf, callText, type TracedCall } from '../call-text.js';
import { formatSeconds, formatTimes } from './finding.js';

/** A register was polled in vain if it kept its value for this number of reads and this time. */
const MIN_READS = 10;
const MIN_TIME = 100e6;

/** A poll that ended longer than this before the end of the program is old, in nanoseconds. */
const RECENT = 1e9;

/** Reads of one register that all had the same result. */
interface Run {
  readonly call: TracedCall;
  readonly since: number;
  until: number;
  reads: number;
}

/**
 * Finds the registers of a device that a program polled in vain. A poll is in vain if the register
 * keeps its value. Reads belong to one poll until the program writes a register or gets an
 * interrupt.
 */
export class Polls {
  readonly #runs = new Map<string, Run>();
  /** The last poll of each register that was in vain. */
  readonly #vain = new Map<string, Run>();

  read(call: TracedCall, at: number, until: number, reads: number): void {
    const key = `${call.object.id} ${call.method} ${call.args}`;
    const run = this.#runs.get(key);
    if (run?.call.result === call.result) {
      run.until = until;
      run.reads += reads;
      return;
    }
    this.#runs.set(key, { call, since: at, until, reads });
    if (this.#vain.size > 0 && this.#vain.get(key)?.call.result !== call.result) {
      this.#vain.delete(key);
    }
  }

  /** Ends the polls: the program wrote a register, or got an interrupt. */
  end(): void {
    if (this.#runs.size === 0) return;
    for (const [key, run] of this.#runs) if (isVain(run)) this.#vain.set(key, run);
    this.#runs.clear();
  }

  /**
   * Returns a text for each poll in vain.
   *
   * @param end - time of the end of the program
   * @param areOld - whether to describe the polls that ended long before the end, or all others
   * @param name - names the registers
   */
  describe(end: number, areOld: boolean, name: NameAccess): string[] {
    this.end();
    return [...this.#vain.values()]
      .filter(({ until }) => end - until > RECENT === areOld)
      .map((run) => describeRun(run, end, name));
  }
}

function describeRun({ call, since, until, reads }: Run, end: number, name: NameAccess): string {
  const { object } = call;
  const access = accessOf(call);
  // The text of a read is `bar0.csts -> 0x0 (rdy=0)`.
  const [named, fields] =
    (access === null ? null : name(object.device, access))?.split(' -> ') ?? [];
  const place = named ?? callText({ ...call, result: null });
  const value = fields ?? call.result ?? '?';
  const later = end - until;
  const tail = later < MIN_TIME ? '' : `, the last time ${formatSeconds(later)} before the end`;
  const isLost = object.kind === 'window' && isAllOnes(call);
  const ones = isLost ? ' (all ones: the device does not respond)' : '';
  return (
    `${place} was polled in vain: ${formatTimes(reads)} in ${formatSeconds(until - since)}, ` +
    `always ${value}${ones}${tail}`
  );
}

function isVain({ since, until, reads }: Run): boolean {
  return reads >= MIN_READS && until - since >= MIN_TIME;
}

function isAllOnes({ method, result }: TracedCall): boolean {
  const bits = Number.parseInt(method.slice('read'.length));
  return result === `0x${'f'.repeat(bits / 4)}`;
}
