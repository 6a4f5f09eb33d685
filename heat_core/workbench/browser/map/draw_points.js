// Draws the points of the feature map as pixels of one image. It needs no WebGL, so it works on every machine.

import { mapTransform } from "../compute/viewport.js";
import { drawDensity, findSquares } from "./density.js";
import { SHAPE_NAMES, shapeOffsets } from "./shapes.js";

const EDGE = 8; // device pixels; more than the largest radius
const MAX_RADIUS = 7; // device pixels
const MOST_POINTS = 20_000; // in view; more points of a group are drawn as a density

/**
 * Draws the points of the visible sets: first those outside the subset, faded, then those inside, wrong verdicts last.
 * A group of which very many are in view is drawn as a density.
 * @param {Surface} surface
 * @param {{n: number, xy: Uint16Array, set: Uint8Array, isOod: Uint8Array}} points
 * @param {object} style - see `pointStyle` in point_style.js
 * @param {boolean[]} visible - for each set
 * @param {object} viewport
 * @param {Uint8Array} mask - 1 for each point of the subset
 * @param {{scores: Float32Array, cutoff: number}} scoring
 * @param {{xy: ArrayLike<number>, colour: number}} background - points that are drawn behind all others
 * @returns {boolean} whether there is a density
 */
export function drawPoints(surface, points, style, visible, viewport, mask, scoring, background) {
  const radius = pointRadius(points.n, viewport.zoom, surface.ratio), { width } = surface.canvas;
  const offsets = SHAPE_NAMES.map((name) => shapeOffsets(name === "disc" ? radius : radius + 1, name, width));
  const groups = groupPoints(points, visible, mask, scoring), { index, shape } = style;
  const crowded = groups.map((group) => squaresOfMany(surface, viewport, points.xy, group));
  surface.paint((pixels) => {
    const drawBackground = pointPainter(surface, viewport, pixels, background.xy);
    const drawPoint = pointPainter(surface, viewport, pixels, points.xy);
    for (let i = 0; i < background.xy.length / 2; i++) drawBackground(i, offsets[0], background.colour);
    for (const [g, group] of groups.entries()) {
      const colours = g ? style.plain : style.faded;
      if (crowded[g]) drawDensity(surface, pixels, group, crowded[g], index, colours);
      else for (const i of group) drawPoint(i, offsets[shape[i]], colours[index[i]]);
    }
  });
  return crowded.some(Boolean);
}

/** Returns the radius of points in device pixels. */
function pointRadius(count, zoom, ratio) {
  const radius = count < 3000 ? 3 : count < 20000 ? 1.6 : count < 80000 ? 1 : 0.7;
  return Math.min(MAX_RADIUS, radius * Math.sqrt(zoom) * ratio);
}

/** Returns a function that sets the pixels of point i. */
function pointPainter(surface, viewport, pixels, xy) {
  const { width, height } = surface.canvas, { sx, sy, ox, oy } = mapTransform(surface, viewport);
  return (i, offsets, colour) => {
    const x = (xy[2 * i] * sx + ox) | 0, y = (xy[2 * i + 1] * sy + oy) | 0;
    if (x < EDGE || y < EDGE || x >= width - EDGE || y >= height - EDGE) return; // A point never wraps around an edge.
    const centre = y * width + x, { length } = offsets;
    for (let o = 0; o < length; o++) pixels[centre + offsets[o]] = colour;
  };
}

/** Returns the squares of a group's points where very many of them are in view, else null. */
function squaresOfMany(surface, viewport, xy, group) {
  if (group.length <= MOST_POINTS) return null;
  const { squares, inView } = findSquares(surface, viewport, xy, group);
  return inView > MOST_POINTS ? squares : null;
}

let groupBuffers = []; // reused by every frame

/** Returns the visible points in three groups: outside the subset, inside and right, inside and wrong. */
function groupPoints({ n, set, isOod }, visible, mask, { scores, cutoff }) {
  if (groupBuffers[0]?.length !== n) groupBuffers = [new Uint32Array(n), new Uint32Array(n), new Uint32Array(n)];
  const counts = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (!visible[set[i]]) continue;
    const group = mask[i] ? (isOod[i] > 0 === scores[i] > cutoff ? 1 : 2) : 0;
    groupBuffers[group][counts[group]++] = i;
  }
  return groupBuffers.map((buffer, g) => buffer.subarray(0, counts[g]));
}
