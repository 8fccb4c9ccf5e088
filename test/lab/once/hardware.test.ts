import { execFile } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { blocksOf, project, expectedOutput } from '../../docs/blocks.js';

/** The card of docs/hardware.md is edu in the guest. */
const CARD = process.env.VFIO_LAB_EDU ?? '';
const run = promisify(execFile);

// The guest loads vfio-pci, or has it built in, before a command runs.
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
