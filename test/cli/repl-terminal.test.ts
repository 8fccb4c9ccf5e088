import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../native/helpers.js';
import { Terminal } from './terminal.js';
import { VFIO } from './vfio.js';

const UP = '\u001b[A';

test('in `vfio repl`, Tab completes names, and the history of the previous run is available', async (t) => {
  const state = temporaryFolder();
  const start = () =>
    new Terminal(
      [process.execPath, VFIO, 'repl', 'mock:edu'],
      { rows: 24, columns: 80 },
      { XDG_STATE_HOME: state, NO_COLOR: '1' },
    );
  /** Sends key presses and waits for a text on the screen. */
  const press = async (terminal: Terminal, keys: string, seen: string) => {
    const before = terminal.text.length;
    terminal.type(keys);
    await terminal.until((text) => text.slice(before).includes(seen));
  };

  const first = start();
  await first.until((text) => text.endsWith('mock:edu> \u001b[11G'));
  await press(first, 'bar0.read3', 'read3');
  await press(first, '\t', '2');
  await press(first, '(0).toString(16)\r', "'10000ed'");
  first.type('.exit\r');
  const { code, restored, text } = await first.end();
  t.deepEqual([code, restored], [0, true]);
  t.true(text.startsWith('mock:edu via group; .exit or Ctrl-D ends the prompt\r\n'));
  const history = readFileSync(join(state, 'vfio', 'repl_history'), 'utf8');
  t.true(history.includes('bar0.read32(0).toString(16)'));

  const second = start();
  await second.until((said) => said.endsWith('mock:edu> \u001b[11G'));
  await press(second, UP, '.exit');
  await press(second, UP, 'bar0.read32(0).toString(16)');
  await press(second, '\r', "'10000ed'");
  second.type('\u0004');
  const ended = await second.end();
  t.deepEqual([ended.code, ended.restored], [0, true]);
});
