// What a person can do in the workbench. Each changes the state, and tells Python once it is settled.

import { told, toldSelection } from "./messages.js";
import { inView, nearest, shown, within } from "../compute/points.js";
import { fromPoints, selecting } from "./selection.js";
import { PLAIN } from "../compute/subset.js";
import { panned, zoomed } from "../map/viewport.js";

const LOOK_MS = 120; // where samples follow one another faster, Python is asked about the last one, so long after it

const clamped = (weight) => Math.min(Math.max(weight || 0, 0.1), 1000);

/** map: its surface; send(name, value) tells Python; subset(state): see scoring.js. */
export function createActions(store, map, send, subset) {
  const tell = () => send("view", told(store.state));
  const settle = (change) => (store.update(change), tell());
  return {
    ...settings(store, settle, tell),
    ...asking(store, settle),
    ...looking(store, map),
    ...picking(store, map, send, subset),
    ...marking(store, send, subset),
  };
}

/** What numbers and colours are of. `setBeta`, `setThreshold` and `setAlpha` are called on the way, `tell` at its end. */
function settings(store, settle, tell) {
  return {
    tell,
    setBeta: (beta) => store.update({ beta }),
    setThreshold: (threshold) => store.update({ threshold, alpha: null }), // null: at 95 % of ID
    setAlpha: (alpha) => store.update({ alpha, threshold: null }),
    setColour: (colour) => settle({ colour }),
    setLayout: (layout) => settle({ layout }),
    setSize: (size) => store.update({ size }),

    /** A prior takes part or not; the last one stays. */
    take(j, takes) {
      const taking = store.state.taking.with(j, takes);
      settle({ taking: taking.some(Boolean) ? taking : taking.with(j, true) });
    },

    weigh: (j, weight) => settle({ weights: store.state.weights.with(j, clamped(weight)) }),
    toggleWeights: () => settle({ weights: store.state.weights ? null : store.state.run.priors.map(() => 1) }),

    /** Show or hide a set, or "train". */
    toggle(key) {
      const { off } = store.state;
      settle({ off: off.includes(key) ? off.filter((k) => k !== key) : [...off, key] });
    },
  };
}

/** Which samples, in which order. `setBrush` and `setFind` are called on the way. */
function asking(store, settle) {
  const ask = (change) => settle({ ask: { ...store.state.ask, ...change } });
  return {
    ask,
    setBrush: (brush) => store.update({ ask: { ...store.state.ask, brush } }),
    setFind: (find) => store.update({ ask: { ...store.state.ask, find } }),

    /** Keep a value of a facet, or no longer. */
    toggleValue(facet, value) {
      const { values } = store.state.ask, kept = values[facet] ?? [];
      const next = kept.includes(value) ? kept.filter((v) => v !== value) : [...kept, value];
      const others = Object.fromEntries(Object.entries(values).filter(([name]) => name !== facet));
      ask({ values: next.length ? { ...others, [facet]: next } : others });
    },

    /** A method's verdicts are shown, or no longer. */
    toggleMethod(key, shownNow) {
      const next = shownNow.includes(key) ? shownNow.filter((m) => m !== key) : [...shownNow, key];
      ask({ methods: next });
    },

    /** Nothing narrows the question; the lasso goes with `clear`. */
    widen: () => ask({ values: PLAIN.values, brush: null, find: "", like: null }),
  };
}

/** What is seen of the map; Python need not know. */
function looking(store, map) {
  return {
    setTool: (tool) => store.update({ tool }),
    pan: (dx, dy) => store.update({ where: panned(map, store.state.where, dx, dy) }),
    zoom: (how, place) => store.update({ where: zoomed(map, store.state.where, how, place) }),
    drawPath: (path) => store.update({ path }),
    hover(x, y) {
      const { run, hovered } = store.state, i = run.map ? nearest(map, store.state, x, y) : -1;
      if (i !== hovered) store.update({ hovered: i });
    },
  };
}

/** Points within a lasso, and the inspected sample. */
function picking(store, map, send, subset) {
  let asking, asked = -Infinity;
  const select = (fits, how) => {
    const selection = selecting(store.state.selection, shown(store.state), fits, how);
    store.update({ selection, selectionDue: false });
    send("lasso", toldSelection(store.state));
  };
  const inspect = (number) => {
    if (number === store.state.looked) return;
    store.update({ looked: number });
    clearTimeout(asking);
    const ask = () => send("inspect", JSON.stringify(number)), now = performance.now(), hurried = now - asked < LOOK_MS;
    asked = now;
    if (hurried) asking = setTimeout(ask, LOOK_MS); // keys may run through many samples
    else ask();
  };
  return {
    inspect,
    clear: () => select(() => false, "set"),
    selectInView: () => select(inView(map, store.state), "set"),
    /** how: "set", "add" or "remove" what lies within. */
    selectWithin: (path, how) => select(within(map, store.state, path), how),

    inspectAt(x, y) {
      const i = nearest(map, store.state, x, y);
      if (i >= 0) inspect(store.state.run.number[i]);
    },

    /** The sample so many places further in the subset; the first where none of it is inspected. */
    step(by) {
      const { points } = subset(store.state), { run, looked } = store.state;
      if (!points.length) return;
      const at = looked === null ? -1 : points.indexOf(run.pointOf[looked]);
      inspect(run.number[points[at < 0 ? 0 : Math.min(Math.max(at + by, 0), points.length - 1)]]);
    },
  };
}

/** Samples that the next action is about. */
function marking(store, send, subset) {
  const about = () => {
    const { run, marked } = store.state;
    const points = marked.size ? [...marked].map((n) => run.pointOf[n]).filter((i) => i >= 0) : subset(store.state).points;
    return toldSelection({ run, selection: fromPoints(points, run.n) });
  };
  // Python forgets a message that another one overtakes: what must not be lost is sent until it has said `done`.
  let unanswered = [], last = Date.now();
  const flush = () => unanswered.length && send("act", JSON.stringify(unanswered));
  const post = (message) => {
    unanswered.push({ id: ++last, ...message });
    flush();
  };
  const act = (what, more) => post({ what, ...more, ...JSON.parse(about()) });
  return {
    /** Python has done everything up to an id. */
    acknowledge(done) {
      unanswered = unanswered.filter((message) => message.id > done);
      flush();
    },
    mark(number) {
      const marked = new Set(store.state.marked);
      if (!marked.delete(number)) marked.add(number);
      store.update({ marked });
    },
    unmark: () => store.update({ marked: new Set() }),
    /** Give the marked samples (none: the whole subset) a tag, or take it from them. */
    tag: (tag) => act("tag", { tag }),
    untag: (tag) => act("untag", { tag }),
    /** The same of the marked samples (none: of the inspected one alone). */
    tagLooked(tag) {
      const { run, marked, looked } = store.state;
      if (marked.size) return act("tag", { tag });
      if (looked !== null) post({ what: "tag", tag, version: run.version, number: looked });
    },
    /** Make them the OOD set or a class of a new run. */
    newRun: (role, name) => act("run", { role, name }),
    /** Keep a note on one sample; give it a tag, or take it away. */
    note: (number, note) => post({ what: "note", number, note }),
    tagOne: (number, tag, given) => post({ what: given ? "tag" : "untag", tag, number }),
    where: () => send("where", JSON.stringify({ number: store.state.looked, time: performance.now() })),
  };
}
