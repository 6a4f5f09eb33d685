// Draws the histogram of scores: every set as shares of the set, and the threshold as a line that can be dragged.

import { scorePosition, sharesInBins } from "../compute/histogram.js";

const DRAWN_BINS = 64, PADDING = { left: 8, right: 8, top: 22, bottom: 34 };
const TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6];
const SIGNED_TICKS = [...TICKS.slice(1).reverse().map((tick) => -tick), ...TICKS];
const TICK_DISTANCE = 30; // CSS pixels; ticks that are closer are omitted
// They distinguish OOD sets where colours cannot; ID has a solid line.
const DASHES = [[6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3], [12, 3], [8, 3, 2, 3, 2, 3], [3, 6], [6, 2, 1, 2], [1, 1]];
const dashOf = (set) => (set ? DASHES[(set - 1) % DASHES.length] : []);

/**
 * Draws the histogram.
 * @param {Surface} surface
 * @param {object} histogram - see `scoreHistogram` in compute/histogram.js
 * @param {{colour: string, visible: boolean}[]} sets
 * @param {{cutoff: number, label: string}} threshold - the threshold in force, and what it stands for
 * @param {?number[]} brush - [low, high] scores
 * @param {object} colours - see `pageColours` in map/colours.js
 */
export function drawHistogram(surface, histogram, sets, { cutoff, label }, brush, colours) {
  const context = surface.clear();
  const shares = histogram.counts.map((counts) => sharesInBins(counts, DRAWN_BINS));
  const highest = Math.max(0.02, ...shares.filter((_, i) => sets[i].visible).map((values) => Math.max(...values)));
  const scale = (bottomOf(surface) - PADDING.top) / roundUp(highest);
  shares.forEach((values, i) => {
    if (sets[i].visible) drawSet(context, surface, values, scale, sets[i].colour, dashOf(i));
  });
  if (brush) drawBrush(context, surface, histogram, brush, colours);
  drawAxis(context, surface, histogram, colours);
  drawThreshold(context, surface, scoreToX(surface, histogram, cutoff), label, colours);
}

/**
 * Returns the position of a score.
 * @param {Surface} surface
 * @param {object} histogram
 * @param {number} score
 * @returns {number} CSS pixels, within the histogram
 */
export function scoreToX(surface, histogram, score) {
  return PADDING.left + Math.min(Math.max(scorePosition(histogram, score), 0), 1) * innerWidth(surface);
}

/**
 * Returns the score at a position, the inverse of `scoreToX`.
 * @param {Surface} surface
 * @param {object} histogram
 * @param {number} x - CSS pixels
 * @returns {number}
 */
export function xToScore(surface, histogram, x) {
  const width = innerWidth(surface), position = Math.min(Math.max(x - PADDING.left, 0), width) / width;
  return Math.sinh(histogram.low + position * histogram.step * histogram.bins);
}

const innerWidth = (surface) => surface.width - PADDING.left - PADDING.right;
const bottomOf = (surface) => surface.height - PADDING.bottom;
const roundUp = (share) => [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75].find((limit) => share <= limit) ?? 1;

function drawSet(context, surface, shares, scale, colour, dash) {
  const width = innerWidth(surface) / DRAWN_BINS, bottom = bottomOf(surface);
  context.beginPath();
  context.moveTo(PADDING.left, bottom);
  for (let bin = 0; bin < DRAWN_BINS; bin++) {
    context.lineTo(PADDING.left + bin * width, bottom - shares[bin] * scale);
    context.lineTo(PADDING.left + (bin + 1) * width, bottom - shares[bin] * scale);
  }
  context.lineTo(surface.width - PADDING.right, bottom);
  context.globalAlpha = 0.28;
  context.fillStyle = colour;
  context.fill();
  context.globalAlpha = 1;
  context.strokeStyle = colour;
  context.lineWidth = 1.5;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

function drawBrush(context, surface, histogram, brush, colours) {
  const [left, right] = brush.map((score) => scoreToX(surface, histogram, score));
  const height = bottomOf(surface) - PADDING.top;
  context.globalAlpha = 0.14;
  context.fillStyle = colours.text;
  context.fillRect(left, PADDING.top, right - left, height);
  context.globalAlpha = 0.7;
  for (const x of [left, right]) context.fillRect(x - 0.5, PADDING.top, 1, height);
  context.globalAlpha = 1;
}

function drawAxis(context, surface, histogram, colours) {
  const { width } = surface, bottom = bottomOf(surface);
  context.strokeStyle = colours.border;
  context.lineWidth = 1;
  context.beginPath();
  context.moveTo(PADDING.left, bottom + 0.5);
  context.lineTo(width - PADDING.right, bottom + 0.5);
  context.stroke();
  context.fillStyle = colours.faint;
  context.font = `11px ${colours.font}`;
  context.textAlign = "center";
  let last = -Infinity;
  for (const tick of SIGNED_TICKS) {
    const x = PADDING.left + scorePosition(histogram, tick) * innerWidth(surface);
    if (x < PADDING.left + 6 || x > width - PADDING.right - 6 || x - last < TICK_DISTANCE) continue;
    context.fillRect(x - 0.5, bottom, 1, 4);
    context.fillText(String(tick).replace("-", "−"), x, bottom + 15);
    last = x;
  }
  context.fillText("score (asinh scale): right = more out-of-distribution", width / 2, bottom + 30);
}

function drawThreshold(context, surface, x, label, colours) {
  const isLabelRight = x < surface.width * 0.62; // Further right there is no room for the label.
  context.strokeStyle = context.fillStyle = colours.text;
  context.lineWidth = 2;
  context.beginPath();
  context.moveTo(x, PADDING.top - 6);
  context.lineTo(x, bottomOf(surface));
  context.stroke();
  context.beginPath(); // The handle shows that the line can be dragged.
  context.arc(x, PADDING.top - 6, 5, 0, 2 * Math.PI);
  context.fill();
  context.font = `12px ${colours.font}`;
  context.textAlign = isLabelRight ? "left" : "right";
  context.fillText(label, x + (isLabelRight ? 10 : -10), 14);
}
