// Tests of a rewriter of a paged window.
import test from 'ava';
import { IRREGULAR, PAGE } from './wlan.js';
import { ENABLE, LOW, message, moveMessages, openWindow, rewritten } from './window.js';

const [AT] = IRREGULAR;

test('a paged window: each page has its own messages', (t) => {
  let page = 0;
  const window = openWindow(t, { page: () => page });
  const { device, registers, rewriter, events, words, shown, write, physical } = window;
  const select = (next: number) => {
    registers.write32(PAGE, next);
    page = next;
  };
  const first = device.interrupts.msi.request(0);
  write(...message(AT, 0x21));
  select(1);
  t.deepEqual(shown(AT), [0, 0, 0]);
  write([AT, 5], [0x3048, LOW]);
  t.deepEqual(words(AT), [5, 0, 0]);
  const before = physical(0);
  first.close();
  moveMessages(device);
  const other = device.interrupts.msi.request(0);
  t.notDeepEqual(physical(0), before);
  t.deepEqual(words(AT), [5, 0, 0], 'the page of the message is not selected');
  t.is(words(0x3048)[0], physical(0)[0]);
  select(0);
  t.deepEqual(words(AT), before);
  rewriter.pageSelected();
  t.deepEqual(words(AT), physical(0));
  t.deepEqual(shown(AT), [LOW, ENABLE, 0x21]);
  t.deepEqual(events.at(-1), rewritten(AT, 0x21, 0));
  other.close();
  t.deepEqual(words(AT), [0, 0, 0]);
});

test('the number of messages is limited, so that a guest cannot use all memory', (t) => {
  let page = 0;
  const { events, words, write } = openWindow(t, { page: () => page });
  for (let n = 0; n < 65536; n++) {
    const offset = (n % 40000) * 12;
    page = Math.floor(n / 40000);
    write([offset, LOW]);
  }
  t.deepEqual(events, []);
  page = 2;
  write([0x48, LOW]);
  t.deepEqual(events, [['failed', 0x48, 0xfee0_0000n, 0, 'ENOSPC']]);
  t.is(words(0x48)[0], LOW);
});
