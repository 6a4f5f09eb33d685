// Finds the places for the names of the map's clusters: at the medians of their points, the larger clusters first, and
// none over another.

import { memo } from "../common/memo.js";

const NAME = /^nearest class (.*), cluster (\d+)$/s; // see by_cluster in heat_core/analysis/facets.py
const LINE_HEIGHT = 15; // CSS pixels
const SHIFTS = [0, -LINE_HEIGHT, LINE_HEIGHT, -2 * LINE_HEIGHT, 2 * LINE_HEIGHT]; // tried one after another

/** Returns the short form of a cluster's name, "sea, cluster 3" for "nearest class sea, cluster 3". */
const shortName = (name) => name.replace(NAME, "$1, cluster $2");

/**
 * Lists the clusters of a run's map.
 * @param {{run: object}} inputs
 * @returns {{text: string, x: number, y: number, size: number}[]} the largest first; x and y: medians in coordinates of
 *   the map
 */
export const clusterCentres = memo(({ run }) => {
  const members = run.clusters.map(() => []);
  for (let i = 0; i < run.cluster.length; i++) members[run.cluster[i]]?.push(i);
  const median = (points, axis) => Uint16Array.from(points, (i) => run.xy[2 * i + axis]).sort()[points.length >> 1];
  return members
    .map((points, c) => ({
      text: shortName(run.clusters[c]), x: median(points, 0), y: median(points, 1), size: points.length,
    }))
    .filter(({ size }) => size)
    .sort((a, b) => b.size - a.size);
});

/**
 * Places names on the screen.
 * @param {{text: string, x: number, y: number}[]} names - at CSS pixels, the most important first
 * @param {function(string): number} widthOf - the width of a text in CSS pixels
 * @param {{width: number, height: number}} size - of the canvas in CSS pixels
 * @returns {{text: string, x: number, y: number}[]} the names for which there is a place; x and y: their middles
 */
export function placeNames(names, widthOf, { width, height }) {
  const placed = [];
  for (const { text, x, y } of names) {
    if (x < 0 || y < 0 || x > width || y > height) continue;
    const half = widthOf(text) / 2 + 2, middle = Math.min(Math.max(x, half), width - half);
    const isFree = (line) => line > LINE_HEIGHT / 2 && line < height - LINE_HEIGHT / 2
      && placed.every((other) =>
        Math.abs(other.y - line) >= LINE_HEIGHT || Math.abs(other.x - middle) >= other.half + half);
    const shift = half * 2 <= width ? SHIFTS.find((s) => isFree(y + s)) : undefined;
    if (shift !== undefined) placed.push({ text, x: middle, y: y + shift, half });
  }
  return placed.map(({ text, x, y }) => ({ text, x, y }));
}
