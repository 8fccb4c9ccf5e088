// Tests that the guest's clock agrees with the host's clock, even if the host is loaded while the
// guest boots.
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { Writable } from 'node:stream';
import test from 'ava';
import { runInLab } from 'vfio/lab';

const SCRIPT = 'for i in 1 2 3; do read up idle </proc/uptime; echo $up; sleep 10; done';
const BUSY = 'for (;;);';

test('the clock of a guest stays accurate even if the host is loaded', async (t) => {
  t.timeout(300_000);
  const load = Array.from({ length: availableParallelism() }, () =>
    spawn(process.execPath, ['-e', BUSY], { stdio: 'ignore' }),
  );
  const readings: { guest: number; host: number }[] = [];
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      readings.push({ guest: Number(chunk.toString()), host: performance.now() / 1000 });
      done();
    },
  });
  try {
    await runInLab({
      command: 'sh',
      args: ['-c', SCRIPT],
      kernel: 'debian-6.12',
      devices: ['edu'],
      timeout: 240_000,
      stdout,
    });
  } finally {
    for (const child of load) child.kill('SIGKILL');
  }
  const [first, last] = [readings[0], readings.at(-1)];
  if (first === undefined || last === undefined) throw new Error('the guest printed no line');
  const [guest, host] = [last.guest - first.guest, last.host - first.host];
  t.log(`${guest.toFixed(2)} s in the guest, ${host.toFixed(2)} s outside`);
  // The guest's line of output arrives late if the host is loaded.
  t.true(Math.abs(guest - host) < 5);
});
