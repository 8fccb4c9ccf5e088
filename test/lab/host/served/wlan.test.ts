// A guest writes its own messages into the wireless card of the virtual-wlan example. The card then
// signals the vectors of the host, and the interrupts arrive in the guest.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import test from 'ava';
import { temporaryFolder } from '../../../native/helpers.js';
import { root } from '../../../rooms.js';
import { runScript } from './support.js';

const kernel = process.env.VFIO_LAB_NOVIRT_KERNEL ?? '';

test('interrupts of private sources arrive in a guest, which wrote its own messages', async (t) => {
  if (!existsSync(kernel)) {
    t.log('skipped: VFIO_LAB_NOVIRT_KERNEL names no kernel');
    t.pass();
    return;
  }
  t.timeout(600_000);
  const socket = join(temporaryFolder(), 'wlan.sock');
  const example = spawn(process.execPath, [join(root, 'dist/examples/virtual-wlan.js'), socket], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.teardown(() => example.kill('SIGKILL'));
  const replaced: string[] = [];
  const output = createInterface(example.stdout).on('line', (line) => {
    if (line.includes('was replaced')) replaced.push(line);
  });
  await once(output, 'line');
  const { exitCode, lines, errors } = await runScript('wlan.sh', {
    kernel,
    serve: [`vfio-user:${socket}`],
  });
  t.is(exitCode, 0, errors);
  t.deepEqual(lines.slice(-2), [
    'source 0: vector 0, own message true',
    'source 12: vector 31, own message true',
  ]);
  t.deepEqual(replaced, [
    'a message of the guest at 0x48 was replaced',
    'a message of the guest at 0x385a4 was replaced',
  ]);
});
