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

/** A function that sets the pixels of a mark at a place of the map. */
function pen(surface, where, pixels) {
  const { width, height } = surface.canvas, { sx, sy, ox, oy } = fitting(surface, where);
  return (x, y, offsets, colour) => {
    const X = (x * sx + ox) | 0, Y = (y * sy + oy) | 0;
    if (X < EDGE || Y < EDGE || X >= width - EDGE || Y >= height - EDGE) return; // marks never wrap around an edge
    for (let o = 0; o < offsets.length; o += 2) pixels[(Y + offsets[o + 1]) * width + X + offsets[o]] = colour;
  };
}

/** Draw points {n, xy} as `look` says (see looks.js), those that are shown(i): those outside the subset first and faded,
 *  then those inside, wrong verdicts last. mask: 1 for each point of the subset; background: {xy, colour}, behind all. */
export function drawMap(surface, points, look, shown, where, mask, wrong, background) {
  const radius = radiusFor(points.n, where.zoom, surface.ratio), { xy, n } = points;
  const marks = SHAPE_NAMES.map((shape) => markOf(shape === "disc" ? radius : radius + 1, shape));
  const groups = grouped(n, shown, mask, wrong);
  surface.paint((pixels) => {
    const put = pen(surface, where, pixels);
    for (let i = 0; i < background.xy.length; i += 2)
      put(background.xy[i], background.xy[i + 1], marks[0], background.colour);
    groups.forEach((group, pass) => {
      const colours = pass ? look.plain : look.faded;
      for (const i of group) put(xy[2 * i], xy[2 * i + 1], marks[look.shape(i)], colours[look.index(i)]);
    });
  });
}

/** The shown points: outside the subset, inside and right, inside and wrong. */
function grouped(n, shown, mask, wrong) {
  const all = [new Uint32Array(n), new Uint32Array(n), new Uint32Array(n)], counts = [0, 0, 0];
  for (let i = 0; i < n; i++) {
    if (!shown(i)) continue;
    const group = mask[i] ? (wrong(i) ? 2 : 1) : 0;
    all[group][counts[group]++] = i;
  }
  return all.map((group, g) => group.subarray(0, counts[g]));
}
