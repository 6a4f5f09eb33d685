// The score histogram: every set as a share of itself, and the threshold as a line to drag.

const SHOWN_BINS = 64, PAD = { left: 8, right: 8, top: 22, bottom: 34 };
const TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6];
const SIGNED_TICKS = [...TICKS.slice(1).reverse().map((t) => -t), ...TICKS];
const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3]]; // a second cue beside the colour

/** h: from `histogram` in core.js; sets: [{colour, visible}]; line: the threshold; brush: [low, high] scores or null;
 *  colours: of the page. */
export function drawHistogram(surface, h, sets, line, label, brush, colours) {
  const g = surface.cleared();
  const shares = h.counts.map((counts) => sharesOf(counts, h.bins));
  const top = Math.max(0.02, ...shares.filter((_, i) => sets[i].visible).map((s) => Math.max(...s)));
  const scale = (floorOf(surface) - PAD.top) / niceAbove(top);
  shares.forEach((s, i) => {
    if (sets[i].visible) drawSet(g, surface, s, scale, sets[i].colour, DASHES[i % DASHES.length]);
  });
  if (brush) drawBrush(g, surface, h, brush, colours);
  drawAxis(g, surface, h, colours);
  drawLine(g, surface, xOf(surface, h, line), label, colours);
}

/** Where a score lies, in CSS pixels. */
export function xOf(surface, h, score) {
  return PAD.left + Math.min(Math.max(shareOf(h, score), 0), 1) * innerWidth(surface);
}

/** The score at a place. */
export function scoreAt(surface, h, x) {
  const wide = innerWidth(surface);
  return Math.sinh(h.low + (Math.min(Math.max(x - PAD.left, 0), wide) / wide) * h.step * h.bins);
}

const innerWidth = (surface) => surface.width - PAD.left - PAD.right;
const floorOf = (surface) => surface.height - PAD.bottom;
const shareOf = (h, score) => (Math.asinh(score) - h.low) / (h.step * h.bins);
const niceAbove = (share) => [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75].find((n) => share <= n) ?? 1;

/** The shares of a set in the bins that are shown, which are wider. */
function sharesOf(counts, bins) {
  const total = counts.reduce((a, b) => a + b, 0) || 1, group = bins / SHOWN_BINS, out = new Float64Array(SHOWN_BINS);
  for (let b = 0; b < bins; b++) out[(b / group) | 0] += counts[b] / total;
  return out;
}

function drawSet(g, surface, shares, scale, colour, dash) {
  const wide = innerWidth(surface) / SHOWN_BINS, floor = floorOf(surface);
  g.beginPath();
  g.moveTo(PAD.left, floor);
  for (let b = 0; b < SHOWN_BINS; b++) {
    g.lineTo(PAD.left + b * wide, floor - shares[b] * scale);
    g.lineTo(PAD.left + (b + 1) * wide, floor - shares[b] * scale);
  }
  g.lineTo(surface.width - PAD.right, floor);
  g.globalAlpha = 0.28;
  g.fillStyle = colour;
  g.fill();
  g.globalAlpha = 1;
  g.strokeStyle = colour;
  g.lineWidth = 1.5;
  g.setLineDash(dash);
  g.stroke();
  g.setLineDash([]);
}

function drawBrush(g, surface, h, brush, colours) {
  const [left, right] = brush.map((score) => xOf(surface, h, score));
  g.globalAlpha = 0.14;
  g.fillStyle = colours.text;
  g.fillRect(left, PAD.top, right - left, floorOf(surface) - PAD.top);
  g.globalAlpha = 0.7;
  for (const x of [left, right]) g.fillRect(x - 0.5, PAD.top, 1, floorOf(surface) - PAD.top);
  g.globalAlpha = 1;
}

function drawAxis(g, surface, h, colours) {
  const W = surface.width, floor = floorOf(surface);
  g.strokeStyle = colours.border;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(PAD.left, floor + 0.5);
  g.lineTo(W - PAD.right, floor + 0.5);
  g.stroke();
  g.fillStyle = colours.faint;
  g.font = `11px ${colours.font}`;
  g.textAlign = "center";
  let last = -Infinity;
  for (const tick of SIGNED_TICKS) {
    const at = PAD.left + shareOf(h, tick) * innerWidth(surface);
    if (at < PAD.left + 6 || at > W - PAD.right - 6 || at - last < 30) continue;
    g.fillRect(at - 0.5, floor, 1, 4);
    g.fillText(String(tick).replace("-", "−"), at, floor + 15);
    last = at;
  }
  g.fillText("score (asinh scale): right = more out-of-distribution", W / 2, floor + 30);
}

function drawLine(g, surface, x, label, colours) {
  const right = x < surface.width * 0.62; // of the line there is room for the label
  g.strokeStyle = g.fillStyle = colours.text;
  g.lineWidth = 2;
  g.beginPath();
  g.moveTo(x, PAD.top - 6);
  g.lineTo(x, floorOf(surface));
  g.stroke();
  g.beginPath(); // a handle says that the line can be moved
  g.arc(x, PAD.top - 6, 5, 0, 2 * Math.PI);
  g.fill();
  g.font = `12px ${colours.font}`;
  g.textAlign = right ? "left" : "right";
  g.fillText(label, x + (right ? 10 : -10), 14);
}
