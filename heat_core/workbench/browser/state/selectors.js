// Creates selectors: functions of the state that compute scores, threshold and subset, and keep their last results.

import { conformalThreshold, typicalThreshold, shareBelow } from "../compute/calibration.js";
import { compose, compositionSignature } from "../compute/composition.js";
import { NO_DECISIONS } from "../compute/facets.js";
import { binnedMetrics, binnedThreshold95, scoreHistogram } from "../compute/histogram.js";
import { sortPoints } from "../compute/sorting.js";
import { computeSubset, facetCounts, failedFilters, traitsOf } from "../compute/subset.js";
import { memo, stableObject } from "../common/memo.js";

const BINS = 2048;
const NO_TAGS = {}; // One object for all calls, because a new one would count as a change.

/**
 * Creates a selector of scores. Its result holds:
 * - scores: one per point. They share one buffer, so a change of scores shows in a new `histogram` object.
 * - histogram, approximate: the histogram, and FPR95 and AUROC from its bins.
 * - exact: Python's numbers where they are of this composition, else null.
 * - threshold95: the threshold that keeps 95 % of ID, exact where it is known.
 * - cutoff: the threshold in force, chosen or from a false-positive rate or else `threshold95`.
 * - typicalScore: the score up to which p is above TYPICAL_P of calibration.js.
 * - idCount, idShareBelow, thresholdAtRate: see `calibrate`.
 * @returns {function(object): object}
 */
export function createScoring() {
  const scoreBuffer = memo(({ run }) => new Float32Array(run.n));
  const scoringOf = memo(({ run, beta, included, weights }) => {
    const effectiveWeights = included.map((takesPart, j) => (takesPart ? (weights ? weights[j] : 1) : 0));
    const scores = compose(run.energies, run.n, run.k, beta, effectiveWeights, scoreBuffer({ run }));
    const histogram = scoreHistogram(scores, run.set, run.sets.length, BINS);
    const approximate = binnedMetrics(histogram), approximateThreshold = binnedThreshold95(histogram);
    const typicalScore = typicalThreshold(run, scores, histogram);
    return { scores, histogram, approximate, approximateThreshold, typicalScore, ...calibrate(run, scores) };
  });
  return (state) => {
    const { run, beta, included, weights, threshold, alpha } = state;
    const scoring = scoringOf({ run, beta, included, weights });
    const exact = state.exact?.signature === compositionSignature(state) ? state.exact : null;
    const threshold95 = exact ? exact.threshold : scoring.approximateThreshold;
    const cutoff = threshold ?? (alpha === null ? threshold95 : scoring.thresholdAtRate(alpha));
    return { ...scoring, exact, threshold95, cutoff };
  };
}

/**
 * Creates a selector of the subset.
 * @param {function(object): object} scoringOf - the selector of scores
 * @returns {function(object): {subset: object, countsOf: function(string): ?object, points: Uint32Array}} subset: see
 *   `computeSubset`, and countsOf, a function of a facet's name, `facetCounts` in compute/subset.js; points: in order,
 *   computed when they are read
 */
export function createSubset(scoringOf) {
  const failedOf = memo(failedFilters), traits = memo(traitsOf);
  const subsetOf = memo(({ fields, failed, traitBits, scoring }) => computeSubset(fields, failed, traitBits, scoring));
  const countsOf = memo((inputs) => {
    const { fields, name, failed, subset, scoring } = inputs;
    return facetCounts(fields, name, failed, subset, scoring);
  });
  const pointsOf = memo(({ fields, mask, scoring }) => sortPoints(fields, mask, scoring));
  const stableScoring = stableObject(), stableFields = stableObject();
  return (state) => {
    const { run, query, selection, parts, tags, decisions, similar } = state;
    const { values, excluded, find, like, baseline, methods } = query;
    const { scores, histogram, cutoff, typicalScore, idShareBelow } = scoringOf(state);
    const scoring = stableScoring({ scores, histogram, cutoff, typicalScore, idShareBelow });
    const fields = stableFields({ run, query, parts, tags, decisions, similar });
    const filters = (name, value, otherwise) => (values[name] || excluded[name] ? value : otherwise);
    const failed = failedOf({
      run, values, excluded, find, like, selection, similar, parts: filters("part", parts, null),
      tags: filters("tag", tags, NO_TAGS), decisions: filters("decision", decisions, NO_DECISIONS),
    });
    const subset = subsetOf({ fields, failed, traitBits: traits({ run, baseline, methods, tags }), scoring });
    return {
      subset,
      countsOf: (name) => countsOf({ fields, name, failed, subset, scoring }),
      get points() { return pointsOf({ fields, mask: subset.mask, scoring }); },
    };
  };
}

/**
 * Calibrates scores on the ID samples, whose scores are sorted when that is needed for the first time.
 * @param {object} run
 * @param {Float32Array} scores
 * @returns {{idCount: number, idShareBelow: function(number): number, thresholdAtRate: function(number): number}} the
 *   number of ID samples, the share of them that scores lower than a score, and the threshold of a false-positive rate
 */
function calibrate(run, scores) {
  let sorted = null;
  const sortedScores = () => (sorted ??= scores.filter((_, i) => !run.set[i]).sort());
  return {
    idCount: run.sets[0].shown,
    idShareBelow: (score) => shareBelow(sortedScores(), score),
    thresholdAtRate: (alpha) => conformalThreshold(sortedScores(), alpha),
  };
}
