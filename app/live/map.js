// The feature map: points as pixels of one image (no WebGL, so it draws everywhere), pan, zoom, and what lies where.

const MARGIN = 14;
const RAMP = [[0, 34, 78], [87, 93, 109], [166, 157, 117], [254, 232, 56]]; // cividis: even in lightness

/** "#rrggbb" → [r, g, b]. */
export const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
const pack = ([r, g, b]) => (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
const mix = (a, b, share) => a.map((v, i) => Math.round(v + (b[i] - v) * share));

/** 256 packed colours from dark (low) to light (high). */
export const ramp = Uint32Array.from({ length: 256 }, (_, i) => {
  const at = (i / 255) * (RAMP.length - 1), k = Math.min(at | 0, RAMP.length - 2);
  return pack(mix(RAMP[k], RAMP[k + 1], at - k));
});

/** A palette of hex colours as packed pixels, plain and faded into the background. */
export function palette(hexes, background) {
  const plain = hexes.map(rgb);
  return { plain: Uint32Array.from(plain, pack), faded: Uint32Array.from(plain, (c) => pack(mix(c, background, 0.78))) };
}

export const fadedRamp = (background) =>
  Uint32Array.from(ramp, (c) => pack(mix([c & 255, (c >> 8) & 255, (c >> 16) & 255], background, 0.78)));

/** Pixel offsets of a mark: a disc for most points, a cross for those that a verdict wants seen. */
function mark(radius, cross) {
  const offsets = [];
  const reach = Math.max(Math.floor(radius), 0);
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++) {
      const in_ = cross ? Math.abs(Math.abs(x) - Math.abs(y)) <= radius / 4 : x * x + y * y <= radius * radius + 0.5;
      if (in_) offsets.push(x, y);
    }
  return offsets;
}

/** How far a point reaches, in device pixels. */
export const radiusFor = (count, zoom, ratio) =>
  Math.min(7, (count < 3000 ? 3 : count < 20000 ? 1.6 : count < 80000 ? 1 : 0.7) * Math.sqrt(zoom) * ratio);

/** Draw points. where: {zoom, x, y}; look: {colour(i) → index, plain, faded, cross(i), shown(i)}; background: {xy, colour} */
export function drawMap(canvas, points, look, where, selected, background) {
  const g = canvas.getContext("2d"), W = canvas.width, H = canvas.height;
  if (canvas.image?.width !== W || canvas.image?.height !== H) {
    canvas.image = g.createImageData(W, H);
    canvas.pixels = new Uint32Array(canvas.image.data.buffer);
  }
  const px = canvas.pixels, fit = fitting(canvas, where);
  px.fill(0);
  const radius = radiusFor(points.n, where.zoom, canvas.ratio);
  const disc = mark(radius, false), cross = radius >= 2.5 ? mark(radius + 1, true) : disc;
  const put = (x, y, offsets, colour) => {
    const X = (x * fit.sx + fit.ox) | 0, Y = (y * fit.sy + fit.oy) | 0;
    if (X < 8 || Y < 8 || X >= W - 8 || Y >= H - 8) return; // marks never wrap around an edge
    for (let o = 0; o < offsets.length; o += 2) px[(Y + offsets[o + 1]) * W + X + offsets[o]] = colour;
  };
  for (let i = 0; i < background.xy.length; i += 2) put(background.xy[i], background.xy[i + 1], disc, background.colour);
  const { xy, n } = points, any = selected.count > 0;
  for (const pass of any ? [0, 1] : [1]) {
    for (let i = 0; i < n; i++) {
      if (!look.shown(i) || (any && selected.bits[i] !== pass)) continue;
      const colours = any && !pass ? look.faded : look.plain;
      put(xy[2 * i], xy[2 * i + 1], look.cross(i) ? cross : disc, colours[look.colour(i)]);
    }
  }
  g.putImageData(canvas.image, 0, 0);
}

function fitting(canvas, where) {
  const W = canvas.width - 2 * MARGIN * canvas.ratio, H = canvas.height - 2 * MARGIN * canvas.ratio;
  const side = Math.min(W, H), z = where.zoom; // one scale for both axes: distances on a UMAP mean something
  const sx = (side / 65535) * z, sy = -sx;
  return {
    sx, sy,
    ox: canvas.width / 2 - (where.x * 65535) * sx,
    oy: canvas.height / 2 - (where.y * 65535) * sy,
  };
}

/** Map coordinates (0 … 65535) → CSS pixels, as a function. */
export function toScreen(canvas, where) {
  const f = fitting(canvas, where), r = canvas.ratio;
  return (x, y) => [(x * f.sx + f.ox) / r, (y * f.sy + f.oy) / r];
}

/** CSS pixels → shares of the map (0 … 1). */
export function toMap(canvas, where, x, y) {
  const f = fitting(canvas, where), r = canvas.ratio;
  return [(x * r - f.ox) / f.sx / 65535, (y * r - f.oy) / f.sy / 65535];
}

/** The shown point nearest to a place, within `reach` CSS pixels, or -1. */
export function nearest(canvas, points, where, shown, x, y, reach = 9) {
  const at = toScreen(canvas, where);
  let best = -1, closest = reach * reach;
  for (let i = 0; i < points.n; i++) {
    if (!shown(i)) continue;
    const [X, Y] = at(points.xy[2 * i], points.xy[2 * i + 1]);
    const d = (X - x) ** 2 + (Y - y) ** 2;
    if (d < closest) (closest = d), (best = i);
  }
  return best;
}
