// Handles pointer and keys on the histogram: dragging its line sets the threshold, dragging elsewhere brushes a range
// of scores.

import { scoreToX, xToScore } from "../panels/histogram.js";
import { CLICK_DISTANCE, pointerPosition } from "./pointer_position.js";

const SNAP_DISTANCE = 6; // CSS pixels from the 95 % threshold within which a dragged line takes that threshold
const GRAB_DISTANCE = 8; // CSS pixels from the line within which it can be grabbed
const SEND_DELAY_MS = 250; // after the last key, until Python receives the threshold

/**
 * Connects the histogram with the actions.
 * @param {Surface} surface
 * @param {{histogram: object, cutoff: number, threshold95: number}} current - reads the current scores
 * @param {object} actions - see state/actions.js
 */
export function connectHistogram(surface, current, actions) {
  connectDrag(surface, current, actions);
  connectKeys(surface, current, actions);
}

function connectDrag(surface, current, actions) {
  const { canvas } = surface;
  let drag = null; // {startX, isLine, hasMoved} while the button is down
  const moveLine = (x) => {
    const { histogram, threshold95 } = current;
    const isNear95 = Math.abs(x - scoreToX(surface, histogram, threshold95)) <= SNAP_DISTANCE;
    actions.setThreshold(isNear95 ? null : xToScore(surface, histogram, x));
  };
  const brush = (x) => {
    const ends = [Math.min(drag.startX, x), Math.max(drag.startX, x)];
    actions.setBrush(ends.map((end) => xToScore(surface, current.histogram, end)));
  };
  const isOnLine = (x) => Math.abs(x - scoreToX(surface, current.histogram, current.cutoff)) <= GRAB_DISTANCE;
  canvas.onpointerdown = (e) => {
    if (e.button) return; // Only the main button drags.
    canvas.setPointerCapture(e.pointerId);
    const [x] = pointerPosition(e);
    drag = { startX: x, isLine: isOnLine(x), hasMoved: false };
  };
  canvas.onpointermove = (e) => {
    const [x] = pointerPosition(e);
    if (!drag) {
      canvas.style.cursor = current.histogram && isOnLine(x) ? "ew-resize" : "crosshair";
      return;
    }
    drag.hasMoved ||= Math.abs(x - drag.startX) > CLICK_DISTANCE;
    if (drag.isLine) moveLine(x);
    else if (drag.hasMoved) brush(x);
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (drag && !drag.isLine && !drag.hasMoved) actions.setBrush(null);
    if (drag) actions.sendSettings();
    drag = null;
  };
}

function connectKeys(surface, current, actions) {
  let timer;
  surface.canvas.onkeydown = (e) => {
    const step = { ArrowLeft: -2, ArrowRight: 2, PageDown: -16, PageUp: 16 }[e.key];
    if (step) {
      const { histogram, cutoff } = current;
      actions.setThreshold(xToScore(surface, histogram, scoreToX(surface, histogram, cutoff) + step));
    } else if (e.key === "s" || e.key === "Escape") actions.setThreshold(null);
    else return;
    e.preventDefault();
    clearTimeout(timer);
    timer = setTimeout(actions.sendSettings, SEND_DELAY_MS);
  };
}
