import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { openDevice } from 'vfio';
import { temporaryFolder } from '../native/helpers.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/virtual-wlan.js', import.meta.url));
const WINDOW = 0x80000;
/** The offsets of two private sources in the window, and their numbers. */
const SOURCES = [
  { source: 0, offset: 0x48, vector: 0 },
  { source: 12, offset: 0x385a4, vector: 31 },
] as const;
const RAISE = 0x08;
/** The message of the guest, which means nothing to the host. */
const ADDRESS = 0xfee0_0000;
const DATA = 0x40;
const ENABLE = 1 << 8;

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
  device.config.write32(capability + 4, ADDRESS);
  device.config.write16(capability + 12, DATA);
  device.interrupts.msi.enable({ vectors: 32 });
  const registers = device.bar(0).map();
  for (const { source, offset, vector } of SOURCES) {
    const interrupt = device.interrupts.msi.request(vector);
    registers.write32(WINDOW + offset, ADDRESS);
    registers.write32(WINDOW + offset + 4, ENABLE);
    registers.write32(WINDOW + offset + 8, DATA + vector);
    t.is(registers.read32(WINDOW + offset + 8), DATA + vector, 'the guest reads its own message');
    const arrived = interrupt.next();
    registers.write32(RAISE, source);
    await arrived;
  }
  device.close();
  while (lines.at(-1) !== 'the client closed its connection') await once(output, 'line');
  t.true(lines.includes('a message of the guest at 0x48 was replaced'), lines.join('\n'));
  server.kill('SIGTERM');
  t.deepEqual(await once(server, 'exit'), [0, null]);
});
