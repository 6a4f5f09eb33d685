// Handles pointer and keys on the map, which select with a lasso or a box, pan, zoom, and inspect a point.

import { CLICK_DISTANCE, pointerPosition } from "./pointer_position.js";

const PAN_STEP = 60; // CSS pixels that an arrow key moves the map
const OUTSIDE = [-99, -99]; // a position that no point is near

/**
 * Connects the map with the actions.
 * @param {HTMLCanvasElement} canvas
 * @param {{tool: string}} current - reads the current state
 * @param {object} actions - see state/actions.js
 */
export function connectMap(canvas, current, actions) {
  connectDrag(canvas, current, actions);
  canvas.onwheel = (e) => {
    const isFocused = canvas.getRootNode().activeElement === canvas;
    if (!e.ctrlKey && !isFocused) return; // Without the focus, the wheel scrolls the page.
    e.preventDefault();
    actions.zoom(e.deltaY < 0 ? "in" : "out", pointerPosition(e));
  };
  const keys = {
    ArrowLeft: () => actions.pan(PAN_STEP, 0), ArrowRight: () => actions.pan(-PAN_STEP, 0),
    ArrowUp: () => actions.pan(0, PAN_STEP), ArrowDown: () => actions.pan(0, -PAN_STEP),
    "+": () => actions.zoom("in"), "=": () => actions.zoom("in"), "-": () => actions.zoom("out"),
    0: () => actions.zoom("all"), Escape: actions.clearSelection, Enter: actions.selectVisible,
  };
  canvas.onkeydown = (e) => {
    if (!Object.hasOwn(keys, e.key)) return;
    keys[e.key]();
    e.preventDefault();
  };
}

function connectDrag(canvas, current, actions) {
  let drag = null; // {start, last, path, hasMoved} while the button is down; path is null where dragging pans
  canvas.onpointerdown = (e) => {
    if (e.button) return;
    canvas.setPointerCapture(e.pointerId);
    const start = pointerPosition(e);
    drag = { start, last: start, path: current.tool === "pan" ? null : start, hasMoved: false };
  };
  canvas.onpointermove = (e) => {
    const position = pointerPosition(e);
    if (!drag) return actions.hover(...position);
    const { last } = drag;
    drag = continueDrag(drag, position, current.tool);
    if (drag.path) actions.setLassoPath(drag.path);
    else actions.pan(position[0] - last[0], position[1] - last[1]);
  };
  canvas.onpointercancel = () => {
    drag = null;
    actions.setLassoPath(null);
  };
  canvas.onpointerup = (e) => {
    if (!drag) return;
    const { path, hasMoved } = drag;
    drag = null;
    actions.setLassoPath(null);
    if (!hasMoved) actions.inspectAt(...pointerPosition(e));
    else if (path) actions.selectWithin(path, selectionMode(e));
  };
  canvas.onpointerleave = () => actions.hover(...OUTSIDE);
}

function selectionMode(e) {
  if (e.shiftKey) return "add";
  return e.ctrlKey || e.altKey || e.metaKey ? "remove" : "set";
}

/** Returns a drag after a move to a position. */
function continueDrag({ start, path, hasMoved }, [x, y], tool) {
  const [x0, y0] = start;
  return {
    start,
    last: [x, y],
    path: path && (tool === "box" ? [x0, y0, x, y0, x, y, x0, y] : [...path, x, y]),
    hasMoved: hasMoved || Math.hypot(x - x0, y - y0) > CLICK_DISTANCE,
  };
}
