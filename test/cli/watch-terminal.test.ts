import { fileURLToPath } from 'node:url';
import test from 'ava';
import { screenAfter, type Size, Terminal } from './terminal.js';
import { VFIO } from './vfio.js';

const TICKER = fileURLToPath(new URL('programs/ticker.js', import.meta.url));
const ENV = { NODE_OPTIONS: `--import=${TICKER}` };
const USUAL: Size = { rows: 24, columns: 80 };
const CTRL_C = '\u0003';

function watch(size: Size, ...args: string[]): Terminal {
  const command = [process.execPath, VFIO, 'watch', 'mock:ticker', '--interval', '0.05', ...args];
  return new Terminal(command, size, ENV);
}

/** Counts the frames that were drawn so far. Each frame begins with the name of the device. */
const frames = (text: string) => text.split('mock:ticker msix').length - 1;

for (const [name, keys] of [
  ['q', 'q'],
  ['Ctrl-C', CTRL_C],
] as const) {
  test(`vfio watch redraws the screen until ${name} is pressed`, async (t) => {
    const terminal = watch(USUAL, '--vectors', '6');
    await terminal.until((text) => frames(text) >= 3 && /total +[1-9]/.test(text));
    terminal.type(keys);
    const { code, text, restored } = await terminal.end();
    t.deepEqual([code, restored], [0, true]);
    const [first = ''] = text.split('\u001b[9A');
    t.regex(first, /0\.0 s[^]*total +0\/s +0\r\n[^]*q quits/);
    const [heading, ...rest] = screenAfter(text, USUAL);
    t.regex(heading ?? '', /^mock:ticker msix, 6 vectors {2}\d+\.\d s$/);
    const bar = /^ {4}[05] {2}█{29,30} {2,3} +[1-9]\d*\/s +[1-9]/;
    rest.slice(0, 6).forEach((line, vector) => {
      t.regex(line, vector % 5 === 0 ? bar : /^ {4}[1-4] {30,} 0\/s +0$/);
    });
    t.regex(rest[6] ?? '', /^total +[1-9]\d*\/s +[1-9]/);
    t.deepEqual(rest.slice(7), ['mean rates', '']);
  });
}

test('the screen of `vfio watch` fits a small terminal and is redrawn after a resize', async (t) => {
  const [small, wide] = [
    { rows: 9, columns: 44 },
    { rows: 30, columns: 100 },
  ];
  const terminal = watch(small);
  await terminal.until((text) => frames(text) >= 3 && /total +[1-9]/.test(text));
  const lines = screenAfter(terminal.text.slice(0, terminal.text.lastIndexOf('mock:')), small);
  t.true(lines.every((line) => line.length < small.columns));
  terminal.resize(wide);
  await terminal.until((text) => text.includes('\u001b[2J'));
  terminal.type('q');
  const { code, text, restored } = await terminal.end();
  t.deepEqual([code, restored], [0, true]);
  const [before = '', after = ''] = text.split('\u001b[2J');
  t.deepEqual(
    screenAfter(before, small)
      .slice(1, 6)
      .map((line) => line.trim().split(/\s+/)[0]),
    ['0', '1', '5', '…', 'total'],
  );
  t.is(screenAfter(after, wide).length, 1 + 8 + 3);
});

test('`vfio watch` shows the rates on a terminal without colours and with an unknown size', async (t) => {
  const command = [process.execPath, VFIO, 'watch', 'mock:ticker', '--interval', '0.05'];
  const terminal = new Terminal(command, { rows: 0, columns: 0 }, { ...ENV, NO_COLOR: '1' });
  await terminal.until((text) => /total +[1-9]/.test(text));
  terminal.type('q');
  const { code, text } = await terminal.end();
  t.is(code, 0);
  t.false(text.includes('\u001b[1m') || text.includes('\u001b[32m'));
  t.is(screenAfter(text, USUAL).length, 1 + 8 + 3);
});
