import { pathToFileURL } from 'node:url';
import { packageFile } from '../package-files.js';
import type { Command } from './command.js';

/**
 * Maps the name of each command to its summary. The module of a command has the same name and is
 * loaded when the command runs.
 */
export const COMMANDS: Readonly<Record<string, string>> = {
  build: 'build the native addon on a system without a prebuilt addon',
  list: 'list PCI functions, and show whether a program can open each',
  bind: 'bind a device and its IOMMU group to vfio-pci',
  release: 'bind a device to its former driver again',
  vfs: 'list, create, bind and remove the virtual functions of a device (SR-IOV)',
  doctor: 'check whether programs can drive devices, and print a fix for each problem',
  info: 'show regions, interrupts, features, DMA ranges, resets and capabilities',
  config: 'decode configuration space like lspci; read and set registers by name',
  peek: 'read registers',
  poke: 'write registers',
  registers: 'make a file with the names of registers from SVD, LiteX or PeakRDL files',
  watch: 'show the rates of interrupts, or the changes of a register',
  reset: 'reset a function',
  repl: 'start a Node.js prompt with an open device',
  demo: 'run a small driver that tests registers, DMA and interrupts',
  lab: 'run a command in a QEMU guest with a real /dev/vfio',
  run: 'send raw operations to a device, as JSON lines',
  serve: 'give a device to a virtual machine or another program, through a socket',
  snapshot: 'save the properties of a device to a file, to create a mock device',
  trace: 'record the device accesses and interrupts of a program as a timeline',
  completion: 'print a completion script for bash, zsh or fish',
};

export async function loadCommand(name: string): Promise<Command> {
  const { href } = pathToFileURL(packageFile(`dist/lib/cli/${name}.js`));
  return ((await import(href)) as { command: Command }).command;
}
