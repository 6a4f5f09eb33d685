// Draws many points as a density: squares whose colour is that of most of their points, the more opaque the more points
// they hold.

const SIDE = 3; // of a square in CSS pixels
const LEAST_OPACITY = 60; // of a square with one point, of 255
const MOST_KINDS = 64; // colours that are counted one by one; more of them are a ramp, whose steps are put together
const RAMP_KINDS = 16;

/** Returns how many kinds of colours are counted. */
const kindCount = (colours) => (colours <= MOST_KINDS ? colours : RAMP_KINDS);

/**
 * Fills the squares of some points.
 * @param {{canvas: HTMLCanvasElement, ratio: number}} surface
 * @param {Uint32Array} pixels - of the canvas, see `paint` in canvas.js
 * @param {Uint32Array} group - the points
 * @param {function(number): number} squareOf - the square of a point, -1 outside of the canvas; see `squares`
 * @param {ArrayLike<number>} index - the colour of each point
 * @param {Uint32Array} colours - as pixels
 */
export function drawDensity(surface, pixels, group, squareOf, index, colours) {
  const kinds = kindCount(colours.length), grid = squares(surface), counts = countBuffer(grid.columns * grid.rows, kinds);
  const kindOf = Uint8Array.from(colours, (_, c) => Math.floor((c * kinds) / colours.length));
  for (let p = 0; p < group.length; p++) {
    const i = group[p], square = squareOf(i);
    if (square >= 0) counts[square * kinds + kindOf[index[i]]]++;
  }
  const { totals, majorities, largest } = majoritiesOf(counts, kinds);
  const scale = (255 - LEAST_OPACITY) / Math.log(Math.max(largest, 2));
  const colourOf = Uint32Array.from({ length: kinds }, (_, kind) =>
    colours[Math.floor(((kind + 0.5) * colours.length) / kinds)] & 0xffffff);
  for (let square = 0; square < totals.length; square++) {
    if (!totals[square]) continue;
    const opacity = Math.round(LEAST_OPACITY + scale * Math.log(totals[square]));
    fillSquare(pixels, surface.canvas, grid, square, ((opacity << 24) | colourOf[majorities[square]]) >>> 0);
  }
}

/**
 * Returns the squares that a canvas is divided into, row by row.
 * @param {{canvas: HTMLCanvasElement, ratio: number}} surface
 * @returns {{side: number, columns: number, rows: number}} side in device pixels
 */
export function squares({ canvas, ratio }) {
  const side = Math.round(SIDE * ratio);
  return { side, columns: Math.ceil(canvas.width / side), rows: Math.ceil(canvas.height / side) };
}

let buffer = new Uint32Array(0); // reused by every frame

function countBuffer(squareCount, kinds) {
  const length = squareCount * kinds;
  if (buffer.length < length) buffer = new Uint32Array(length);
  return buffer.subarray(0, length).fill(0);
}

/** Returns the number of points in each square, the kind that most of them have, and the largest number. */
function majoritiesOf(counts, kinds) {
  const totals = new Uint32Array(counts.length / kinds), majorities = new Uint8Array(totals.length);
  let largest = 0;
  for (let square = 0, offset = 0; square < totals.length; square++, offset += kinds) {
    let total = 0, most = 0;
    for (let kind = 0; kind < kinds; kind++) {
      const count = counts[offset + kind];
      total += count;
      if (count > counts[offset + most]) most = kind;
    }
    totals[square] = total;
    majorities[square] = most;
    if (total > largest) largest = total;
  }
  return { totals, majorities, largest };
}

function fillSquare(pixels, { width, height }, { side, columns }, square, pixel) {
  const left = (square % columns) * side, top = Math.floor(square / columns) * side;
  const right = Math.min(left + side, width), bottom = Math.min(top + side, height);
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) pixels[y * width + x] = pixel;
}
