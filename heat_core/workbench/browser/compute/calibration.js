// Calibrates scores on the ID samples: shares below a score, and the threshold of a false-alarm rate.

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
 * Counts the ID samples whose scores exceed a threshold.
 * @param {object} run
 * @param {Float32Array} scores
 * @param {number} threshold
 * @returns {number}
 */
export function countFalseAlarms(run, scores, threshold) {
  let count = 0;
  for (let i = 0; i < run.n; i++) count += !run.set[i] && scores[i] > threshold;
  return count;
}
