import type { Outcome } from '../host/apply.js';
import type { Plan } from '../host/binding.js';
import type { Readiness } from '../host/readiness.js';
import { printable } from '../printable.js';
import { toJson } from './json.js';

const print = (line: string): void => {
  console.log(printable(line));
};

/**
 * Prints the planned driver changes as shell commands.
 *
 * @param more - the new owner of the group's node, and the path of this node
 */
export function printPlan(
  plan: Plan,
  json: boolean,
  more: { owner?: string; node?: string } = {},
): void {
  if (json) {
    const { changes, kept, uses, warnings } = plan;
    const group = plan.group.number;
    console.log(toJson({ group, changes, kept, uses, warnings, ...more, dryRun: true }));
    return;
  }
  for (const text of plan.warnings) print(`# warning: ${text}`);
  for (const use of plan.uses) print(`# in use: ${use}`);
  for (const { name, why } of plan.kept) print(`# ${name} is unchanged: ${why}`);
  for (const { name, from, to, steps } of plan.changes) {
    print(`# ${name}: ${from ?? 'no driver'} -> ${to ?? "the kernel's choice"}`);
    for (const { path, text } of steps) print(`echo ${text.trim()} > ${path}`);
  }
  if (more.owner !== undefined) print(`chown ${more.owner} ${more.node ?? ''}`);
}

/** Prints a warning on standard error for each risk of the planned driver changes. */
export function printWarnings({ warnings }: Plan): void {
  for (const text of warnings) console.error(printable(`vfio: warning: ${text}`));
}

/** Prints the results of the driver changes. */
export function printOutcome(
  plan: Plan,
  outcomes: readonly Outcome[],
  json: boolean,
  more: Readonly<Record<string, unknown>> & { owner?: string; nodes?: readonly string[] } = {},
): void {
  const group = plan.group.number;
  if (json) {
    console.log(toJson({ group, functions: outcomes, kept: plan.kept, ...more }));
    return;
  }
  for (const { name, from, to } of outcomes) {
    print(`${name}: ${from ?? 'no driver'} -> ${to ?? 'no driver'}`);
  }
  for (const { name, why } of plan.kept) print(`${name}: unchanged (${why})`);
  if (outcomes.length === 0) print(`group ${group}: nothing to do`);
  if (more.owner === undefined) return;
  for (const node of more.nodes ?? []) print(`${node}: owned by ${more.owner}`);
}

/** Formats the state of a function: ready, or the reason why a program cannot open the function. */
export function formatState({ ready, missing, tokenOwner }: Readiness): string {
  if (!ready) return missing ?? '';
  return tokenOwner === undefined ? 'ready' : `ready with the VF token of ${tokenOwner}`;
}
