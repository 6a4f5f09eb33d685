// Finds the points that answer a question and pass its filters, on every frame, with the same results as
// heat_core.analysis.questions. tests/app/workbench/test_subset_core.py compares the two.

import { memo } from "../common/memo.js";
import { drawnPoints, facetNames, facetOf, hasValue } from "./facets.js";
import { HEAT, baselineOf, flagTest, methodsOf, questionOf } from "./query.js";
import { populationOf, populationTest } from "./rates.js";

// A bit for each filter that a point fails; each facet that filters has a bit, from FACET_SHIFT on.
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

/** Returns the run's facets by which a query filters. */
const filteringFacets = (run, { values, excluded }) =>
  facetNames({ run }).filter((name) => values[name]?.length || excluded[name]?.length);

/**
 * Returns the filters, except for the brush, that each point fails.
 * @param {object} inputs - the run, fields of the query, the selection, and Python's answers
 * @returns {Uint32Array} bits for each point; 0 where it passes all filters
 */
export function failedFilters({ run, values, excluded, find, like, selection, parts, tags, decisions, similar }) {
  const failed = new Uint32Array(run.n), names = filteringFacets(run, { values, excluded });
  const addFilter = (passes, bit) => { for (let i = 0; i < run.n; i++) if (!passes(i)) failed[i] |= bit; };
  names.forEach((name, f) => {
    const facet = facetOf({ run, parts, tags, decisions }, name), bit = 1 << (FACET_SHIFT + f);
    const accepted = values[name]?.length ? hasValue(run, facet, values[name]) : null;
    const refused = excluded[name]?.length ? hasValue(run, facet, excluded[name]) : null;
    addFilter((i) => (!accepted || accepted[i]) && !refused?.[i], bit);
  });
  if (Object.keys(values).some((name) => values[name].length && !names.includes(name))) failed.fill(UNKNOWN_FACET);
  if (find) {
    const text = find.toLowerCase();
    addFilter((i) => run.ids[i].toLowerCase().includes(text), FIND);
  }
  if (selection.count) addFilter((i) => selection.bits[i], LASSO);
  if (like) {
    const isSimilar = new Uint8Array(run.n);
    for (const i of drawnPoints(run, similarNumbers(like, similar))) isSimilar[i] = 1;
    addFilter((i) => isSimilar[i], LIKE);
  }
  return failed;
}

// The traits of a point that decide which questions it answers, one bit each, so that each question is answered once
// for each combination and not once for each point. The first four bits of run.traits are those from MEASURED_SHIFT on.
const OOD = 1, HEAT_FLAGS = 2, BASELINE_FLAGS = 4, OTHER_FLAGS = 8, NOTED = 16, TYPICAL = 32, MEASURED_SHIFT = 6;
const [MISCLASSIFIED, MISLABELLED, LOOKS_KNOWN, DUPLICATE] = [64, 128, 256, 512], COMBINATIONS = 1024;

/**
 * Returns the traits of each point, except for HEAT's verdict and whether its score is typical, which change with β.
 * @param {object} inputs - the run, the query's baseline and methods, and the tags
 * @returns {Uint16Array} bits for each point: whether it is OOD, whether the baseline and whether any shown method other
 *   than HEAT calls it OOD, whether it has a tag or a note, and what Python measured
 */
export function traitsOf({ run, baseline, methods, tags }) {
  const traits = new Uint16Array(run.n), query = { baseline, methods };
  const addTrait = (test, bit) => { for (let i = 0; i < run.n; i++) if (test(i)) traits[i] |= bit; };
  for (let i = 0; i < run.n; i++) traits[i] = run.traits[i] << MEASURED_SHIFT;
  addTrait((i) => run.isOod[i], OOD);
  if (run.methods.length) addTrait(flagTest(run, baselineOf(run, query)), BASELINE_FLAGS);
  for (const key of methodsOf(run, query))
    if (key !== HEAT && run.methods.length) addTrait(flagTest(run, key), OTHER_FLAGS);
  const noted = hasValue(run, facetOf({ run, tags }, "tag"), Object.keys(tags));
  addTrait((i) => noted[i], NOTED);
  return traits;
}

/** The questions that are answered by what Python measured, as tests of traits. */
const MEASURED_TESTS = {
  misclassified: (t) => t & MISCLASSIFIED,
  mislabelled: (t) => t & MISLABELLED,
  duplicates: (t) => t & DUPLICATE,
};

/** Returns the tests of traits; showsHeat says whether HEAT is among the shown methods. */
const testsOf = (truth, showsHeat) => (truth ? {
  ...MEASURED_TESTS,
  missed: (t) => t & OOD && !(t & HEAT_FLAGS),
  flagged: (t) => !(t & OOD) && t & HEAT_FLAGS,
  gained: (t) => t & OOD && t & HEAT_FLAGS && !(t & BASELINE_FLAGS),
  lost: (t) => t & OOD && !(t & HEAT_FLAGS) && t & BASELINE_FLAGS,
  "missed-by-all": (t) => t & OOD && !(t & OTHER_FLAGS) && !(showsHeat && t & HEAT_FLAGS),
  "missed-by-baseline": (t) => t & OOD && !(t & BASELINE_FLAGS),
  "looks-known": (t) => t & OOD && !(t & HEAT_FLAGS) && t & LOOKS_KNOWN && t & TYPICAL,
  tagged: (t) => t & NOTED,
  all: () => true,
} : {
  ...Object.fromEntries(Object.entries(MEASURED_TESTS).map(([name, test]) => [name, (t) => t & OOD && test(t)])),
  unknown: (t) => t & OOD && t & HEAT_FLAGS,
  known: (t) => t & OOD && !(t & HEAT_FLAGS),
  all: (t) => t & OOD,
});

/** Returns the questions of a run, each with 0 or 1 for each combination of traits. */
const answerTables = memo(({ run, showsHeat }) => {
  const tests = testsOf(run.truth, showsHeat);
  return Object.keys(run.questions).map((name) =>
    [name, Uint8Array.from({ length: COMBINATIONS }, (_, t) => (tests[name](t) ? 1 : 0))]);
});

/**
 * Finds the points that answer the query's question and pass all filters.
 * @param {{run: object, query: object}} state
 * @param {Uint32Array} failed - see `failedFilters`
 * @param {Uint16Array} traits - see `traitsOf`
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {{mask: Uint8Array, count: number, questions: object, share: object, shareOfAll: object, answers: Uint8Array,
 *   lasso: number[]}} mask and answers hold 0 or 1 for each point, answers without the filters; questions: name → count;
 *   share and shareOfAll: {bad, population} of the question with and without the filters; lasso: how many of the
 *   selected points are known kept, known flagged, OOD missed and OOD detected
 */
export function computeSubset({ run, query }, failed, traits, { scores, cutoff, typicalScore }) {
  const tables = answerTables({ run, showsHeat: methodsOf(run, query).includes(HEAT) }), question = questionOf(run, query);
  const isAnswer = new Map(tables).get(question);
  const [low, high] = query.brush ?? [-Infinity, Infinity];
  const [passing, selected, every] = [1, 2, 3].map(() => new Float64Array(COMBINATIONS));
  const mask = new Uint8Array(run.n), answers = new Uint8Array(run.n);
  let count = 0;
  for (let i = 0; i < run.n; i++) {
    const score = scores[i], t = traits[i] | (score > cutoff ? HEAT_FLAGS : 0) | (score <= typicalScore ? TYPICAL : 0);
    every[t]++;
    if (!(failed[i] & LASSO)) selected[t]++;
    answers[i] = isAnswer[t];
    if (failed[i] || score < low || score > high) continue;
    passing[t]++;
    mask[i] = isAnswer[t];
    count += mask[i];
  }
  const questions = Object.fromEntries(tables.map(([name, table]) => [name, sumWhere(passing, (t) => table[t])]));
  const shareOf = (counts) => ({
    bad: sumWhere(counts, (t) => isAnswer[t]), population: sumWhere(counts, inPopulation(run, question)),
  });
  const shares = { share: shareOf(passing), shareOfAll: shareOf(every) };
  return { mask, count, questions, ...shares, answers, lasso: countByVerdict(selected) };
}

/** Returns the test of traits of the images that the share of a question is counted among. */
function inPopulation(run, question) {
  const population = populationOf(run, question);
  return (t) => population === "every" || (t & OOD) === (population === "ood" ? OOD : 0);
}

/** Adds up the counts of the combinations of traits that a test accepts. */
function sumWhere(counts, accepts) {
  let sum = 0;
  for (let t = 0; t < COMBINATIONS; t++) if (counts[t] && accepts(t)) sum += counts[t];
  return sum;
}

const countByVerdict = (counts) => [0, HEAT_FLAGS, OOD, OOD | HEAT_FLAGS].map((verdict) =>
  sumWhere(counts, (t) => (t & (OOD | HEAT_FLAGS)) === verdict));

/**
 * Counts for a facet how many points each of its values leaves when all filters apply but the facet's own.
 * @param {object} state - with run, query, parts, tags and decisions
 * @param {string} name - of the facet
 * @param {Uint32Array} failed - see `failedFilters`
 * @param {object} subset - see `computeSubset`
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {?{bad: number[], population: number[], all: {bad: number, population: number}}} for each value, and for all
 *   points that pass the other filters, how many answer the question, and how many its share is counted among; null where
 *   the run has no such facet
 */
export function facetCounts(state, name, failed, { answers }, { scores }) {
  const { run, query } = state, [low, high] = query.brush ?? [-Infinity, Infinity], facet = facetOf(state, name);
  if (!facet) return null;
  const place = filteringFacets(run, query).indexOf(name), otherFilters = ~(place < 0 ? 0 : 1 << (FACET_SHIFT + place));
  const bad = facet.values.map(() => 0), population = facet.values.map(() => 0);
  const isCounted = populationTest(run, questionOf(run, query));
  const add = (i, v) => {
    if (failed[i] & otherFilters || scores[i] < low || scores[i] > high) return;
    bad[v] += answers[i];
    if (isCounted(i)) population[v]++;
  };
  const all = { bad: 0, population: 0 }; // Each point once: it may have no value, or several tags.
  for (let i = 0; i < run.n; i++) {
    if (failed[i] & otherFilters || scores[i] < low || scores[i] > high) continue;
    all.bad += answers[i];
    all.population += isCounted(i);
  }
  for (const [v, points] of (facet.members ?? []).entries()) for (const i of points) add(i, v);
  if (facet.codes) for (let i = 0; i < run.n; i++) if (facet.codes[i] !== facet.missing) add(i, facet.codes[i]);
  return { bad, population, all };
}
