// Which part of the map is seen: {zoom, x, y}, the middle in shares of the map; and the way between map and screen.

export const WHOLE = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });

const MARGIN = 14, SIDE = 65535; // of the map, in its own coordinates

/** Map coordinates (0 … SIDE) → device pixels: x · sx + ox, y · sy + oy. */
export function fitting({ canvas, ratio }, where) {
  const side = Math.min(canvas.width, canvas.height) - 2 * MARGIN * ratio;
  const sx = (side / SIDE) * where.zoom, sy = -sx; // one scale for both axes: distances on a UMAP mean something
  return {
    sx, sy,
    ox: canvas.width / 2 - where.x * SIDE * sx,
    oy: canvas.height / 2 - where.y * SIDE * sy,
  };
}

/** Map coordinates → CSS pixels, as a function. */
export function toScreen(surface, where) {
  const f = fitting(surface, where), r = surface.ratio;
  return (x, y) => [(x * f.sx + f.ox) / r, (y * f.sy + f.oy) / r];
}

/** CSS pixels → shares of the map (0 … 1). */
export function toMap(surface, where, x, y) {
  const f = fitting(surface, where), r = surface.ratio;
  return [(x * r - f.ox) / f.sx / SIDE, (y * r - f.oy) / f.sy / SIDE];
}

/** Moved by so many CSS pixels. */
export function panned(surface, where, dx, dy) {
  const [x, y] = toMap(surface, where, 0, 0), [u, v] = toMap(surface, where, dx, dy);
  return { ...where, x: where.x - (u - x), y: where.y - (v - y) };
}

/** Zoomed "in" or "out" around a place in CSS pixels, by default the middle; or to "all". */
export function zoomed(surface, where, how, place = [surface.width / 2, surface.height / 2]) {
  if (how === "all") return WHOLE;
  const zoom = Math.min(Math.max(where.zoom * (how === "in" ? 1.4 : 1 / 1.4), 0.5), 200);
  const [x, y] = toMap(surface, where, ...place), [u, v] = toMap(surface, { ...where, zoom }, ...place);
  return { zoom, x: where.x + x - u, y: where.y + y - v };
}
