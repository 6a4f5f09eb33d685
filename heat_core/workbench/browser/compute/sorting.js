// Sorts the points of a subset in the query's order, as heat_core.analysis.questions.sort_samples does.

import { drawnPoints, facetOf } from "./facets.js";
import { shownMethods, splitOrder } from "./query.js";
import { similarNumbers } from "./subset.js";

/**
 * Returns the points of a mask in the query's order; points that compare equal are in the order of their numbers.
 * @param {{run: object, query: object, similar: ?object}} state
 * @param {Uint8Array} mask - 0 or 1 for each point
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {Uint32Array}
 */
export function sortPoints(state, mask, scoring) {
  const { run, query, similar } = state, points = [];
  if (query.like)
    return Uint32Array.from(drawnPoints(run, similarNumbers(query.like, similar)).filter((i) => mask[i]));
  for (let i = 0; i < run.n; i++) if (mask[i]) points.push(i);
  const keyOf = sortKey(state, scoring), [, direction] = splitOrder(query.order), sign = direction === "desc" ? -1 : 1;
  const keys = new Map(points.map((i) => [i, keyOf(i)]));
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  return Uint32Array.from(points.sort((a, b) => compare(keys.get(a), keys.get(b)) || run.number[a] - run.number[b]));
}

/** Returns the function of a point by which the query's order sorts, in ascending order. */
function sortKey({ run, query }, scoring) {
  const [column] = splitOrder(query.order), prior = run.priors.findIndex(({ key }) => key === column);
  if (prior >= 0) return (i) => run.energies[i * run.k + prior];
  const facet = run.columns.some(({ key }) => key === column) && facetOf({ run }, column);
  if (facet) return (i) => (facet.codes[i] === facet.missing ? -1 : facet.codes[i]);
  return sampleKeys(run, query, scoring)[column] ?? (() => 0);
}

function sampleKeys(run, query, scoring) {
  const { scores, cutoff } = scoring;
  const shares = shownMethods(run, query, scoring).map((method) => method.idShareBelow);
  return {
    confident: (i) => run.rank[i],
    close: (i) => Math.abs(scores[i] - cutoff),
    unusual: (i) => -scores[i],
    typical: (i) => scores[i],
    disagree: (i) => {
      const values = shares.map((shareOf) => shareOf(i));
      return Math.min(...values) - Math.max(...values);
    },
    id: (i) => run.ids[i],
    set: (i) => run.set[i],
    seen: (i) => run.classes[run.seen[i]],
    true: (i) => run.labels[run.label[i]],
    confidence: (i) => run.confidence[i],
    score: (i) => scores[i],
  };
}
