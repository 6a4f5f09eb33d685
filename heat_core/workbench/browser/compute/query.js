// Reads the query that names a subset, as heat_core.analysis.questions.Query does, and the methods that it compares.

// The bits of a verdict: whether the method calls the point OOD, and the share of ID that scores lower.
const FLAGGED_BIT = 128, SHARE_BITS = 127;

/** The key of HEAT among the methods. */
export const HEAT = "heat";

/** The query without any filter. */
export const PLAIN_QUERY = Object.freeze({
  question: "missed", baseline: null, methods: [], values: {}, excluded: {}, brush: null, find: "", like: null, order: "confident",
});

/**
 * Returns the question of a query, or the run's first question where the run does not have that one.
 * @param {object} run
 * @param {object} query
 * @returns {string}
 */
export const questionOf = (run, query) =>
  query.question in run.questions ? query.question : Object.keys(run.questions)[0];

/**
 * Returns the key of a query's baseline, by default of the best single prior.
 * @param {object} run
 * @param {object} query
 * @returns {string}
 */
export const baselineOf = (run, query) => (hasMethod(run, query.baseline) ? query.baseline : run.best);

const hasMethod = (run, key) => run.methods.some((method) => method.key === key);

/**
 * Returns the keys of the methods whose verdicts are shown.
 * @param {object} run
 * @param {object} query
 * @returns {string[]} the baseline and HEAT where the query names no method
 */
export function methodsOf(run, query) {
  const chosen = query.methods.filter((key) => key === HEAT || hasMethod(run, key));
  return chosen.length ? chosen : [...new Set([baselineOf(run, query), HEAT])];
}

function verdictBytes(run, key) {
  const position = run.methods.findIndex((method) => method.key === key);
  return run.verdicts.subarray(position * run.n, (position + 1) * run.n);
}

/**
 * Marks the points that an uncorrected method flags.
 * @param {object} run
 * @param {string} key - any method but HEAT
 * @returns {function(number): boolean}
 */
export function flagTest(run, key) {
  const bytes = verdictBytes(run, key);
  return (i) => bytes[i] >= FLAGGED_BIT;
}

/**
 * Returns a method's verdicts.
 * @param {object} run
 * @param {string} key
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {{title: string, isFlagged: function(number): boolean, idShareBelow: function(number): number}} functions of
 *   a point: whether it is called OOD, and the share of ID that scores lower
 */
function methodOf(run, key, { scores, cutoff, idShareBelow }) {
  if (key === HEAT)
    return { title: run.heat_title, isFlagged: (i) => scores[i] > cutoff, idShareBelow: (i) => idShareBelow(scores[i]) };
  const bytes = verdictBytes(run, key), { title } = run.methods.find((method) => method.key === key);
  return { title, isFlagged: flagTest(run, key), idShareBelow: (i) => (bytes[i] & SHARE_BITS) / SHARE_BITS };
}

/**
 * Returns the methods whose verdicts are shown.
 * @param {object} run
 * @param {object} query
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {object[]} see `methodOf`
 */
export const shownMethods = (run, query, scoring) => methodsOf(run, query).map((key) => methodOf(run, key, scoring));

/**
 * Splits an order by a column of the table.
 * @param {string} order - "column:asc", "column:desc", or the name of another order
 * @returns {string[]} [column, direction], or [order]
 */
export function splitOrder(order) {
  const colon = order.lastIndexOf(":");
  return colon < 0 ? [order] : [order.slice(0, colon), order.slice(colon + 1)];
}
