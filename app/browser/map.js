// The feature map: points as pixels of one image (no WebGL, so it draws everywhere).

import { fitting } from "./viewport.js";

const EDGE = 8; // device pixels; more than a mark reaches

/** Pixel offsets of a mark: a disc for most points, a cross for those that a verdict wants seen. */
function mark(radius, cross) {
  const offsets = [], reach = Math.max(Math.floor(radius), 0);
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      const in_ = cross ? Math.abs(Math.abs(x) - Math.abs(y)) <= radius / 4 : x * x + y * y <= radius * radius + 0.5;
      if (in_) offsets.push(x, y);
    }
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

/** Draw points {n, xy} as `look` says (see looks.js), those that are shown(i). Where any are selected, the others come
 *  first and faded. background: {xy, colour}, behind all. */
export function drawMap(surface, points, look, shown, where, selection, background) {
  const radius = radiusFor(points.n, where.zoom, surface.ratio);
  const disc = mark(radius, false), cross = radius >= 2.5 ? mark(radius + 1, true) : disc;
  const { xy, n } = points, any = selection.count > 0;
  surface.paint((pixels) => {
    const put = pen(surface, where, pixels);
    for (let i = 0; i < background.xy.length; i += 2)
      put(background.xy[i], background.xy[i + 1], disc, background.colour);
    for (const pass of any ? [0, 1] : [1]) {
      const colours = any && !pass ? look.faded : look.plain;
      for (let i = 0; i < n; i++) {
        if (!shown(i) || (any && selection.bits[i] !== pass)) continue;
        put(xy[2 * i], xy[2 * i + 1], look.cross(i) ? cross : disc, colours[look.index(i)]);
      }
    }
  });
}
