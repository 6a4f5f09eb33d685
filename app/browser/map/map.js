// The feature map: points as pixels of one image (no WebGL, so it draws everywhere).

import { fitting } from "./viewport.js";

const EDGE = 8; // device pixels; more than a mark reaches

// What a mark of radius r covers, as tests of an offset; the first is for most points, the cross for wrong verdicts.
const SHAPES = {
  disc: (x, y, r) => x * x + y * y <= r * r + 0.5,
  cross: (x, y, r) => Math.abs(Math.abs(x) - Math.abs(y)) <= r / 4,
  diamond: (x, y, r) => Math.abs(x) + Math.abs(y) <= r,
  square: (x, y, r) => Math.max(Math.abs(x), Math.abs(y)) <= r * 0.8,
  triangle: (x, y, r) => y <= r * 0.8 && Math.abs(x) <= (y + r) * 0.55,
  plus: (x, y, r) => Math.min(Math.abs(x), Math.abs(y)) <= r / 4,
};
export const SHAPE_NAMES = Object.keys(SHAPES);
const SEEN_FROM = 2.5; // device pixels; below, every shape is a disc

/** Pixel offsets of a mark. */
function markOf(radius, shape) {
  const offsets = [], reach = Math.max(Math.floor(radius), 0), covers = radius >= SEEN_FROM ? SHAPES[shape] : SHAPES.disc;
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) if (covers(x, y, radius)) offsets.push(x, y);
  return offsets;
}

/** How far a point reaches, in device pixels. */
const radiusFor = (count, zoom, ratio) =>
  Math.min(7, (count < 3000 ? 3 : count < 20000 ? 1.6 : count < 80000 ? 1 : 0.7) * Math.sqrt(zoom) * ratio);

/** A function that sets the pixels of marks at the places of some points: `offsets` and `colour` of point i. */
function pen(surface, where, pixels, xy) {
  const { width, height } = surface.canvas, { sx, sy, ox, oy } = fitting(surface, where);
  return (i, offsets, colour) => {
    const X = (xy[2 * i] * sx + ox) | 0, Y = (xy[2 * i + 1] * sy + oy) | 0;
    if (X < EDGE || Y < EDGE || X >= width - EDGE || Y >= height - EDGE) return; // marks never wrap around an edge
    const at = Y * width + X, { length } = offsets;
    for (let o = 0; o < length; o++) pixels[at + offsets[o]] = colour;
  };
}

/** Draw points {n, xy, set} as `look` says (see point_style.js), those of the sets that are shown: those outside the subset
 *  first and faded, then those inside, wrong verdicts last. mask: 1 for each point of the subset; called: {scores,
 *  line}; background: {xy, colour}, behind all. */
export function drawMap(surface, points, look, visible, where, mask, called, background) {
  const radius = radiusFor(points.n, where.zoom, surface.ratio), { width } = surface.canvas;
  const marks = SHAPE_NAMES.map((shape) => flat(markOf(shape === "disc" ? radius : radius + 1, shape), width));
  const groups = grouped(points, visible, mask, called), { index, shape } = look;
  surface.paint((pixels) => {
    const behind = pen(surface, where, pixels, background.xy), put = pen(surface, where, pixels, points.xy);
    for (let i = 0; i < background.xy.length / 2; i++) behind(i, marks[0], background.colour);
    groups.forEach((group, pass) => {
      const colours = pass ? look.plain : look.faded;
      for (let g = 0; g < group.length; g++) {
        const i = group[g];
        put(i, marks[shape[i]], colours[index[i]]);
      }
    });
  });
}

/** Offsets in rows and columns as offsets in the pixels of an image. */
const flat = (offsets, width) =>
  Int32Array.from({ length: offsets.length / 2 }, (_, o) => offsets[2 * o + 1] * width + offsets[2 * o]);

let room = []; // for the numbers of points, used again by every frame

function roomFor(n) {
  if (room[0]?.length !== n) room = [new Uint32Array(n), new Uint32Array(n), new Uint32Array(n)];
  return room;
}

/** The shown points: outside the subset, inside and right, inside and wrong. */
function grouped({ n, set }, visible, mask, { scores, line }) {
  const all = roomFor(n), counts = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (!visible[set[i]]) continue;
    const group = mask[i] ? (set[i] > 0 === scores[i] > line ? 1 : 2) : 0;
    all[group][counts[group]++] = i;
  }
  return all.map((group, g) => group.subarray(0, counts[g]));
}
