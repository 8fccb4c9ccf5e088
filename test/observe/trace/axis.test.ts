import test from 'ava';

interface View {
  show(from: number, to: number): void;
  ticks(measure: (text: string) => number): { time: number; text: string }[];
}

const VIEW = new URL('../../../../assets/trace/view.js', import.meta.url).href;
const { View } = (await import(VIEW)) as {
  View: new (box: object, total: number, onChange: () => void) => View;
};

for (const width of [190, 330, 500, 1600]) {
  test(`the texts of the axis differ at every zoom, and do not overlap: ${width} pixels`, (t) => {
    const box = { scrollTop: 0, querySelector: () => ({ clientWidth: width }) };
    const hour = 3.6e12;
    const view = new View(box, hour, () => undefined);
    const measure = (text: string) => 7 * text.length;
    for (let span = hour; span > 50; span /= 1.7) {
      for (const from of [0, hour / 3, hour - span]) {
        view.show(from, from + span);
        const ticks = view.ticks(measure);
        const texts = ticks.map(({ text }) => text);
        t.is(new Set(texts).size, texts.length, texts.join(', '));
        if (width >= 330 && from === 0) t.true(ticks.length >= 3, texts.join(', '));
        const [first, second] = ticks;
        if (first === undefined || second === undefined) continue;
        const distance = ((second.time - first.time) / Math.max(span, 100)) * (width - 8);
        t.true(distance > measure(first.text), `${texts.join(', ')}: ${distance}`);
      }
    }
  });
}
