// Pointer and keys on the histogram (the threshold) and on the map (select, pan, zoom, look at one sample).

import { scoreAt, xOf } from "../panels/histogram.js";

const SNAP = 6; // pixels from the 95 % line within which a dragged threshold takes it
const REACH = 8; // pixels beside the line that still take it
const CLICK = 4; // pixels that the pointer may move in a click
const KEY_MS = 250; // without a key, after which Python is told
const AWAY = [-99, -99]; // no point is near

const place = (e) => {
  const box = e.currentTarget.getBoundingClientRect();
  return [e.clientX - box.left, e.clientY - box.top];
};

/** The histogram: its line is the threshold; dragging beside the line brushes. read: {h, line, at95}; act: see
 *  actions.js. */
export function wireLine(surface, read, act) {
  const { canvas } = surface;
  let drag = null, later; // {from: x, line: whether the line is dragged, moved} while the button is down
  const moveLine = (x) => {
    const { h, at95 } = read;
    act.setThreshold(Math.abs(x - xOf(surface, h, at95)) <= SNAP ? null : scoreAt(surface, h, x));
  };
  const brush = (x) => act.setBrush([Math.min(drag.from, x), Math.max(drag.from, x)].map((at) => scoreAt(surface, read.h, at)));
  const isLine = (x) => Math.abs(x - xOf(surface, read.h, read.line)) <= REACH;
  canvas.onpointerdown = (e) => {
    if (e.button) return; // only the main one
    canvas.setPointerCapture(e.pointerId);
    const [x] = place(e);
    drag = { from: x, line: isLine(x), moved: false };
  };
  canvas.onpointermove = (e) => {
    const [x] = place(e);
    if (!drag) return void (canvas.style.cursor = read.h && isLine(x) ? "ew-resize" : "crosshair");
    drag.moved ||= Math.abs(x - drag.from) > CLICK;
    if (drag.line) moveLine(x);
    else if (drag.moved) brush(x);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (drag && !drag.line && !drag.moved) act.setBrush(null);
    if (drag) act.tell();
    drag = null;
  };
  canvas.onkeydown = (e) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -16, PageUp: 16 }[e.key];
    if (step) act.setThreshold(scoreAt(surface, read.h, xOf(surface, read.h, read.line) + step));
    else if (e.key === "s" || e.key === "Escape") act.setThreshold(null);
    else return;
    e.preventDefault();
    clearTimeout(later);
    later = setTimeout(act.tell, KEY_MS);
  };
}

/** The map. read: {tool}; act: see actions.js. */
export function wireMap(canvas, read, act) {
  wireDrag(canvas, read, act);
  canvas.onwheel = (e) => {
    const focused = canvas.getRootNode().activeElement === canvas;
    if (!e.ctrlKey && !focused) return; // the page scrolls until the map has the focus
    e.preventDefault();
    act.zoom(e.deltaY < 0 ? "in" : "out", place(e));
  };
  const keys = {
    ArrowLeft: () => act.pan(60, 0), ArrowRight: () => act.pan(-60, 0),
    ArrowUp: () => act.pan(0, 60), ArrowDown: () => act.pan(0, -60),
    "+": () => act.zoom("in"), "=": () => act.zoom("in"), "-": () => act.zoom("out"), 0: () => act.zoom("all"),
    Escape: act.clear, Enter: act.selectInView,
  };
  canvas.onkeydown = (e) => {
    if (!Object.hasOwn(keys, e.key)) return;
    keys[e.key]();
    e.preventDefault();
  };
}

function wireDrag(canvas, read, act) {
  let drag = null; // {start, last, path, moved} while the button is down; path is null where it pans
  canvas.onpointerdown = (e) => {
    if (e.button) return;
    canvas.setPointerCapture(e.pointerId);
    const at = place(e);
    drag = { start: at, last: at, path: read.tool === "pan" ? null : at, moved: false };
  };
  canvas.onpointermove = (e) => {
    const at = place(e);
    if (!drag) return act.hover(...at);
    const { last } = drag;
    drag = dragged(drag, at, read.tool);
    if (drag.path) act.drawPath(drag.path);
    else act.pan(at[0] - last[0], at[1] - last[1]);
  };
  canvas.onpointercancel = () => {
    drag = null;
    act.drawPath(null);
  };
  canvas.onpointerup = (e) => {
    if (!drag) return;
    const { path, moved } = drag;
    drag = null;
    act.drawPath(null);
    if (!moved) act.inspectAt(...place(e));
    else if (path) act.selectWithin(path, e.shiftKey ? "add" : e.ctrlKey || e.altKey || e.metaKey ? "remove" : "set");
  };
  canvas.onpointerleave = () => act.hover(...AWAY);
}

/** A drag that went on to a place. */
function dragged({ start, path, moved }, [x, y], tool) {
  const [x0, y0] = start;
  return {
    start,
    last: [x, y],
    path: path && (tool === "box" ? [x0, y0, x, y0, x, y, x0, y] : [...path, x, y]),
    moved: moved || Math.hypot(x - x0, y - y0) > CLICK,
  };
}
