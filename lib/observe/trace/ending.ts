/** How a traced program ended. */
export interface Ending {
  /** The exit code; null if a signal ended the program, if it still runs, or if it is unknown. */
  readonly exitCode: number | null;
  /** Time of the end in nanoseconds of CLOCK_MONOTONIC; the present if the program still runs. */
  readonly at: number;
  /** `exit code 9`, `SIGTERM after 20 s`, or `still waiting after 20 s`. */
  readonly text: string;
  /** Whether the program ended with exit code 0. */
  readonly isSuccess: boolean;
}

/** Creates the ending of a program that has ended by itself. */
export function exited(exitCode: number, at: number): Ending {
  return { exitCode, at, text: `exit code ${exitCode}`, isSuccess: exitCode === 0 };
}

/** Creates the ending of a program that a signal ended. @param start - start of the program */
export function signalled(signal: string, start: number, at: number): Ending {
  const text = `${signal} after ${roundSeconds(at - start)}`;
  return { exitCode: null, at, text, isSuccess: false };
}

/** Creates the state of a program that still runs. @param isWaiting - whether the program waits */
export function running(isWaiting: boolean, start: number, at: number): Ending {
  const text = `still ${isWaiting ? 'waiting' : 'running'} after ${roundSeconds(at - start)}`;
  return { exitCode: null, at, text, isSuccess: false };
}

/** Creates the ending of a program that wrote no end of its trace: a signal killed it, or it crashed. */
export function killed(start: number, at: number): Ending {
  const text = `killed or crashed after ${roundSeconds(at - start)}`;
  return { exitCode: null, at, text, isSuccess: false };
}

/** Returns `20 s`, or `1.5 s` for a time below ten seconds. */
function roundSeconds(ns: number): string {
  const seconds = ns / 1e9;
  return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
}
