// Calibrates scores on the ID samples: shares below a score, and the threshold of a false-positive rate.

const TYPICAL_P = 0.1; // as in heat_core.analysis.questions

/**
 * Returns the share of sorted scores that are lower than a score.
 * @param {Float32Array|number[]} sorted - scores in ascending order
 * @param {number} score
 * @returns {number}
 */
export function shareBelow(sorted, score) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < score) low = middle + 1;
    else high = middle;
  }
  return low / sorted.length;
}

/**
 * Returns what a score must exceed for its conformal p = (1 + #{known ≥ score}) / (n + 1) to be at most α, as
 * heat_core.metrics.threshold_at does.
 * @param {Float32Array|number[]} sorted - the ID scores in ascending order
 * @param {number} alpha
 * @returns {number} Infinity where so few samples cannot reach α
 */
export function conformalThreshold(sorted, alpha) {
  const count = Math.floor(alpha * (sorted.length + 1) * (1 + 1e-12));
  return count ? sorted[sorted.length - count] : Infinity;
}

/**
 * Returns the score up to which the conformal p is above TYPICAL_P (see `conformalThreshold`). Only the scores in its bin
 * of a histogram are sorted.
 * @param {object} run
 * @param {Float32Array} scores
 * @param {object} histogram - see `scoreHistogram` in histogram.js
 * @returns {number} Infinity where there are too few ID samples
 */
export function typicalThreshold(run, scores, { counts: [counts], binOf }) {
  const n = run.sets[0].shown, rank = n - Math.floor(TYPICAL_P * (n + 1) * (1 + 1e-12));
  if (rank >= n) return Infinity;
  let bin = 0, below = 0;
  while (below + counts[bin] <= rank) below += counts[bin++];
  const within = [];
  for (let i = 0; i < run.n; i++) if (binOf[i] === bin && !run.set[i]) within.push(scores[i]);
  return within.sort((x, y) => x - y)[rank - below];
}

/**
 * Counts the ID samples whose scores exceed a threshold.
 * @param {object} run
 * @param {Float32Array} scores
 * @param {number} threshold
 * @returns {number}
 */
export function countFlaggedId(run, scores, threshold) {
  let count = 0;
  for (let i = 0; i < run.n; i++) count += !run.set[i] && scores[i] > threshold;
  return count;
}
