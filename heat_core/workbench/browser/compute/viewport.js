// Computes with the viewport, the part of the map that is in view, and converts between coordinates of the map and of
// the screen. A viewport is {zoom, x, y} with the centre in shares of the map.

/** The viewport that shows the whole map. */
export const WHOLE_MAP = Object.freeze({ zoom: 1, x: 0.5, y: 0.5 });

/** The length of a side of the map in its own coordinates. */
export const MAP_SIDE = 65535;

const MARGIN = 14; // CSS pixels
const ZOOM_STEP = 1.4, LEAST_ZOOM = 0.5, LARGEST_ZOOM = 200;

/**
 * Returns the transform from map coordinates (0 … MAP_SIDE) to device pixels: x · sx + ox, y · sy + oy.
 * @param {Surface} surface
 * @param {object} viewport
 * @returns {{sx: number, sy: number, ox: number, oy: number}}
 */
export function mapTransform({ canvas, ratio }, viewport) {
  const side = Math.min(canvas.width, canvas.height) - 2 * MARGIN * ratio;
  const sx = (side / MAP_SIDE) * viewport.zoom, sy = -sx; // Both axes have one scale, so that UMAP distances compare.
  return {
    sx, sy,
    ox: canvas.width / 2 - viewport.x * MAP_SIDE * sx,
    oy: canvas.height / 2 - viewport.y * MAP_SIDE * sy,
  };
}

/**
 * Returns a function from map coordinates to CSS pixels.
 * @param {Surface} surface
 * @param {object} viewport
 * @returns {function(number, number): number[]}
 */
export function toScreen(surface, viewport) {
  const { sx, sy, ox, oy } = mapTransform(surface, viewport), { ratio } = surface;
  return (x, y) => [(x * sx + ox) / ratio, (y * sy + oy) / ratio];
}

/**
 * Converts CSS pixels to shares of the map (0 … 1).
 * @param {Surface} surface
 * @param {object} viewport
 * @param {number} x
 * @param {number} y
 * @returns {number[]}
 */
export function toMap(surface, viewport, x, y) {
  const { sx, sy, ox, oy } = mapTransform(surface, viewport), { ratio } = surface;
  return [(x * ratio - ox) / sx / MAP_SIDE, (y * ratio - oy) / sy / MAP_SIDE];
}

/**
 * Returns the viewport after a move by some CSS pixels.
 * @param {Surface} surface
 * @param {object} viewport
 * @param {number} dx
 * @param {number} dy
 * @returns {object}
 */
export function pan(surface, viewport, dx, dy) {
  const [x, y] = toMap(surface, viewport, 0, 0), [u, v] = toMap(surface, viewport, dx, dy);
  return { ...viewport, x: viewport.x - (u - x), y: viewport.y - (v - y) };
}

/**
 * Returns the viewport after one step of zoom.
 * @param {Surface} surface
 * @param {object} viewport
 * @param {string} direction - "in", "out", or "all" for the whole map
 * @param {number[]} centre - the point in CSS pixels that stays where it is, by default the middle
 * @returns {object}
 */
export function zoom(surface, viewport, direction, centre = [surface.width / 2, surface.height / 2]) {
  if (direction === "all") return WHOLE_MAP;
  const factor = direction === "in" ? ZOOM_STEP : 1 / ZOOM_STEP;
  const level = Math.min(Math.max(viewport.zoom * factor, LEAST_ZOOM), LARGEST_ZOOM);
  const [x, y] = toMap(surface, viewport, ...centre);
  const [u, v] = toMap(surface, { ...viewport, zoom: level }, ...centre);
  return { zoom: level, x: viewport.x + x - u, y: viewport.y + y - v };
}
