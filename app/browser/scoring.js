// What follows from the state: scores, their histogram, the line. Worked out when it is asked for.

import { binnedMetrics, binnedThreshold, compose, histogram } from "./core.js";
import { memo } from "./memo.js";
import { signature } from "./messages.js";

const BINS = 2048;

/** A function of the state → {scores, h, rough, auto, exact, at95, line}: the histogram and what its bins say of
 *  metrics and threshold; Python's numbers where they are of this composition, else null; the best known threshold at
 *  95 % of ID; and the threshold that holds. The scores live in one buffer: another `h` says that they are others. */
export function createScoring() {
  const buffer = memo(({ run }) => new Float32Array(run.n));
  const composed = memo(({ run, beta, taking, weights }) => {
    const taken = taking.map((takes, j) => (takes ? (weights ? weights[j] : 1) : 0));
    const scores = compose(run.energies, run.n, run.k, beta, taken, buffer({ run }));
    const h = histogram(scores, run.set, run.sets.length, BINS);
    return { scores, h, rough: binnedMetrics(h), auto: binnedThreshold(h) };
  });
  return (state) => {
    const { run, beta, taking, weights, threshold } = state;
    const found = composed({ run, beta, taking, weights });
    const exact = state.exact?.signature === signature(state) ? state.exact : null;
    const at95 = exact ? exact.threshold : found.auto;
    return { ...found, exact, at95, line: threshold ?? at95 };
  };
}

/** The share of ID that the line keeps. */
export function keptShare(run, scores, line) {
  let kept = 0, all = 0;
  for (let i = 0; i < run.n; i++) if (!run.set[i]) (all++, (kept += scores[i] <= line));
  return kept / all;
}
