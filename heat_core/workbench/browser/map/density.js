// Draws many points as a density: squares whose colour is that of most of their points, the more opaque the more points
// they hold.

import { mapTransform } from "../compute/viewport.js";

const SIDE = 3; // of a square in CSS pixels
const LEAST_OPACITY = 60; // of a square with one point, of 255
const MOST_KINDS = 64; // colours that are counted one by one; more of them are a ramp, whose steps are put together
const RAMP_KINDS = 16;
const OUTSIDE = -1; // the square of a point that is not in view

/** Returns the squares that a canvas is divided into, row by row; side is in device pixels. */
function squareGrid({ canvas, ratio }) {
  const side = Math.round(SIDE * ratio);
  return { side, columns: Math.ceil(canvas.width / side), rows: Math.ceil(canvas.height / side) };
}

/**
 * Finds the squares of some points.
 * @param {{canvas: HTMLCanvasElement, ratio: number}} surface
 * @param {object} viewport
 * @param {Uint16Array} xy - of all points
 * @param {Uint32Array} group - the points
 * @returns {{squares: Int32Array, inView: number}} the square of each point of the group, and how many are in view
 */
export function findSquares(surface, viewport, xy, group) {
  const { width, height } = surface.canvas, { sx, sy, ox, oy } = mapTransform(surface, viewport);
  const { side, columns } = squareGrid(surface), squares = new Int32Array(group.length);
  let inView = 0;
  for (let p = 0; p < group.length; p++) {
    const i = group[p], x = xy[2 * i] * sx + ox, y = xy[2 * i + 1] * sy + oy;
    const isInView = x >= 0 && y >= 0 && x < width && y < height;
    squares[p] = isInView ? ((y / side) | 0) * columns + ((x / side) | 0) : OUTSIDE;
    if (isInView) inView++;
  }
  return { squares, inView };
}

let totals = new Uint32Array(0), counts = new Uint32Array(0), filled = new Uint32Array(0); // reused by every frame

/**
 * Fills the squares of some points.
 * @param {{canvas: HTMLCanvasElement, ratio: number}} surface
 * @param {Uint32Array} pixels - of the canvas, see `paint` in canvas.js
 * @param {Uint32Array} group - the points
 * @param {Int32Array} squares - of the points, see `findSquares`
 * @param {ArrayLike<number>} index - the colour of each point
 * @param {Uint32Array} colours - as pixels
 */
export function drawDensity(surface, pixels, group, squares, index, colours) {
  const kinds = colours.length <= MOST_KINDS ? colours.length : RAMP_KINDS, grid = squareGrid(surface);
  const { filledCount, largest } = countPoints(grid, group, squares, index, kinds, colours.length);
  const colourOf = Uint32Array.from({ length: kinds }, (_, kind) =>
    colours[Math.floor(((kind + 0.5) * colours.length) / kinds)] & 0xffffff);
  const scale = (255 - LEAST_OPACITY) / Math.log(Math.max(largest, 2));
  const opacityOf = Uint8Array.from({ length: largest + 1 }, (_, total) =>
    Math.round(LEAST_OPACITY + scale * Math.log(Math.max(total, 1))));
  for (let f = 0; f < filledCount; f++) {
    const square = filled[f], colour = colourOf[majorityOf(square * kinds, kinds)];
    fillSquare(pixels, surface.canvas, grid, square, ((opacityOf[totals[square]] << 24) | colour) >>> 0);
  }
}

/** Counts the points of each square in `totals`, and of each square and kind in `counts`; lists in `filled` the squares
 *  that have any, and returns their number and the largest count. */
function countPoints({ columns, rows }, group, squares, index, kinds, colourCount) {
  const size = columns * rows, kindOf = Uint8Array.from({ length: colourCount }, (_, c) => Math.floor((c * kinds) / colourCount));
  if (totals.length < size) [totals, filled] = [new Uint32Array(size), new Uint32Array(size)];
  if (counts.length < size * kinds) counts = new Uint32Array(size * kinds);
  totals.fill(0, 0, size);
  counts.fill(0, 0, size * kinds);
  let filledCount = 0, largest = 0;
  for (let p = 0; p < group.length; p++) {
    const square = squares[p];
    if (square === OUTSIDE) continue;
    if (!totals[square]) filled[filledCount++] = square;
    if (++totals[square] > largest) largest = totals[square];
    counts[square * kinds + kindOf[index[group[p]]]]++;
  }
  return { filledCount, largest };
}

/** Returns the kind of most points of the square whose counts begin at a place. */
function majorityOf(place, kinds) {
  let most = 0;
  for (let kind = 1; kind < kinds; kind++) if (counts[place + kind] > counts[place + most]) most = kind;
  return most;
}

function fillSquare(pixels, { width, height }, { side, columns }, square, pixel) {
  const left = (square % columns) * side, top = ((square / columns) | 0) * side;
  const right = Math.min(left + side, width), bottom = Math.min(top + side, height);
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) pixels[y * width + x] = pixel;
}
