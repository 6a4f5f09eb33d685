// Draws the overlay of the map: the names of clusters, the lasso during its gesture, and rings around the hovered and
// the inspected point.

import { placeNames } from "./cluster_names.js";

const FONT_SIZE = 12; // CSS pixels

/**
 * Draws the overlay.
 * @param {Surface} surface
 * @param {object[]} names - {text, x, y} of each cluster in CSS pixels, the largest first
 * @param {?number[]} lassoPath - CSS pixels [x0, y0, x1, y1, …]
 * @param {number[][]} rings - [x, y, radius] of each ring in CSS pixels
 * @param {{text: string, background: string, font: string}} colours - of the page
 */
export function drawOverlay(surface, names, lassoPath, rings, colours) {
  const context = surface.clear();
  drawNames(context, names, surface, colours);
  context.strokeStyle = colours.text;
  if (lassoPath) drawLasso(context, lassoPath);
  for (const [x, y, radius] of rings) {
    context.lineWidth = radius / 4;
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }
}

/** Draws the names for which there is a place, each with an edge in the colour of the page. */
function drawNames(context, names, surface, { text: textColour, background, font }) {
  Object.assign(context, { font: `600 ${FONT_SIZE}px ${font}`, textAlign: "center", textBaseline: "middle" });
  Object.assign(context, { lineWidth: 3.5, lineJoin: "round", strokeStyle: background, fillStyle: textColour });
  for (const { text, x, y } of placeNames(names, (name) => context.measureText(name).width, surface)) {
    context.strokeText(text, x, y);
    context.fillText(text, x, y);
  }
}

function drawLasso(context, path) {
  context.lineWidth = 1.5;
  context.setLineDash([5, 4]);
  context.beginPath();
  for (let i = 0; i < path.length; i += 2) context.lineTo(path[i], path[i + 1]);
  context.closePath();
  context.stroke();
  context.setLineDash([]);
}
