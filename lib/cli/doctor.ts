import { parseArgs } from 'node:util';
import { examine, type Finding, type State } from '../host/doctor.js';
import { Host } from '../host/host.js';
import { toJson } from './json.js';
import { parseSize } from './numbers.js';
import { realFunction } from './real.js';
import { paint } from './terminal.js';
import { UsageError } from './usage.js';

export const usage = `vfio doctor [device] [--memory <size>] [--json]

Looks whether programs of this user can drive devices, and says what mends it if not: IOMMU,
interrupt remapping, drivers, nodes and their permissions, IOMMU groups, locked memory, huge pages,
lockdown, containers. Changes nothing, opens no device and needs no rights. Exit code 0: ready.

  [device]         the function that is to be driven; without, all that are bound to vfio-pci
  --memory <size>  DMA memory that is going to be mapped: bytes, or a number with K, M or G
  --json           prints one JSON object

Example: vfio doctor 01:00.0 --memory 256M`;

const MARKS: Readonly<Record<State, Parameters<typeof paint>[0]>> = {
  ok: 'green',
  note: 'cyan',
  warning: 'yellow',
  problem: 'red',
};

export function run(argv: string[]): number {
  const { values, positionals } = parseArgs({
    args: argv,
    options: { memory: { type: 'string' }, json: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  if (positionals.length > 1) throw new UsageError('one device at most');
  const [called] = positionals;
  const device = called === undefined ? undefined : realFunction(called);
  const memory = values.memory === undefined ? undefined : parseSize('--memory', values.memory);
  const findings = examine(new Host(), { device, memory });
  const ready = findings.every(({ state }) => state !== 'problem');
  console.log(values.json ? toJson({ ready, findings }) : report(findings, ready));
  return ready ? 0 : 1;
}

function report(findings: readonly Finding[], ready: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, text, mend }) => [
    `${paint(MARKS[state], state.padEnd(7))}  ${check.padEnd(width)}  ${text}`,
    ...(mend === undefined ? [] : [`${' '.repeat(11 + width)}mend: ${mend}`]),
  ]);
  return [...lines, ready ? 'ready' : 'not ready'].join('\n');
}
