import { Host } from '../host/host.js';
import type { DeviceServer } from '../serve/index.js';
import { VfioError } from '../errors.js';
import { printableLines } from '../printable.js';
import { defineCommand } from './command.js';
import { openConnection } from './devices.js';
import { GUEST_MEMORY, lockedMemoryWarning } from './guest-memory.js';
import { Interruption } from './interruption.js';
import { toJsonLine } from './json.js';
import { VF_TOKEN } from './token.js';
import { UsageError } from './usage.js';
import { shellQuote } from '../lab/shell-quote.js';

export const command = defineCommand({
  about: `Serves a device to another program through a Unix socket, by the protocol vfio-user. QEMU
    10.1 and newer is such a program and gives the device to a guest. When the server listens, the
    command prints the arguments for QEMU. One client is served at a time. The device is opened
    again for each client. Live migration is not supported. SIGINT or SIGTERM ends the command and
    removes the socket.`,
  operands: { device: { from: 'devices' } },
  options: {
    socket: {
      type: 'string',
      value: '<path>',
      from: 'files',
      help: 'path of the socket; an old socket is replaced if no program listens',
    },
    once: { type: 'boolean', help: 'ends the command after the first client' },
    'vf-token': VF_TOKEN,
    json: { type: 'boolean', help: 'prints one JSON object for each event' },
  },
  examples: ['vfio serve mock:nvme --socket /tmp/nvme.sock'],
  async run({ options, operands: { device } }) {
    const { socket, once, json } = options;
    if (socket === undefined || socket === '') throw new UsageError('give --socket <path>');
    const { namedDevice, serve } = await import('../serve/index.js');
    const { signal } = new Interruption();
    const source = namedDevice(() => openConnection(device, options));
    const server = await serve(source, { socket, once, signal });
    const warning = lockedMemoryWarning(new Host(), server.device);
    if (warning !== null) console.error(printableLines(warning));
    reportEvents(server, json);
    await server.closed;
    return 0;
  },
});

/** Prints the arguments for QEMU, and then each event of the server. */
function reportEvents(server: DeviceServer, json: boolean): void {
  const report = (event: string, fields: object, text: string) => {
    console.log(json ? toJsonLine({ event, ...fields }) : printableLines(text));
  };
  const { device, path: socket } = server;
  const qemu = qemuArguments(socket);
  const serving = `serving ${device} at ${socket}`;
  report('serving', { device, socket, qemu }, `${serving}\n${qemu.map(quote).join(' ')}`);
  server.on('client', ({ pid, uid }) => {
    report('client', { pid, uid }, `client: process ${pid} of user ${uid}`);
  });
  server.on('gone', (why) => {
    report('gone', { why }, `gone: ${why}`);
  });
  server.on('unshared', ({ message, hint = '' }) => {
    report('unshared', { message, hint }, `warning: ${message}\n${hint}`);
  });
  server.on('error', (error) => {
    const { message } = error;
    const hint = error instanceof VfioError ? error.hint : undefined;
    report('error', { message, hint }, [`error: ${message}`, hint ?? []].flat().join('\n'));
  });
}

/** Quotes an argument for a shell, if necessary. */
function quote(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : shellQuote(argument);
}

/** Returns the arguments with which QEMU uses the device. */
function qemuArguments(path: string): string[] {
  const { size } = GUEST_MEMORY;
  const machine = process.arch === 'arm64' ? 'virt' : 'q35';
  const device = { driver: 'vfio-user-pci', socket: { type: 'unix', path } };
  return [
    ...['-m', size, '-object', `memory-backend-memfd,id=mem,size=${size},share=on`],
    ...['-machine', `${machine},memory-backend=mem`, '-device', JSON.stringify(device)],
  ];
}
