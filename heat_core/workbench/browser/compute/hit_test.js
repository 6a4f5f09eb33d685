// Finds the points that are visible, near the pointer, in view, or within a lasso.

import { toScreen } from "./viewport.js";

/** The key of the training sample among the keys of hidden sets. */
export const HIDDEN_TRAINING = "train";

/**
 * Returns for every set whether it is visible.
 * @param {object} run
 * @param {string[]} hidden - the keys of hidden sets
 * @returns {boolean[]}
 */
export const visibleSets = (run, hidden) => run.sets.map((set) => !hidden.includes(set.key));

/**
 * Returns a test of whether point i is visible.
 * @param {{run: object, hidden: string[]}} state
 * @returns {function(number): boolean}
 */
export function visibilityTest({ run, hidden }) {
  const visible = visibleSets(run, hidden);
  return (i) => visible[run.set[i]];
}

/**
 * Returns a function from point i to its position on the screen in CSS pixels.
 * @param {Surface} surface
 * @param {{run: object, viewport: object}} state
 * @returns {function(number): number[]}
 */
export function screenPositions(surface, { run, viewport }) {
  const convert = toScreen(surface, viewport), { xy } = run;
  return (i) => convert(xy[2 * i], xy[2 * i + 1]);
}

/**
 * Finds the visible point nearest to a position.
 * @param {Surface} surface
 * @param {object} state
 * @param {number} x - CSS pixels
 * @param {number} y - CSS pixels
 * @param {number} reach - the largest distance in CSS pixels
 * @returns {number} the point, or -1
 */
export function nearestPoint(surface, state, x, y, reach = 9) {
  const isVisible = visibilityTest(state), positionOf = screenPositions(surface, state);
  let nearest = -1, least = reach * reach;
  for (let i = 0; i < state.run.n; i++) {
    if (!isVisible(i)) continue;
    const [px, py] = positionOf(i), distance = (px - x) ** 2 + (py - y) ** 2;
    if (distance < least) [least, nearest] = [distance, i];
  }
  return nearest;
}

/**
 * Returns a test of whether point i is in view.
 * @param {Surface} surface
 * @param {object} state
 * @returns {function(number): boolean}
 */
export function inViewTest(surface, state) {
  const positionOf = screenPositions(surface, state);
  return (i) => {
    const [x, y] = positionOf(i);
    return x >= 0 && y >= 0 && x <= surface.width && y <= surface.height;
  };
}

/**
 * Returns a test of whether point i lies within a path on the screen.
 * @param {Surface} surface
 * @param {object} state
 * @param {number[]} path - CSS pixels [x0, y0, x1, y1, …]
 * @returns {function(number): boolean}
 */
export function withinPathTest(surface, state, path) {
  const positionOf = screenPositions(surface, state);
  return (i) => isInsidePolygon(path, ...positionOf(i));
}

/**
 * Tests whether (x, y) lies inside a polygon by the even-odd rule.
 * @param {number[]} polygon - [x0, y0, x1, y1, …]
 * @param {number} x
 * @param {number} y
 * @returns {boolean}
 */
export function isInsidePolygon(polygon, x, y) {
  let isOdd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const yi = polygon[i + 1], yj = polygon[j + 1];
    if (yi > y !== yj > y && x < ((polygon[j] - polygon[i]) * (y - yi)) / (yj - yi) + polygon[i]) isOdd = !isOdd;
  }
  return isOdd;
}
