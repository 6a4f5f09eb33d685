// The score histogram: every set as a share of itself, and the threshold as a line to drag.

const SHOWN_BINS = 64, PAD = { left: 8, right: 8, top: 22, bottom: 34 };
const TICKS = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 1e4, 1e5, 1e6];

/** Draw onto a canvas. h: from `histogram`; sets: [{colour, visible}]; line: the threshold; colours: of the theme. */
export function drawHistogram(canvas, h, sets, line, label, colours) {
  const g = canvas.getContext("2d"), r = canvas.ratio, W = canvas.width / r, H = canvas.height / r;
  g.setTransform(r, 0, 0, r, 0, 0);
  g.clearRect(0, 0, W, H);
  const group = h.bins / SHOWN_BINS, wide = (W - PAD.left - PAD.right) / SHOWN_BINS, floor = H - PAD.bottom;
  const shares = h.counts.map((counts) => {
    const total = counts.reduce((a, b) => a + b, 0) || 1, out = new Float64Array(SHOWN_BINS);
    for (let b = 0; b < h.bins; b++) out[(b / group) | 0] += counts[b] / total;
    return out;
  });
  const visible = shares.filter((_, i) => sets[i].visible);
  const top = Math.max(0.02, ...visible.map((s) => Math.max(...s))), scale = (floor - PAD.top) / niceAbove(top);
  shares.forEach((s, i) => {
    if (!sets[i].visible) return;
    g.beginPath();
    g.moveTo(PAD.left, floor);
    for (let b = 0; b < SHOWN_BINS; b++) {
      g.lineTo(PAD.left + b * wide, floor - s[b] * scale);
      g.lineTo(PAD.left + (b + 1) * wide, floor - s[b] * scale);
    }
    g.lineTo(W - PAD.right, floor);
    g.globalAlpha = 0.28;
    g.fillStyle = sets[i].colour;
    g.fill();
    g.globalAlpha = 1;
    g.strokeStyle = sets[i].colour;
    g.lineWidth = 1.5;
    g.setLineDash(DASHES[i % DASHES.length]);
    g.stroke();
    g.setLineDash([]);
  });
  axis(g, h, W, floor, colours);
  const x = xOf(canvas, h, line), right = x < W * 0.62;
  g.strokeStyle = g.fillStyle = colours.text;
  g.lineWidth = 2;
  g.beginPath();
  g.moveTo(x, PAD.top - 6);
  g.lineTo(x, floor);
  g.stroke();
  g.beginPath(); // a handle says that the line can be moved
  g.arc(x, PAD.top - 6, 5, 0, 2 * Math.PI);
  g.fill();
  g.font = `12px ${colours.font}`;
  g.textAlign = right ? "left" : "right";
  g.fillText(label, x + (right ? 10 : -10), 14);
}

const DASHES = [[], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3]]; // a second cue beside the colour

const niceAbove = (share) => [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75].find((n) => share <= n) ?? 1;

function axis(g, h, W, floor, colours) {
  g.strokeStyle = colours.border;
  g.lineWidth = 1;
  g.beginPath();
  g.moveTo(PAD.left, floor + 0.5);
  g.lineTo(W - PAD.right, floor + 0.5);
  g.stroke();
  g.fillStyle = colours.faint;
  g.font = `11px ${colours.font}`;
  g.textAlign = "center";
  const both = [...TICKS.slice(1).reverse().map((t) => -t), ...TICKS];
  let last = -Infinity;
  for (const tick of both) {
    const at = PAD.left + ((Math.asinh(tick) - h.low) / (h.step * h.bins)) * (W - PAD.left - PAD.right);
    if (at < PAD.left + 6 || at > W - PAD.right - 6 || at - last < 30) continue;
    g.fillRect(at - 0.5, floor, 1, 4);
    g.fillText(String(tick).replace("-", "−"), at, floor + 15);
    last = at;
  }
  g.fillText("score (asinh scale): right = more out-of-distribution", W / 2, floor + 30);
}

/** Where a score lies on the canvas, in CSS pixels. */
export function xOf(canvas, h, score) {
  const W = canvas.width / canvas.ratio - PAD.left - PAD.right;
  return PAD.left + Math.min(Math.max((Math.asinh(score) - h.low) / (h.step * h.bins), 0), 1) * W;
}

/** The score at a place on the canvas. */
export function scoreAt(canvas, h, x) {
  const W = canvas.width / canvas.ratio - PAD.left - PAD.right;
  return Math.sinh(h.low + (Math.min(Math.max(x - PAD.left, 0), W) / W) * h.step * h.bins);
}
