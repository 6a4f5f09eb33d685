// Which points answer the question, what narrows them, and in which order: on every frame what
// heat_core.analysis.questions answers exactly. tests/app/test_live_core.py compares the two. No drawing here.

import { among, facetOf, NAMES } from "./facets.js";

const FLAGGED = 128, SHARE = 127; // of a verdict's byte: whether it is called OOD, and the share of ID that scores lower
const BRUSH = 1 << NAMES.length, FIND = BRUSH << 1, LASSO = FIND << 1, LIKE = LASSO << 1;
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

/** {title, flagged(i), share(i): of ID that scores lower} of a method; found: see scoring.js. */
export function methodOf(run, key, { scores, line, shareOf }) {
  if (key === HEAT) return { title: "HEAT", flagged: (i) => scores[i] > line, share: (i) => shareOf(scores[i]) };
  const m = run.methods.findIndex((method) => method.key === key), bytes = run.verdicts.subarray(m * run.n, (m + 1) * run.n);
  return { title: run.methods[m].title, flagged: (i) => bytes[i] >= FLAGGED, share: (i) => (bytes[i] & SHARE) / SHARE };
}

/** For every point, a bit for each thing but the brush that narrows the subset and does not keep the point. */
export function failing({ run, ask, selection, parts, tags, alike }) {
  const failed = new Uint16Array(run.n);
  const mark = (keep, bit) => { for (let i = 0; i < run.n; i++) if (!keep[i]) failed[i] |= bit; };
  NAMES.forEach((name, f) => {
    const wanted = ask.values[name];
    if (wanted?.length) mark(among(run, facetOf({ run, parts, tags }, name), wanted), 1 << f);
  });
  if (ask.find) {
    const text = ask.find.toLowerCase();
    for (let i = 0; i < run.n; i++) if (!run.ids[i].toLowerCase().includes(text)) failed[i] |= FIND;
  }
  if (selection.count) mark(selection.bits, LASSO);
  if (ask.like && alike) mark(among(run, { values: [0], members: [alike.map((n) => run.pointOf[n]).filter((i) => i >= 0)] }, [0]), LIKE);
  return failed;
}

/** What the question finds, under everything that narrows it.
 *  state: {run, ask, parts, tags}; failed: see `failing`; found: see scoring.js.
 *  Returns {mask: 0 or 1 for each point, count, questions: name → count, facets: name → counts of its values, lasso:
 *  counts of what the lasso holds by verdict (ID kept, ID flagged, OOD missed, OOD caught)}. */
export function subsetOf(state, failed, found) {
  const { run, ask } = state, { scores } = found, question = questionOf(run, ask);
  const tests = questionsOf(state, found), names = Object.keys(tests), asked = tests[question];
  const questions = names.map(() => 0), mask = new Uint8Array(run.n), lasso = [0, 0, 0, 0];
  const [low, high] = ask.brush ?? [-Infinity, Infinity], heat = methodOf(run, HEAT, found).flagged;
  const counted = facetsCounted(state);
  let count = 0;
  for (let i = 0; i < run.n; i++) {
    const out = scores[i] >= low && scores[i] <= high ? failed[i] : failed[i] | BRUSH;
    if (!(out & LASSO)) lasso[(run.set[i] ? 2 : 0) + (heat(i) ? 1 : 0)]++;
    if (!out) for (let q = 0; q < names.length; q++) if (tests[names[q]](i)) questions[q]++;
    if (out & (out - 1) || !asked(i)) continue; // two reasons against it: no facet's own
    if (!out) (mask[i] = 1), count++;
    for (const { bit, codes, none, counts } of counted) if (!(out & ~bit) && codes[i] !== none) counts[codes[i]]++;
  }
  const facets = Object.fromEntries(counted.map(({ name, counts }) => [name, counts]));
  facets.tag = tagsCounted(state, mask);
  return { mask, count, questions: Object.fromEntries(names.map((n, q) => [n, questions[q]])), facets, lasso };
}

function facetsCounted(state) {
  const found = [];
  NAMES.forEach((name, f) => {
    const facet = name === "tag" ? null : facetOf(state, name);
    if (facet) found.push({ name, bit: 1 << f, codes: facet.codes, none: facet.none, counts: facet.values.map(() => 0) });
  });
  return found;
}

const tagsCounted = (state, mask) =>
  facetOf(state, "tag").members.map((points) => points.reduce((sum, i) => sum + mask[i], 0));

/** Question → whether point i answers it. */
export function questionsOf({ run, ask, tags }, found) {
  const heat = methodOf(run, HEAT, found).flagged, base = methodOf(run, baselineOf(run, ask), found).flagged;
  const ood = (i) => run.set[i] > 0;
  if (!run.truth) return { unknown: (i) => ood(i) && heat(i), known: (i) => ood(i) && !heat(i), all: ood };
  const every = methodsOf(run, ask).map((m) => methodOf(run, m, found).flagged);
  const noted = among(run, facetOf({ run, tags }, "tag"), Object.keys(tags));
  return {
    missed: (i) => ood(i) && !heat(i),
    flagged: (i) => !ood(i) && heat(i),
    gained: (i) => ood(i) && heat(i) && !base(i),
    lost: (i) => ood(i) && !heat(i) && base(i),
    "missed-by-all": (i) => ood(i) && !every.some((flagged) => flagged(i)),
    "missed-by-baseline": (i) => ood(i) && !base(i),
    tagged: (i) => noted[i] === 1,
    all: () => true,
  };
}

/** The points of a mask, in the query's order. */
export function ordered(state, mask, found) {
  const { run, ask, alike } = state, points = [];
  if (ask.like && alike) return Uint32Array.from(alike.map((n) => run.pointOf[n]).filter((i) => i >= 0 && mask[i]));
  for (let i = 0; i < run.n; i++) if (mask[i]) points.push(i);
  const key = keyOf(state, found), [, direction] = ask.order.split(":"), sign = direction === "desc" ? -1 : 1;
  const keys = new Map(points.map((i) => [i, key(i)]));
  const compare = (a, b) => (a < b ? -sign : a > b ? sign : 0);
  return Uint32Array.from(points.sort((a, b) => compare(keys.get(a), keys.get(b)) || run.number[a] - run.number[b]));
}

/** What the query's order sorts by, the smallest first. */
function keyOf({ run, ask }, found) {
  const { scores, line } = found, [column] = ask.order.split(":"), prior = run.priors.findIndex((p) => p.key === column);
  if (prior >= 0) return (i) => run.energies[i * run.k + prior];
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
  }[column];
}
