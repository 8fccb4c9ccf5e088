import test from 'ava';
import { fileURLToPath } from 'node:url';
import { openConnection } from 'vfio/mock';
import { runScript, type Answer } from '../../../differential/script.js';

const E1000E = fileURLToPath(new URL('../../../../../test/snapshot/e1000e.json', import.meta.url));
const PM_CONTROL = 0xcc;

function write(offset: number, data: string): { op: string } & Record<string, unknown> {
  return { op: 'write', region: 7, offset, data };
}

async function command(...script: ReturnType<typeof write>[]): Promise<unknown> {
  const read = { op: 'read', region: 7, offset: 4, length: 2 };
  const answers = await runScript(() => openConnection(`mock:${E1000E}`), [...script, read]);
  return (answers.at(-1) as Answer & { data: string }).data;
}

test('if the change from D3hot to D0 resets the function, writes in D3hot are lost', async (t) => {
  const asleep = [write(4, '0701'), write(PM_CONTROL, '0300'), write(4, '0000')];
  t.is(await command(...asleep), '0000');
  t.is(await command(...asleep, write(PM_CONTROL, '0000')), '0701');
  t.is(await command(...asleep, { op: 'reset' }), '0701');
});

test('from D3hot a function can only enter D0', async (t) => {
  const asleep = [write(4, '0701'), write(PM_CONTROL, '0300'), write(4, '0000')];
  t.is(await command(...asleep, write(PM_CONTROL, '0100')), '0000');
});

test('a resume from low power restores the interrupt messages, as a reset does', async (t) => {
  const replies = await runScript(
    () => openConnection('mock:edu'),
    [
      { op: 'set_irqs', index: 1, flags: 0x24, start: 0, count: 1, fds: ['a'] },
      write(4, '0701'),
      // Disable MSI by the control register, without SET_IRQS.
      write(0x42, '8000'),
      { op: 'feature', flags: 0x2_0003 },
      { op: 'feature', flags: 0x2_0005 },
      { op: 'write', region: 0, offset: 0x60, data: '01000000' },
      { op: 'eventfd_read', name: 'a' },
    ],
  );
  t.deepEqual(replies.at(-1), { ok: true, value: 1 });
});
