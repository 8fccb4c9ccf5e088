import type { Command } from './command.js';

/**
 * The summary of each command, by the command's name. The module of a command has the same name and
 * is loaded when the command runs.
 */
export const COMMANDS: Readonly<Record<string, string>> = {
  list: 'list PCI functions, and whether a program can open them',
  bind: 'bind a device and its IOMMU group to vfio-pci',
  release: 'return a device to its former driver',
  doctor: 'check whether programs can drive devices here, and how to fix it if not',
  info: 'show regions, interrupts, features, DMA ranges, resets and capabilities',
  config: 'decode configuration space as lspci does, set registers by name',
  peek: 'read registers',
  poke: 'write registers',
  watch: 'enable interrupts and show their rates',
  reset: 'reset a function',
  repl: 'start a Node.js prompt with an open device',
  demo: 'drive a device end to end: registers, DMA, interrupts',
  lab: 'run a command in a QEMU guest with a real /dev/vfio',
  run: 'send raw operations to a device, as JSON lines',
  snapshot: 'save the properties of a device, to make a mock of it',
  trace: 'record how a program uses its devices, as a timeline',
  completion: 'print a script with which a shell completes these commands',
};

export async function loadCommand(name: string): Promise<Command> {
  return ((await import(`./${name}.js`)) as { command: Command }).command;
}
