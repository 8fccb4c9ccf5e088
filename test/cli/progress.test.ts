import test from 'ava';
import { withProgress, Progress } from '../../lib/cli/progress.js';

/** A fake terminal that stores its output and emits an event for each write. */
class Screen {
  readonly columns = 40;
  text = '';
  #written: () => void = () => undefined;
  readonly first = new Promise<void>((resolve) => (this.#written = resolve));

  constructor(readonly isTTY: boolean) {}

  write(text: string): boolean {
    this.text += text;
    this.#written();
    return true;
  }

  asStream(): NodeJS.WriteStream {
    return this as unknown as NodeJS.WriteStream;
  }
}

test('the last line of a terminal shows a long step, and is cleared when the step ends', async (t) => {
  const screen = new Screen(true);
  const progress = new Progress(screen.asStream());
  progress.show('debian-6.12: downloading a package with a long name 37 %');
  await screen.first;
  progress.end();
  progress.end();
  const CLEAR = '\r\u001b[K';
  t.true(screen.text.startsWith(`${CLEAR}debian-6.12: downloading a`));
  t.true(screen.text.endsWith(CLEAR));
  for (const line of screen.text.split(CLEAR)) t.true(line.length < screen.columns, line);
});

test('no progress line is shown for a short step', async (t) => {
  const screen = new Screen(true);
  t.is(await withProgress('opening', Promise.resolve(1), new Progress(screen.asStream())), 1);
  await t.throwsAsync(
    withProgress('opening', Promise.reject(new Error('no')), new Progress(screen.asStream())),
  );
  t.is(screen.text, '');
});

test('no progress line is written to a stream that is not a terminal', (t) => {
  const screen = new Screen(false);
  const progress = new Progress(screen.asStream());
  progress.show('booting');
  progress.end();
  t.is(screen.text, '');
});
