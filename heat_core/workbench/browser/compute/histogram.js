// Computes histograms of scores, and the threshold, FPR95 and AUROC that follow from their bins.
// heat_core is the reference: tests/app/workbench/test_inspect_core.py compares the two.

/** Computes asinh three times as fast as Math.asinh, and within 1e-15 of it. */
function asinh(x) {
  const size = Math.abs(x);
  if (size > 1e150) return Math.asinh(x);
  const value = Math.log(size + Math.sqrt(size * size + 1));
  return x < 0 ? -value : value;
}

/**
 * Counts scores per set over equal steps of asinh(score). The steps are fine around 0, where ID lies, and no outlier is
 * cut off. The bin of a score x is (asinh(x) - low) / step.
 * @param {Float32Array|Float64Array} scores
 * @param {Uint8Array|number[]} set - the set of each score
 * @param {number} sets - the number of sets
 * @param {number} bins - the number of bins
 * @returns {{low: number, step: number, bins: number, counts: Float64Array[], binOf: Uint16Array}} counts per set, and
 *   the bin of each score
 */
export function scoreHistogram(scores, set, sets, bins) {
  let smallest = Infinity, largest = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i];
    if (Number.isNaN(score)) throw new Error("Scores must not be NaN.");
    if (score < smallest) smallest = score;
    if (score > largest) largest = score;
  }
  const low = Math.asinh(smallest), span = Math.asinh(largest) - low || 1, step = span / bins;
  const counts = Array.from({ length: sets }, () => new Float64Array(bins)), binOf = new Uint16Array(scores.length);
  for (let i = 0; i < scores.length; i++) {
    const bin = Math.min(Math.max(((asinh(scores[i]) - low) / step) | 0, 0), bins - 1);
    binOf[i] = bin;
    counts[set[i]][bin]++;
  }
  return { low, step, bins, counts, binOf };
}

/**
 * Returns the position of a score on the axis of a histogram.
 * @param {object} histogram - see `scoreHistogram`
 * @param {number} score
 * @returns {number} 0 at the lowest and 1 at the highest score of the histogram
 */
export const scorePosition = (histogram, score) =>
  (Math.asinh(score) - histogram.low) / (histogram.step * histogram.bins);

/** Returns the score at the upper edge of a bin. */
const upperEdge = (histogram, bin) => Math.sinh(histogram.low + (bin + 1) * histogram.step);

/**
 * Returns the edge of a bin below which at least 95 % of set 0 (ID) lie.
 * @param {object} histogram - see `scoreHistogram`
 * @returns {number}
 */
export function binnedThreshold95(histogram) {
  const id = histogram.counts[0], target = 0.95 * id.reduce((a, b) => a + b, 0);
  let sum = 0;
  for (let bin = 0; bin < histogram.bins; bin++) {
    sum += id[bin];
    if (sum >= target) return upperEdge(histogram, bin);
  }
  return upperEdge(histogram, histogram.bins - 1);
}

/**
 * Computes FPR95 and AUROC of every other set against set 0 (ID) from the bins alone; the error comes from samples that
 * share a bin.
 * @param {object} histogram - see `scoreHistogram`
 * @returns {Array<?{fpr95: number, auroc: number}>} null for set 0
 */
export function binnedMetrics(histogram) {
  const id = histogram.counts[0], idTotal = id.reduce((a, b) => a + b, 0);
  return histogram.counts.map((ood, i) => {
    if (!i) return null;
    let below = 0, wins = 0, total = 0, missed = 0;
    for (let bin = 0; bin < histogram.bins; bin++) {
      wins += ood[bin] * (below + id[bin] / 2);
      below += id[bin];
      total += ood[bin];
      if (below - id[bin] < 0.95 * idTotal) missed += ood[bin];
    }
    return { fpr95: missed / total, auroc: wins / (total * idTotal) };
  });
}

/**
 * Returns the shares of a set in a smaller number of bins, for drawing.
 * @param {Float64Array} counts - the counts of one set
 * @param {number} bins - the number of bins to return
 * @returns {Float64Array}
 */
export function sharesInBins(counts, bins) {
  const total = counts.reduce((a, b) => a + b, 0) || 1, shares = new Float64Array(bins);
  for (let i = 0; i < counts.length; i++) shares[Math.floor((i * bins) / counts.length)] += counts[i] / total;
  return shares;
}
