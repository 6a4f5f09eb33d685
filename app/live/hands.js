// Pointer and keys on the histogram (the threshold) and on the map (select, pan, zoom, look at one sample).

const SNAP = 6; // pixels from the 95 % line within which a dragged threshold takes it

export function wireLine(view) {
  const canvas = view.$(".hist");
  const move = (e) => {
    const x = e.clientX - canvas.getBoundingClientRect().left;
    const auto = view.isExact ? view.exact.threshold : view.auto;
    view.state.threshold = Math.abs(x - xOf(canvas, view.h, auto)) <= SNAP ? null : scoreAt(canvas, view.h, x);
    view.show("hist");
  };
  canvas.onpointerdown = (e) => {
    if (e.button) return; // only the main one
    canvas.setPointerCapture(e.pointerId);
    canvas.onpointermove = move;
    move(e);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!canvas.onpointermove) return;
    canvas.onpointermove = null;
    view.tell();
  };
  canvas.onkeydown = (e) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -16, PageUp: 16 }[e.key];
    if (step) view.state.threshold = scoreAt(canvas, view.h, xOf(canvas, view.h, view.line) + step);
    else if (e.key === "s" || e.key === "Escape") view.state.threshold = null;
    else return;
    e.preventDefault();
    view.show("hist");
    clearTimeout(view.later);
    view.later = setTimeout(() => view.tell(), 250);
  };
}

export function wireMap(view) {
  const canvas = view.$(".map");
  const place = (e) => {
    const box = canvas.getBoundingClientRect();
    return [e.clientX - box.left, e.clientY - box.top];
  };
  let from = null;
  canvas.onpointerdown = (e) => {
    if (e.button) return;
    canvas.setPointerCapture(e.pointerId);
    from = place(e);
    view.path = view.tool === "pan" ? null : [...from];
    view.dragged = false;
  };
  canvas.onpointermove = (e) => {
    const [x, y] = place(e);
    if (!from) return view.hover(x, y);
    view.dragged ||= Math.hypot(x - from[0], y - from[1]) > 4;
    if (view.tool === "pan") view.pan(x - from[0], y - from[1], (from = [x, y]));
    else if (view.tool === "box") view.path = [from[0], from[1], x, from[1], x, y, from[0], y];
    else view.path.push(x, y);
    view.show("over");
  };
  canvas.onpointercancel = () => {
    from = view.path = null;
    view.show("over");
  };
  canvas.onpointerup = (e) => {
    if (!from) return;
    const path = view.path;
    from = view.path = null;
    if (!view.dragged) {
      const [x, y] = place(e), i = nearest(canvas, { n: view.run.n, xy: view.run.xy }, view.where, view.shown, x, y);
      if (i >= 0) view.send("inspect", view.run.number[i]);
    } else if (path) {
      const at = toScreen(canvas, view.where), { xy } = view.run;
      const how = e.shiftKey ? "add" : e.ctrlKey || e.altKey || e.metaKey ? "remove" : "set";
      view.select((i) => inside(path, ...at(xy[2 * i], xy[2 * i + 1])), how);
    }
    view.show("over");
  };
  canvas.onpointerleave = () => view.hover(-99, -99);
  canvas.onwheel = (e) => {
    if (!e.ctrlKey && view.root.activeElement !== canvas) return; // the page scrolls until the map has the focus
    e.preventDefault();
    view.zoom(e.deltaY < 0 ? "in" : "out", place(e));
  };
  canvas.onkeydown = (e) => {
    const by = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[e.key];
    if (by) view.pan(...by);
    else if (e.key === "+" || e.key === "=") view.zoom("in");
    else if (e.key === "-") view.zoom("out");
    else if (e.key === "0") view.zoom("all");
    else if (e.key === "Escape") view.select(() => false, "set");
    else if (e.key === "Enter") view.select(view.inView(), "set");
    else return;
    e.preventDefault();
  };
}

export function showTip(view) {
  const tip = view.$(".tip"), i = view.hovered, { run } = view;
  tip.hidden = i < 0;
  if (i < 0) return;
  const thumb = view.thumbs.get(run.number[i]), set = run.sets[run.set[i]], called = view.scores[i] > view.line;
  const picture = thumb?.url ? element("img", { src: thumb.url, alt: "" }) : element("img", { alt: thumb ? "no picture" : "" });
  const verdict = run.set[i] ? (called ? "✓ caught" : "✗ missed") : called ? "✗ flagged by mistake" : "✓ kept";
  tip.replaceChildren(picture, element("div", { textContent: `${set.name} · ${verdict}` }),
    element("div", { textContent: `taken for ${run.classes[run.seen[i]]} · score ${view.scores[i].toPrecision(3)}` }),
    element("div", { textContent: thumb?.id ?? "" }));
  const canvas = view.$(".map"), [x, y] = toScreen(canvas, view.where)(run.xy[2 * i], run.xy[2 * i + 1]);
  tip.style.left = `${x > canvas.clientWidth / 2 ? x - 178 : x + 14}px`;
  tip.style.top = `${Math.max(4, Math.min(y - 60, canvas.clientHeight - 200))}px`;
}
