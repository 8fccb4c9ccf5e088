import { examine, type Finding, type State } from '../host/doctor.js';
import { Host } from '../host/host.js';
import { requireNodeOnLinux } from '../platform.js';
import { printable } from '../printable.js';
import { defineCommand } from './command.js';
import { toJson } from './json.js';
import { parseSize } from './numbers.js';
import { resolveReal } from './real.js';
import { paint } from './terminal.js';

const MARKS: Readonly<Record<State, Parameters<typeof paint>[0]>> = {
  ok: 'green',
  note: 'cyan',
  warning: 'yellow',
  problem: 'red',
};

export const command = defineCommand({
  about: `Checks whether programs of this user can drive devices, and prints a fix for each problem.
    The checks cover the IOMMU, interrupt remapping, drivers, device nodes and their permissions,
    the native addon, IOMMU groups, locked memory, huge pages, lockdown and containers. The command
    changes nothing, opens no device and needs no privileges. The exit code is 0 if there is no
    problem.`,
  operands: {
    device: {
      from: 'devices',
      optional: true,
      help: 'the function to drive; default: every function bound to vfio-pci',
    },
  },
  options: {
    memory: {
      type: 'string',
      value: '<size>',
      help: 'size of the DMA memory to map: bytes, or a number with K, M or G',
    },
    json: { type: 'boolean', help: 'prints one JSON object' },
  },
  examples: ['vfio doctor 01:00.0 --memory 256M'],
  async run({ options, operands }) {
    const memory = options.memory === undefined ? undefined : parseSize('--memory', options.memory);
    requireNodeOnLinux('a real device needs');
    const name = operands.device;
    const device = name === undefined ? undefined : await resolveReal(name);
    const findings = examine(new Host(), { device, memory });
    const ready = findings.every(({ state }) => state !== 'problem');
    console.log(options.json ? toJson({ ready, findings }) : report(findings, ready));
    return ready ? 0 : 1;
  },
});

function report(findings: readonly Finding[], ready: boolean): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  const lines = findings.flatMap(({ check, state, text, fix }) => [
    `${paint(MARKS[state], state.padEnd(7))}  ${check.padEnd(width)}  ${printable(text)}`,
    ...(fix === undefined ? [] : [`${' '.repeat(11 + width)}fix: ${printable(fix)}`]),
  ]);
  return [...lines, ready ? 'ready' : 'not ready'].join('\n');
}
