// What heat_core computes, in the browser, so that it can answer on every frame: composition, histograms, and what
// their bins say of threshold, AUROC and FPR95. No drawing here, and no imports. heat_core is the reference:
// tests/app/test_live_core.py compares the two.

const SERIES_BELOW = 1e-6; // below this |β(E - mean)| two terms of the expansion are exact

/** compose(E, n, k, beta, weights, out): (logsumexp_k(β E_k) - log K) / β per row, as heat_core.compose (Eq. 7).
 *  E holds n × k numbers, row by row; weights are k numbers ≥ 0, and a prior of weight 0 takes no part. */
export function compose(E, n, k, beta, weights, out) {
  if (Number.isNaN(beta)) throw new Error("β must be a number or ±∞, not NaN.");
  const { used, share } = taking(k, weights), m = used.length;
  for (let i = 0, o = 0; i < n; i++, o += k) {
    let mean = 0, low = Infinity, high = -Infinity;
    for (let u = 0; u < m; u++) {
      const e = E[o + used[u]];
      if (!Number.isFinite(e)) throw new Error("Energies must be finite.");
      mean += share[u] * e;
      if (e < low) low = e;
      if (e > high) high = e;
    }
    if (beta === Infinity || m === 1) { out[i] = high; continue; }
    if (beta === -Infinity) { out[i] = low; continue; }
    const reach = Math.abs(beta) * Math.max(high - mean, mean - low);
    let sum = 0;
    if (reach < SERIES_BELOW) {
      for (let u = 0; u < m; u++) sum += share[u] * (E[o + used[u]] - mean) ** 2;
      out[i] = mean + 0.5 * beta * sum;
    } else if (reach < 0.5) {
      for (let u = 0; u < m; u++) sum += share[u] * Math.expm1(beta * (E[o + used[u]] - mean));
      out[i] = mean + Math.log1p(sum) / beta;
    } else {
      const extreme = beta > 0 ? high : low; // no exponent is positive
      for (let u = 0; u < m; u++) sum += share[u] * Math.exp(beta * (E[o + used[u]] - extreme));
      out[i] = extreme + Math.log(sum) / beta;
    }
  }
  return out;
}

/** Which priors take part, and with which shares. */
function taking(k, weights) {
  const used = [];
  let total = 0;
  for (let j = 0; j < k; j++) {
    const w = weights ? weights[j] : 1;
    if (!(w >= 0) || w === Infinity) throw new Error("A weight must be a number of 0 or more.");
    if (w > 0) used.push(j), (total += w);
  }
  if (!used.length) throw new Error("At least one prior must take part.");
  return { used, share: used.map((j) => (weights ? weights[j] : 1) / total) };
}

/** asinh, three times as fast as Math.asinh, and within 1e-15 of it. */
function asinh(x) {
  const size = Math.abs(x);
  if (size > 1e150) return Math.asinh(x);
  const value = Math.log(size + Math.sqrt(size * size + 1));
  return x < 0 ? -value : value;
}

/** Counts per set over `bins` equal steps of asinh(score): fine where ID lies (around 0), and no outlier is cut off.
 *  set[i] is the set of sample i. Returns {low, step, bins, counts: Float64Array per set, at: the bin of each sample};
 *  bin(x) = (asinh x - low) / step. */
export function histogram(scores, set, sets, bins) {
  let smallest = Infinity, largest = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    const s = scores[i];
    if (Number.isNaN(s)) throw new Error("Scores must not be NaN.");
    if (s < smallest) smallest = s;
    if (s > largest) largest = s;
  }
  const low = Math.asinh(smallest), span = Math.asinh(largest) - low || 1, step = span / bins;
  const counts = Array.from({ length: sets }, () => new Float64Array(bins)), at = new Uint16Array(scores.length);
  for (let i = 0; i < scores.length; i++) {
    const b = Math.max(((asinh(scores[i]) - low) / step) | 0, 0);
    counts[set[i]][(at[i] = b < bins ? b : bins - 1)]++;
  }
  return { low, step, bins, counts, at };
}

/** Score at the upper edge of a bin. */
const upperEdge = (h, bin) => Math.sinh(h.low + (bin + 1) * h.step);

/** The binned 95 % threshold of set 0 (ID). */
export function binnedThreshold(h) {
  const id = h.counts[0], wanted = 0.95 * id.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let b = 0; b < h.bins; b++) if ((sum += id[b]) >= wanted) return upperEdge(h, b);
  return upperEdge(h, h.bins - 1);
}

/** FPR95 and AUROC of every other set against set 0, from the bins alone: off by what shares a bin. */
export function binnedMetrics(h) {
  const id = h.counts[0], idTotal = id.reduce((a, b) => a + b, 0);
  return h.counts.map((ood, i) => {
    if (!i) return null;
    let below = 0, wins = 0, total = 0, missed = 0;
    for (let b = 0; b < h.bins; b++) {
      wins += ood[b] * (below + id[b] / 2);
      below += id[b];
      total += ood[b];
      if (below - id[b] < 0.95 * idTotal) missed += ood[b];
    }
    return { fpr95: missed / total, auroc: wins / (total * idTotal) };
  });
}

/** The share of sorted scores that are lower. */
export function shareBelow(sorted, score) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < score) low = middle + 1;
    else high = middle;
  }
  return low / sorted.length;
}

/** What a score must exceed for p = (1 + #{known ≥ score}) / (n + 1) to be at most α: metrics.threshold_at. */
export function conformalLine(sorted, alpha) {
  const reached = Math.floor(alpha * (sorted.length + 1) * (1 + 1e-12));
  return reached ? sorted[sorted.length - reached] : Infinity;
}

const ALPHAS = [-3, Math.log10(0.5)]; // powers of ten: 0.1 % to 50 %

/** α of a slider position in [0, 1], and no smaller than the smallest p of `known` images. */
export function alphaAt(position, known) {
  const alpha = 10 ** (ALPHAS[0] + position * (ALPHAS[1] - ALPHAS[0]));
  return Math.max(Number(alpha.toPrecision(2)), 1 / (known + 1));
}

/** The slider position of α. */
export const placeOfAlpha = (alpha) => (Math.log10(alpha) - ALPHAS[0]) / (ALPHAS[1] - ALPHAS[0]);

/** Whether (x, y) lies inside the polygon [x0, y0, x1, y1, …] (even-odd rule). */
export function inside(polygon, x, y) {
  let odd = false;
  for (let i = 0, j = polygon.length - 2; i < polygon.length; j = i, i += 2) {
    const yi = polygon[i + 1], yj = polygon[j + 1];
    if (yi > y !== yj > y && x < ((polygon[j] - polygon[i]) * (y - yi)) / (yj - yi) + polygon[i]) odd = !odd;
  }
  return odd;
}

/** β of a slider position in [-1, 1]: 0 in the middle, ±∞ at the ends, fine around 0. */
export function betaAt(position) {
  if (position <= -1) return -Infinity;
  if (position >= 1) return Infinity;
  return position === 0 ? 0 : Number((2 * Math.tan((position * Math.PI) / 2)).toPrecision(3));
}

/** The slider position of β. */
export function positionOf(beta) {
  if (beta === Infinity) return 1;
  return beta === -Infinity ? -1 : (2 / Math.PI) * Math.atan(beta / 2);
}

/** A selection as a bit per sample, base64: what is sent to Python. */
export function packBits(selected) {
  const bytes = new Uint8Array((selected.length + 7) >> 3);
  for (let i = 0; i < selected.length; i++) if (selected[i]) bytes[i >> 3] |= 128 >> (i & 7);
  let text = "";
  for (let i = 0; i < bytes.length; i += 8192) text += String.fromCharCode.apply(null, bytes.subarray(i, i + 8192));
  return btoa(text);
}

/** The reverse of packBits, into `selected`. */
export function unpackBits(text, selected) {
  const bytes = atob(text);
  for (let i = 0; i < selected.length; i++) selected[i] = (bytes.charCodeAt(i >> 3) >> (7 - (i & 7))) & 1;
  return selected;
}
