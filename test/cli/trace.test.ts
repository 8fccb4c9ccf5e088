import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import test from 'ava';
import { chromium, type Page } from 'playwright-core';

const vfio = fileURLToPath(new URL('../../lib/cli/main.js', import.meta.url));
const program = fileURLToPath(new URL('programs/late-and-lost.js', import.meta.url));
const browser = ['/usr/bin/chromium', '/usr/bin/google-chrome'].find((path) => existsSync(path));
const folder = mkdtempSync(join(tmpdir(), 'vfio-trace-test-'));
// The limit in µs for a late interrupt: far above the delivery time on a busy machine, and below
// the delay that the program adds.
const LATE = ['--late', '200000'];

test.after.always(() => {
  rmSync(folder, { recursive: true });
});

function run(...args: string[]): Promise<{ code: unknown; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [vfio, 'trace', ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

interface Report {
  json: string;
  html: string;
  exitCode: number;
  ended: string;
  findings: { device: string; text: string }[];
  vectors: Record<string, unknown>[];
}

interface Event {
  name: string;
  ph: string;
  ts: number;
  dur?: number;
  tid: number;
  id?: number;
  args?: Record<string, unknown>;
}

async function traced(name: string) {
  const output = join(folder, name);
  const { code, stdout } = await run(
    '-o',
    output,
    '--json',
    ...LATE,
    '--',
    process.execPath,
    program,
  );
  return { code, report: JSON.parse(stdout) as Report };
}

test('`vfio trace` counts all, late and lost interrupts, and returns the program’s exit code', async (t) => {
  const { code, report } = await traced('counts');
  t.is(code, 3);
  t.is(report.exitCode, 3);
  t.is(report.ended, 'exit code 3');
  t.deepEqual(report.findings, []);
  const [vector, ...rest] = report.vectors;
  t.deepEqual(rest, []);
  t.like(vector, { device: 'mock:edu', irq: 'msi', vector: 0 });
  t.like(vector, { interrupts: 7, deliveries: 6, late: 1, lost: 1 });

  const { traceEvents } = JSON.parse(readFileSync(report.json, 'utf8')) as {
    traceEvents: Event[];
  };
  const named = (name: string) => traceEvents.filter((event) => event.name === name);
  t.is(named('LATE').length, 1);
  t.is(named('LOST').length, 1);
  t.is(named('listeners').length, 6);
  t.is(named('write32').length, 13);
  t.true(named('setIrqs').some(({ args }) => String(args?.args).startsWith('msi 0 EVENTFD')));
  const waits = named('mock:edu msi 0 pending');
  t.is(waits.length, 14);
  for (const { ts, ph, dur } of traceEvents.filter((event) => event.ph !== 'M')) {
    t.true(ts >= 0 && Number.isFinite(ts));
    t.is(ph === 'X', dur !== undefined);
  }
});

test('if a program cannot be traced, `vfio trace` reports an error and writes no file', async (t) => {
  const output = join(folder, 'nothing');
  const idle = await run('-o', output, '--', process.execPath, '-e', '0');
  t.is(idle.code, 1);
  t.regex(idle.stderr, /^vfio: the trace contains no call to a device/);
  const missing = await run('-o', output, '--', 'there-is-no-such-program');
  t.is(missing.code, 127);
  t.regex(missing.stderr, /^vfio: ENOENT.*there-is-no-such-program'\n$/);
  t.false(existsSync(`${output}.json`));
  t.is((await run('mock:edu')).code, 2);
  t.is((await run('--late', 'soon', '--', 'true')).code, 2);
});

async function onPage(colorScheme: 'light' | 'dark', width: number, url: string) {
  // LD_PRELOAD is removed, because Chromium hangs if a sanitizer is preloaded.
  const env = { ...process.env, LD_PRELOAD: undefined };
  const launched = { executablePath: browser ?? '', args: ['--no-sandbox'], env };
  const chrome = await chromium.launch(launched);
  const context = await chrome.newContext({ colorScheme, viewport: { width, height: 800 } });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('request', (request) => {
    if (!request.url().startsWith('file:')) errors.push(`the page requested ${request.url()}`);
  });
  await page.goto(url);
  return { page, errors, close: () => chrome.close() };
}

/** Counts the pixels of each colour on the canvas. */
function colours(page: Page): Promise<Record<string, number>> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    const found = {};
    for (let i = 0; i < data.length; i += 4) {
      const hex = [...data.slice(i, i + 3)].map((n) => n.toString(16).padStart(2, '0')).join('');
      found['#' + hex] = (found['#' + hex] ?? 0) + 1;
    }
    return found;
  })()`);
}

const inBrowser = browser === undefined ? test.skip : test.serial;

inBrowser('the page of `vfio trace` shows the timeline in a browser', async (t) => {
  const { report } = await traced('page');
  const url = pathToFileURL(report.html).href;
  for (const [scheme, width, lost, ground] of [
    ['light', 1300, '#c62839', '#ffffff'],
    ['dark', 400, '#ff6b78', '#14171c'],
  ] as const) {
    const { page, errors, close } = await onPage(scheme, width, url);
    try {
      t.is(await page.title(), `vfio trace: ${process.execPath} ${program}`);
      const drawn = await colours(page);
      t.true((drawn[lost] ?? 0) > 20, 'the lost interrupt is marked');
      t.true((drawn[ground] ?? 0) > 1000);
      t.is(await page.locator('#problems button').count(), 2);
      t.is(await page.locator('#vectors tbody td').last().innerText(), '1');
      const wide: boolean = await page.evaluate('document.body.scrollWidth > innerWidth');
      t.false(wide, 'the page is not wider than the window');

      const all = await page.locator('#range').innerText();
      await page.locator('#problems button.lost').click();
      t.not(await page.locator('#range').innerText(), all);
      await page.locator('#all').click();
      t.is(await page.locator('#range').innerText(), all);
      const box = await page.locator('canvas').boundingBox();
      await page.mouse.move((box?.x ?? 0) + (box?.width ?? 0) * 0.6, (box?.y ?? 0) + 28 + 26 * 2.5);
      t.regex(await page.locator('#tip').innerText(), /1 delivered late\nwaited \d+/);
      const tip = await page.locator('#tip').boundingBox();
      const row = (box?.y ?? 0) + 28 + 26 * 2;
      const isBeside = (tip?.y ?? 0) >= row + 26 || (tip?.y ?? 0) + (tip?.height ?? 0) <= row;
      t.true(isBeside, 'the text does not cover its row');
      t.regex(await page.locator('#figures').innerText(), /End\s+exit code 3/);
      const hidden = await page.locator('.more-right #vectors').count();
      t.is(hidden, width < 500 ? 1 : 0, 'the table shows whether it has hidden columns');
      t.deepEqual(errors, []);
    } finally {
      await close();
    }
  }
});
