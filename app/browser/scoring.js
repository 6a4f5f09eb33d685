// What follows from the state: scores, their histogram, the line, the subset. Worked out when it is asked for.

import { binnedMetrics, binnedThreshold, compose, histogram } from "./core.js";
import { memo } from "./memo.js";
import { signature } from "./messages.js";
import { facetCounts, failing, ordered, subsetOf, traitsOf } from "./subset.js";

const BINS = 2048;
const NO_TAGS = {}; // always the same object: another one would be another subset, and another grid

/** A function of the state → {scores, h, rough, auto, exact, at95, line, shareOf}: the histogram and what its bins say
 *  of metrics and threshold; Python's numbers where they are of this composition, else null; the best known threshold at
 *  95 % of ID; the threshold that holds; the share of ID that scores below a score. The scores live in one buffer:
 *  another `h` says that they are others. */
export function createScoring() {
  const buffer = memo(({ run }) => new Float32Array(run.n));
  const composed = memo(({ run, beta, taking, weights }) => {
    const taken = taking.map((takes, j) => (takes ? (weights ? weights[j] : 1) : 0));
    const scores = compose(run.energies, run.n, run.k, beta, taken, buffer({ run }));
    const h = histogram(scores, run.set, run.sets.length, BINS);
    return { scores, h, rough: binnedMetrics(h), auto: binnedThreshold(h), shareOf: sharesBelow(run, scores) };
  });
  return (state) => {
    const { run, beta, taking, weights, threshold } = state;
    const found = composed({ run, beta, taking, weights });
    const exact = state.exact?.signature === signature(state) ? state.exact : null;
    const at95 = exact ? exact.threshold : found.auto;
    return { ...found, exact, at95, line: threshold ?? at95 };
  };
}

/** A function of the state → {subset, facets, points: in order}; the last two are worked out where they are asked for. */
export function createSubset(scored) {
  const failed = memo(failing), traits = memo(traitsOf);
  const subset = memo(({ state, out, bits, found }) => subsetOf(state, out, bits, found));
  const facets = memo(({ state, out, made, found }) => facetCounts(state, out, made, found));
  const points = memo(({ state, mask, found }) => ordered(state, mask, found));
  const foundOf = memo((kept) => kept), stateOf = memo((kept) => kept);
  return (whole) => {
    const { run, ask, selection, parts, tags, alike } = whole, { values, find, like, baseline, methods } = ask;
    const { scores, h, line, shareOf } = scored(whole);
    const found = foundOf({ scores, h, line, shareOf }), state = stateOf({ run, ask, parts, tags, alike });
    const out = failed({ run, values, find, like, selection, parts: values.part ? parts : null, tags: values.tag ? tags : NO_TAGS, alike });
    const made = subset({ state, out, bits: traits({ run, baseline, methods, tags }), found });
    return {
      subset: made,
      get facets() { return facets({ state, out, made, found }); },
      get points() { return points({ state, mask: made.mask, found }); },
    };
  };
}

/** score → the share of ID that scores lower; the ID scores are sorted when it is asked for the first time. */
function sharesBelow(run, scores) {
  let known = null;
  return (score) => {
    known ??= scores.filter((_, i) => !run.set[i]).sort();
    let low = 0, high = known.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (known[middle] < score) low = middle + 1;
      else high = middle;
    }
    return low / known.length;
  };
}

/** The share of ID that the line keeps. */
export function keptShare(run, scores, line) {
  let kept = 0, all = 0;
  for (let i = 0; i < run.n; i++) if (!run.set[i]) (all++, (kept += scores[i] <= line));
  return kept / all;
}
