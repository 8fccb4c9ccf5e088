// Zooms and moves the timeline by pointer, wheel, keys and buttons.

const KEYS = {
  '+': (view) => view.zoom(0.5),
  '=': (view) => view.zoom(0.5),
  '-': (view) => view.zoom(2),
  0: (view) => view.showAll(),
  ArrowLeft: (view) => view.move(-0.2),
  ArrowRight: (view) => view.move(0.2),
};

/** `onPoint` is called for each movement of the pointer, `onLeave` when the pointer leaves. */
export function listenToPointer(view, { onPoint, onLeave }) {
  const { canvas } = view;
  let dragged = null;
  canvas.addEventListener('pointerdown', (event) => {
    dragged = event.clientX;
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (dragged !== null) {
      view.move((dragged - event.clientX) / view.width);
      dragged = event.clientX;
    }
    onPoint(event);
  });
  canvas.addEventListener('pointerup', () => (dragged = null));
  canvas.addEventListener('pointerleave', onLeave);
  canvas.addEventListener('dblclick', () => view.showAll());
  canvas.addEventListener('wheel', (event) => zoomByWheel(view, event), { passive: false });
}

export function listenToKeys(view, { closer, wider, all }) {
  view.box.addEventListener('keydown', (event) => {
    if (KEYS[event.key] === undefined) return;
    event.preventDefault();
    KEYS[event.key](view);
  });
  closer.addEventListener('click', () => view.zoom(0.5));
  wider.addEventListener('click', () => view.zoom(2));
  all.addEventListener('click', () => view.showAll());
}

function zoomByWheel(view, event) {
  if (event.shiftKey) return;
  event.preventDefault();
  const { left } = view.canvas.getBoundingClientRect();
  view.zoom(1.0015 ** event.deltaY, view.timeAt(event.clientX - left));
}
