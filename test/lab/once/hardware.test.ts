import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { blocksOf, project, expectedOutput } from '../../docs/blocks.js';

/** In the guest, the device edu replaces the card that docs/hardware.md uses. */
const CARD = process.env.VFIO_LAB_EDU ?? '';
const run = promisify(execFile);

// Before a command runs, the guest has already loaded vfio-pci or has vfio-pci built in.
const { folder, env } = project({ modprobe: 'test -e /sys/bus/pci/drivers/$1' });

test.after.always(async () => {
  await run('vfio', ['bind', CARD], { env });
  rmSync(folder, { recursive: true });
});

for (const { line, language, text } of blocksOf('docs/hardware.md')) {
  if (language === 'text') continue;
  test.serial(`docs/hardware.md, line ${line}`, async (t) => {
    if (language === 'js') {
      const file = join(folder, 'program.mjs');
      writeFileSync(file, text);
      const { stdout } = await run(process.execPath, [file, CARD], { env });
      t.is(stdout, expectedOutput(text));
      return;
    }
    const script = text.replaceAll('0000:01:00.0', CARD);
    await t.notThrowsAsync(run('bash', ['-euc', script], { cwd: folder, env }));
  });
}
