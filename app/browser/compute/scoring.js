// What follows from the state: scores, their histogram, the line, the subset. Worked out when it is asked for.

import { binnedMetrics, binnedThreshold, compose, conformalLine, histogram, shareBelow } from "./core.js";
import { memo } from "../common/memo.js";
import { signature } from "../state/messages.js";
import { facetCounts, failing, ordered, subsetOf, traitsOf } from "./subset.js";

const BINS = 2048;
const NO_TAGS = {}; // always the same object: another one would be another subset, and another grid

/** A function of the state → {scores, h, rough, auto, exact, at95, line, shareOf, known}: the histogram and what its bins
 *  say of metrics and threshold; Python's numbers where they are of this composition, else null; the best known threshold
 *  at 95 % of ID; the threshold that holds; the share of ID that scores below a score; how many ID samples there are. The
 *  scores live in one buffer: another `h` says that they are others. */
export function createScoring() {
  const buffer = memo(({ run }) => new Float32Array(run.n));
  const composed = memo(({ run, beta, taking, weights }) => {
    const taken = taking.map((takes, j) => (takes ? (weights ? weights[j] : 1) : 0));
    const scores = compose(run.energies, run.n, run.k, beta, taken, buffer({ run }));
    const h = histogram(scores, run.set, run.sets.length, BINS);
    return { scores, h, rough: binnedMetrics(h), auto: binnedThreshold(h), ...calibrated(run, scores) };
  });
  return (state) => {
    const { run, beta, taking, weights, threshold, alpha } = state;
    const found = composed({ run, beta, taking, weights });
    const exact = state.exact?.signature === signature(state) ? state.exact : null;
    const at95 = exact ? exact.threshold : found.auto;
    return { ...found, exact, at95, line: threshold ?? (alpha === null ? at95 : found.lineAt(alpha)) };
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

/** What the ID scores say, which are sorted when that is asked for the first time: `known`, how many there are; shareOf,
 *  score → the share of them that is lower; lineAt, α → what a score must exceed for its conformal p to be at most α. */
function calibrated(run, scores) {
  let kept = null;
  const sorted = () => (kept ??= scores.filter((_, i) => !run.set[i]).sort());
  return {
    known: run.sets[0].shown,
    shareOf: (score) => shareBelow(sorted(), score),
    lineAt: (alpha) => conformalLine(sorted(), alpha),
  };
}

/** How many ID samples lie beyond the line. */
export function beyond(run, scores, line) {
  let count = 0;
  for (let i = 0; i < run.n; i++) count += !run.set[i] && scores[i] > line;
  return count;
}
