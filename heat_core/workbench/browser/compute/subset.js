// Finds the points that answer a question and pass its filters, on every frame, with the same results as
// heat_core.analysis.questions. tests/app/workbench/test_subset_core.py compares the two.

import { drawnPoints, facetNames, facetOf, hasValue } from "./facets.js";
import { HEAT, baselineOf, flagTest, methodsOf, questionOf } from "./query.js";

// A bit for each filter that a point fails; each facet has a bit, from FACET_SHIFT on.
const FIND = 1, LASSO = 2, LIKE = 4, UNKNOWN_FACET = 8, FACET_SHIFT = 4;

/** Returns whether Python has not answered yet which samples are similar to the one that a query names. */
export const isAwaited = (like, similar) => like !== null && similar?.like !== like;

/**
 * Returns the numbers of the samples most similar to the one that a query names.
 * @param {string} like - the key of a sample
 * @param {?{like: string, numbers: number[]}} similar - Python's answer, which may be of an earlier sample
 * @returns {number[]} empty until Python has answered for this sample
 */
export const similarNumbers = (like, similar) => (similar?.like === like ? similar.numbers : []);

/**
 * Returns the filters, except for the brush, that each point fails.
 * @param {object} inputs - the run, fields of the query, the selection, and Python's answers
 * @returns {Uint32Array} bits for each point; 0 where it passes all filters
 */
export function failedFilters({ run, values, find, like, selection, parts, tags, similar }) {
  const failed = new Uint32Array(run.n), names = facetNames({ run });
  const addFilter = (passes, bit) => { for (let i = 0; i < run.n; i++) if (!passes[i]) failed[i] |= bit; };
  names.forEach((name, f) => {
    const accepted = values[name];
    if (!accepted?.length) return;
    addFilter(hasValue(run, facetOf({ run, parts, tags }, name), accepted), 1 << (FACET_SHIFT + f));
  });
  if (Object.keys(values).some((name) => values[name].length && !names.includes(name))) failed.fill(UNKNOWN_FACET);
  if (find) {
    const text = find.toLowerCase();
    for (let i = 0; i < run.n; i++) if (!run.ids[i].toLowerCase().includes(text)) failed[i] |= FIND;
  }
  if (selection.count) addFilter(selection.bits, LASSO);
  if (like) {
    const isSimilar = new Uint8Array(run.n);
    for (const i of drawnPoints(run, similarNumbers(like, similar))) isSimilar[i] = 1;
    addFilter(isSimilar, LIKE);
  }
  return failed;
}

// The traits of a point that decide which questions it answers, one bit each. They have 32 combinations, so each
// question is answered once for each combination and not once for each point.
const OOD = 1, HEAT_FLAGS = 2, BASELINE_FLAGS = 4, OTHER_FLAGS = 8, NOTED = 16, COMBINATIONS = 32;

/**
 * Returns the traits of each point, except for HEAT's verdict, which changes with β.
 * @param {object} inputs - the run, the query's baseline and methods, and the tags
 * @returns {Uint8Array} bits for each point: whether it is OOD, whether the baseline and whether any shown method other
 *   than HEAT calls it OOD, and whether it has a tag or a note
 */
export function traitsOf({ run, baseline, methods, tags }) {
  const traits = new Uint8Array(run.n), query = { baseline, methods };
  const addTrait = (test, bit) => { for (let i = 0; i < run.n; i++) if (test(i)) traits[i] |= bit; };
  addTrait((i) => run.set[i], OOD);
  if (run.methods.length) addTrait(flagTest(run, baselineOf(run, query)), BASELINE_FLAGS);
  for (const key of methodsOf(run, query))
    if (key !== HEAT && run.methods.length) addTrait(flagTest(run, key), OTHER_FLAGS);
  const noted = hasValue(run, facetOf({ run, tags }, "tag"), Object.keys(tags));
  addTrait((i) => noted[i], NOTED);
  return traits;
}

/** Returns the questions of a run as tests of traits; showsHeat says whether HEAT is among the shown methods. */
const questionTests = (run, showsHeat) => (run.truth ? {
  missed: (t) => t & OOD && !(t & HEAT_FLAGS),
  flagged: (t) => !(t & OOD) && t & HEAT_FLAGS,
  gained: (t) => t & OOD && t & HEAT_FLAGS && !(t & BASELINE_FLAGS),
  lost: (t) => t & OOD && !(t & HEAT_FLAGS) && t & BASELINE_FLAGS,
  "missed-by-all": (t) => t & OOD && !(t & OTHER_FLAGS) && !(showsHeat && t & HEAT_FLAGS),
  "missed-by-baseline": (t) => t & OOD && !(t & BASELINE_FLAGS),
  tagged: (t) => t & NOTED,
  all: () => true,
} : {
  unknown: (t) => t & OOD && t & HEAT_FLAGS,
  known: (t) => t & OOD && !(t & HEAT_FLAGS),
  all: (t) => t & OOD,
});

/**
 * Finds the points that answer the query's question and pass all filters.
 * @param {{run: object, query: object}} state
 * @param {Uint32Array} failed - see `failedFilters`
 * @param {Uint8Array} traits - see `traitsOf`
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {{mask: Uint8Array, count: number, questions: object, answers: Uint8Array, lasso: number[]}} mask and
 *   answers hold 0 or 1 for each point, answers without the filters; questions: name → count; lasso: how many of the
 *   selected points are ID kept, ID flagged, OOD missed and OOD detected
 */
export function computeSubset({ run, query }, failed, traits, { scores, cutoff }) {
  const tests = questionTests(run, methodsOf(run, query).includes(HEAT)), test = tests[questionOf(run, query)];
  const isAnswer = Uint8Array.from({ length: COMBINATIONS }, (_, t) => (test(t) ? 1 : 0));
  const [low, high] = query.brush ?? [-Infinity, Infinity];
  const passing = new Float64Array(COMBINATIONS), selected = new Float64Array(COMBINATIONS);
  const mask = new Uint8Array(run.n), answers = new Uint8Array(run.n);
  let count = 0;
  for (let i = 0; i < run.n; i++) {
    const score = scores[i], t = score > cutoff ? traits[i] | HEAT_FLAGS : traits[i];
    if (!(failed[i] & LASSO)) selected[t]++;
    answers[i] = isAnswer[t];
    if (failed[i] || score < low || score > high) continue;
    passing[t]++;
    mask[i] = isAnswer[t];
    count += mask[i];
  }
  const countOf = ([name, accepts]) => [name, sumWhere(passing, accepts)];
  const questions = Object.fromEntries(Object.entries(tests).map(countOf));
  return { mask, count, questions, answers, lasso: countByVerdict(selected) };
}

/** Adds up the counts of the combinations of traits that a test accepts. */
const sumWhere = (counts, accepts) => counts.reduce((sum, count, t) => sum + (accepts(t) ? count : 0), 0);

const countByVerdict = (counts) => [0, HEAT_FLAGS, OOD, OOD | HEAT_FLAGS].map((verdict) =>
  sumWhere(counts, (t) => (t & (OOD | HEAT_FLAGS)) === verdict));

/**
 * Counts for each facet how many points each of its values leaves when all filters apply but the facet's own.
 * @param {object} state - with run, query, parts and tags
 * @param {Uint32Array} failed - see `failedFilters`
 * @param {object} subset - see `computeSubset`
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {object} name of the facet → counts
 */
export function facetCounts(state, failed, { answers, mask }, { scores }) {
  const { run, query } = state, [low, high] = query.brush ?? [-Infinity, Infinity], countsOf = {};
  facetNames({ run }).forEach((name, f) => {
    const facet = name === "tag" ? null : facetOf(state, name);
    if (!facet) return;
    const { codes, missing } = facet, otherFilters = ~(1 << (FACET_SHIFT + f));
    const counts = facet.values.map(() => 0);
    countsOf[name] = counts;
    for (let i = 0; i < run.n; i++) {
      const passes = answers[i] && !(failed[i] & otherFilters) && scores[i] >= low && scores[i] <= high;
      if (passes && codes[i] !== missing) counts[codes[i]]++;
    }
  });
  countsOf.tag = facetOf(state, "tag").members.map((points) => points.reduce((sum, i) => sum + mask[i], 0));
  return countsOf;
}
