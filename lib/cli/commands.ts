import type { Command } from './command.js';

/** Every command and what it is for. A command is the file of its name, loaded when asked for. */
export const COMMANDS: Readonly<Record<string, string>> = {
  list: 'the PCI functions there are, and what each lacks to be used',
  bind: 'give a device and its IOMMU group to vfio-pci',
  release: 'give it back to the driver it had',
  doctor: 'look whether programs can drive devices here, and what mends it if not',
  info: 'regions, interrupts, features, DMA ranges, resets and capabilities',
  config: 'configuration space decoded as lspci does, registers set by name',
  peek: 'read registers',
  poke: 'write registers',
  watch: 'enable interrupts and show them as they come',
  reset: 'reset a function',
  repl: 'a Node.js prompt with the device at hand',
  demo: 'drive a device end to end: registers, DMA, interrupts',
  lab: 'run a command in a QEMU guest with a real /dev/vfio',
  run: 'send raw operations to a device, as JSON lines',
  snapshot: 'write down what a device is, for a mock of it',
  trace: 'record what a program does with its devices, as a timeline',
  completion: 'a script that makes a shell complete all this',
};

export async function loadCommand(name: string): Promise<Command> {
  return ((await import(`./${name}.js`)) as { command: Command }).command;
}
