import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openDevice } from 'vfio';
import { temporaryFolder } from '../native/helpers.js';
import { raise, SOURCES, writeMessage } from './wlan.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/virtual-wlan.js', import.meta.url));
/** The message of the guest, which means nothing to the host. */
const ADDRESS = 0xfee0_0000n;
const DATA = 0x40;

test('a driver behind the virtual-wlan example receives the interrupts of private sources', async (t) => {
  const socket = join(temporaryFolder(), 'wlan.sock');
  const server = spawn(process.execPath, [EXAMPLE, socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => server.kill('SIGKILL'));
  const lines: string[] = [];
  const output = createInterface(server.stdout).on('line', (line) => lines.push(line));
  await once(output, 'line');
  t.deepEqual(lines, [`serving mock:wlan?layout=irregular at ${socket}`]);

  const device = await openDevice(`vfio-user:${socket}`);
  device.config.update('command', { memory: 1, bus_master: 1 });
  const msi = device.config.find('msi');
  t.truthy(msi);
  const { offset: capability = 0 } = msi ?? {};
  device.config.write32(capability + 4, Number(ADDRESS));
  device.config.write16(capability + 12, DATA);
  device.interrupts.msi.enable({ vectors: 32 });
  const registers = device.bar(0).map();
  for (const source of SOURCES) {
    const interrupt = device.interrupts.msi.request(source.vector);
    const message = { address: ADDRESS, data: DATA + source.vector };
    const seen = writeMessage(registers, source, message.address, message.data);
    t.deepEqual(seen, message, 'the guest reads its own message');
    const arrived = interrupt.next();
    raise(registers, source);
    await arrived;
  }
  device.close();
  while (lines.at(-1) !== 'the client closed its connection') await once(output, 'line');
  t.true(lines.includes('a message of the guest at 0x48 was replaced'), lines.join('\n'));
  server.kill('SIGTERM');
  t.deepEqual(await once(server, 'exit'), [0, null]);
});
