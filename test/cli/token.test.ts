import test from 'ava';
import { chooseToken } from '../../lib/cli/token.js';
import { COMMANDS, loadCommand } from '../../lib/cli/commands.js';
import { vfioHere } from './in-process.js';

const TOKEN = '00112233-4455-6677-8899-aabbccddeeff';
const OTHER = '99112233-4455-6677-8899-aabbccddeeff';
const CARD = '0000:01:00.0';
const yes = () => Promise.resolve(true);
const no = () => Promise.resolve(false);

test('the option --vf-token overrides VFIO_VF_TOKEN', async (t) => {
  t.deepEqual(await chooseToken(CARD, TOKEN, OTHER, no), { vfToken: TOKEN });
  t.deepEqual(await chooseToken(CARD, undefined, OTHER, yes), { vfToken: OTHER });
});

test('for a device that accepts no token, the variable VFIO_VF_TOKEN is ignored', async (t) => {
  t.deepEqual(await chooseToken(CARD, undefined, TOKEN, no), {});
  t.deepEqual(await chooseToken('mock:nvme', undefined, TOKEN, yes), {});
  t.deepEqual(await chooseToken(CARD, undefined, '', yes), {});
  t.deepEqual(await chooseToken(CARD, undefined, undefined, yes), {});
});

test('every command that opens a device has the option --vf-token', async (t) => {
  const commands = 'config demo info peek poke repl reset run serve snapshot watch'.split(' ');
  const having = await Promise.all(
    Object.keys(COMMANDS).map(async (name) => {
      return 'vf-token' in (await loadCommand(name)).options ? [name] : [];
    }),
  );
  t.deepEqual(having.flat().sort(), commands);
});

test('a VF token that is not a UUID is a usage error', async (t) => {
  const { code, stderr } = await vfioHere(['info', 'mock:nvme', '--vf-token', 'x']);
  t.is(code, 2);
  t.regex(stderr, /^vfio: --vf-token must be a UUID such as .*\n$/);
});

test('if a device accepts no token, the option --vf-token fails with EINVAL and a hint', async (t) => {
  const { code, stderr } = await vfioHere(['info', 'mock:edu', '--vf-token', TOKEN]);
  t.is(code, 1);
  t.regex(stderr, /EINVAL/);
});
