// Which points answer the question, what narrows them, and in which order: on every frame what
// heat_core.analysis.questions answers exactly. tests/app/test_live_core.py compares the two. No drawing here.

import { among, facetOf, namesOf } from "./facets.js";

const FLAGGED = 128, SHARE = 127; // of a verdict's byte: whether it is called OOD, and the share of ID that scores lower
const FIND = 1, LASSO = 2, LIKE = 4, GONE = 8, FACETS = 4; // and a bit for each facet, from that one on
export const HEAT = "heat";

/** The query that nobody narrowed. */
export const PLAIN = Object.freeze({
  question: "missed", baseline: null, methods: [], values: {}, brush: null, find: "", like: null, order: "confident",
});

/** The questions that a run answers; the first is the default. */
export const questionOf = (run, ask) => (ask.question in run.questions ? ask.question : Object.keys(run.questions)[0]);
export const baselineOf = (run, ask) => (isMethod(run, ask.baseline) ? ask.baseline : run.best);
const isMethod = (run, key) => run.methods.some((m) => m.key === key);

/** The methods whose verdicts are shown, by key. */
export function methodsOf(run, ask) {
  const chosen = ask.methods.filter((m) => m === HEAT || isMethod(run, m));
  return chosen.length ? chosen : [baselineOf(run, ask), HEAT];
}

/** A method's verdicts, a byte a point. */
function bytesOf(run, key) {
  const m = run.methods.findIndex((method) => method.key === key);
  return run.verdicts.subarray(m * run.n, (m + 1) * run.n);
}

/** {title, flagged(i), share(i): of ID that scores lower} of a method; found: see scoring.js. */
export function methodOf(run, key, { scores, line, shareOf }) {
  if (key === HEAT) return { title: "HEAT", flagged: (i) => scores[i] > line, share: (i) => shareOf(scores[i]) };
  const bytes = bytesOf(run, key), { title } = run.methods.find((method) => method.key === key);
  return { title, flagged: (i) => bytes[i] >= FLAGGED, share: (i) => (bytes[i] & SHARE) / SHARE };
}

const numbersLike = (like, alike) => (alike?.like === like ? alike.numbers : []);

/** For every point, a bit for each thing but the brush that narrows the subset and does not keep the point. */
export function failing({ run, values, find, like, selection, parts, tags, alike }) {
  const failed = new Uint32Array(run.n), names = namesOf({ run });
  const mark = (keep, bit) => { for (let i = 0; i < run.n; i++) if (!keep[i]) failed[i] |= bit; };
  names.forEach((name, f) => {
    const wanted = values[name];
    if (wanted?.length) mark(among(run, facetOf({ run, parts, tags }, name), wanted), 1 << (FACETS + f));
  });
  if (Object.keys(values).some((name) => values[name].length && !names.includes(name))) failed.fill(GONE);
  if (find) {
    const text = find.toLowerCase();
    for (let i = 0; i < run.n; i++) if (!run.ids[i].toLowerCase().includes(text)) failed[i] |= FIND;
  }
  if (selection.count) mark(selection.bits, LASSO);
  if (like) { // nothing is, until Python has answered for this very sample
    const near = new Uint8Array(run.n);
    for (const number of numbersLike(like, alike)) if (run.pointOf[number] >= 0) near[run.pointOf[number]] = 1;
    mark(near, LIKE);
  }
  return failed;
}

// What is known of a point when a question is asked, a bit each: 32 combinations, for which each question is answered
// once instead of once a point.
const OOD = 1, CALLED = 2, BASE = 4, ANY = 8, NOTED = 16, COMBINATIONS = 32;

/** For every point its bits but CALLED, which changes with β: whether it is OOD, whether the baseline and whether any of
 *  the shown methods beside HEAT calls it OOD, whether it has a tag or note. */
export function traitsOf({ run, baseline, methods, tags }) {
  const traits = new Uint8Array(run.n), ask = { baseline, methods };
  const add = (flagged, bit) => { for (let i = 0; i < run.n; i++) if (flagged[i] >= FLAGGED) traits[i] |= bit; };
  for (let i = 0; i < run.n; i++) if (run.set[i]) traits[i] = OOD;
  if (run.methods.length) add(bytesOf(run, baselineOf(run, ask)), BASE);
  for (const key of methodsOf(run, ask)) if (key !== HEAT && run.methods.length) add(bytesOf(run, key), ANY);
  const noted = among(run, facetOf({ run, tags }, "tag"), Object.keys(tags));
  for (let i = 0; i < run.n; i++) if (noted[i]) traits[i] |= NOTED;
  return traits;
}

/** Question → whether a combination of bits answers it; `withHeat`: HEAT is among the shown methods. */
const questionsOf = (run, withHeat) => (run.truth ? {
  missed: (t) => t & OOD && !(t & CALLED),
  flagged: (t) => !(t & OOD) && t & CALLED,
  gained: (t) => t & OOD && t & CALLED && !(t & BASE),
  lost: (t) => t & OOD && !(t & CALLED) && t & BASE,
  "missed-by-all": (t) => t & OOD && !(t & ANY) && !(withHeat && t & CALLED),
  "missed-by-baseline": (t) => t & OOD && !(t & BASE),
  tagged: (t) => t & NOTED,
  all: () => true,
} : {
  unknown: (t) => t & OOD && t & CALLED,
  known: (t) => t & OOD && !(t & CALLED),
  all: (t) => t & OOD,
});

/** What the question finds, under everything that narrows it.
 *  state: {run, ask}; failed: see `failing`; traits: see `traitsOf`; found: see scoring.js.
 *  Returns {mask: 0 or 1 for each point, count, questions: name → count, asked: 0 or 1 for each point whatever narrows,
 *  lasso: counts of what the lasso holds by verdict (ID kept, ID flagged, OOD missed, OOD caught)}. */
export function subsetOf({ run, ask }, failed, traits, { scores, line }) {
  const tests = questionsOf(run, methodsOf(run, ask).includes(HEAT)), question = tests[questionOf(run, ask)];
  const answers = Uint8Array.from({ length: COMBINATIONS }, (_, t) => (question(t) ? 1 : 0));
  const [low, high] = ask.brush ?? [-Infinity, Infinity];
  const combinations = new Float64Array(COMBINATIONS), inLasso = new Float64Array(COMBINATIONS);
  const mask = new Uint8Array(run.n), asked = new Uint8Array(run.n);
  let count = 0;
  for (let i = 0; i < run.n; i++) {
    const score = scores[i], t = score > line ? traits[i] | CALLED : traits[i], out = failed[i];
    if (!(out & LASSO)) inLasso[t]++;
    asked[i] = answers[t];
    if (out || score < low || score > high) continue;
    combinations[t]++;
    count += mask[i] = answers[t];
  }
  const summed = (of, test) => of.reduce((sum, n, t) => sum + (test(t) ? n : 0), 0);
  const questions = Object.fromEntries(Object.entries(tests).map(([name, test]) => [name, summed(combinations, test)]));
  const lasso = [0, CALLED, OOD, OOD | CALLED].map((verdict) => summed(inLasso, (t) => (t & (OOD | CALLED)) === verdict));
  return { mask, count, questions, asked, lasso };
}

/** Facet → how many points each of its values would leave: everything narrows but the facet itself.
 *  state: {run, ask, parts, tags}; subset: see `subsetOf`. */
export function facetCounts(state, failed, { asked, mask }, { scores }) {
  const { run, ask } = state, [low, high] = ask.brush ?? [-Infinity, Infinity], counted = {};
  namesOf({ run }).forEach((name, f) => {
    const facet = name === "tag" ? null : facetOf(state, name);
    if (!facet) return;
    const { codes, none } = facet, counts = (counted[name] = facet.values.map(() => 0)), own = 1 << (FACETS + f);
    for (let i = 0; i < run.n; i++)
      if (asked[i] && !(failed[i] & ~own) && codes[i] !== none && scores[i] >= low && scores[i] <= high) counts[codes[i]]++;
  });
  counted.tag = facetOf(state, "tag").members.map((points) => points.reduce((sum, i) => sum + mask[i], 0));
  return counted;
}

/** The points of a mask, in the query's order. */
export function ordered(state, mask, found) {
  const { run, ask, alike } = state, points = [];
  if (ask.like) return Uint32Array.from(numbersLike(ask.like, alike).map((n) => run.pointOf[n]).filter((i) => i >= 0 && mask[i]));
  for (let i = 0; i < run.n; i++) if (mask[i]) points.push(i);
  const key = keyOf(state, found), [, direction] = sortedBy(ask.order), sign = direction === "desc" ? -1 : 1;
  const keys = new Map(points.map((i) => [i, key(i)]));
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  return Uint32Array.from(points.sort((a, b) => compare(keys.get(a), keys.get(b)) || run.number[a] - run.number[b]));
}

/** [column, asc or desc] of an order by a column of the table; else [order]. */
export function sortedBy(order) {
  const at = order.lastIndexOf(":");
  return at < 0 ? [order] : [order.slice(0, at), order.slice(at + 1)];
}

/** What the query's order sorts by, the smallest first. */
function keyOf({ run, ask }, found) {
  const { scores, line } = found, [column] = sortedBy(ask.order), prior = run.priors.findIndex((p) => p.key === column);
  if (prior >= 0) return (i) => run.energies[i * run.k + prior];
  const said = run.columns.some((c) => c.key === column) && facetOf({ run }, column);
  if (said) return (i) => (said.codes[i] === said.none ? -1 : said.codes[i]);
  const methods = methodsOf(run, ask).map((m) => methodOf(run, m, found).share);
  return {
    confident: (i) => run.rank[i],
    close: (i) => Math.abs(scores[i] - line),
    unusual: (i) => -scores[i],
    typical: (i) => scores[i],
    disagree: (i) => {
      const shares = methods.map((share) => share(i));
      return Math.min(...shares) - Math.max(...shares);
    },
    id: (i) => run.ids[i],
    set: (i) => run.set[i],
    seen: (i) => run.classes[run.seen[i]],
    confidence: (i) => run.confidence[i],
    score: (i) => scores[i],
  }[column] ?? (() => 0);
}
