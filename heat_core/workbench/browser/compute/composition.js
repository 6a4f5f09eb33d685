// Composes the energies of priors into one score per point, as heat_core does (Eq. 7 of the paper).
// heat_core is the reference: tests/app/workbench/test_inspect_core.py compares the two.

import { formatNumber } from "../common/format.js";

const SERIES_BELOW = 1e-6; // Below this |β(E - mean)|, two terms of the series expansion are exact.
const EXPM1_BELOW = 0.5; // Below this, expm1 and log1p lose no digits; above, log-sum-exp with a shift does not.

/**
 * Computes (logsumexp_k(β E_k) - log K) / β for each row, as heat_core.compose does.
 * @param {Float32Array|Float64Array} energies - n × k numbers, row by row
 * @param {number} n - the number of rows
 * @param {number} k - the number of priors
 * @param {number} beta - a number or ±Infinity
 * @param {?number[]} weights - k numbers ≥ 0; a prior of weight 0 takes no part; null weighs all equally
 * @param {Float32Array|Float64Array} out - the n results are written here
 * @returns {Float32Array|Float64Array} `out`
 */
export function compose(energies, n, k, beta, weights, out) {
  if (Number.isNaN(beta)) throw new Error("β must be a number or ±∞, not NaN.");
  const { columns, shares } = normalizeWeights(k, weights), m = columns.length;
  for (let i = 0, offset = 0; i < n; i++, offset += k) {
    let mean = 0, low = Infinity, high = -Infinity;
    for (let c = 0; c < m; c++) {
      const energy = energies[offset + columns[c]];
      if (!Number.isFinite(energy)) throw new Error("Energies must be finite.");
      mean += shares[c] * energy;
      if (energy < low) low = energy;
      if (energy > high) high = energy;
    }
    if (beta === Infinity || m === 1) { out[i] = high; continue; }
    if (beta === -Infinity) { out[i] = low; continue; }
    const largest = Math.abs(beta) * Math.max(high - mean, mean - low);
    let sum = 0;
    if (largest < SERIES_BELOW) {
      for (let c = 0; c < m; c++) sum += shares[c] * (energies[offset + columns[c]] - mean) ** 2;
      out[i] = mean + 0.5 * beta * sum;
    } else if (largest < EXPM1_BELOW) {
      for (let c = 0; c < m; c++) sum += shares[c] * Math.expm1(beta * (energies[offset + columns[c]] - mean));
      out[i] = mean + Math.log1p(sum) / beta;
    } else {
      const shift = beta > 0 ? high : low; // With this shift no exponent is positive.
      for (let c = 0; c < m; c++) sum += shares[c] * Math.exp(beta * (energies[offset + columns[c]] - shift));
      out[i] = shift + Math.log(sum) / beta;
    }
  }
  return out;
}

/** Returns the columns of the priors that take part, and their shares, which add up to 1. */
function normalizeWeights(k, weights) {
  const columns = [];
  let total = 0;
  for (let j = 0; j < k; j++) {
    const weight = weights ? weights[j] : 1;
    if (!(weight >= 0) || weight === Infinity) throw new Error("A weight must be a number of 0 or more.");
    if (weight > 0) columns.push(j);
    total += weight;
  }
  if (!columns.length) throw new Error("At least one prior must take part.");
  return { columns, shares: columns.map((j) => (weights ? weights[j] : 1) / total) };
}

/**
 * Returns a text that identifies a composition; exact numbers from Python carry the text of their composition.
 * @param {{beta: number, included: boolean[], weights: ?number[]}} state
 * @returns {string}
 */
export function compositionSignature({ beta, included, weights }) {
  return JSON.stringify([formatNumber(beta), included, weights?.map((w, j) => (included[j] ? w : 1))]);
}
