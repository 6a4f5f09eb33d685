// Defines what a person can do in the workbench. An action changes the state; Python receives the settings when a
// gesture ends.

import { drawnPoints } from "../compute/facets.js";
import { inViewTest, nearestPoint, visibilityTest, withinPathTest } from "../compute/hit_test.js";
import { isAwaited } from "../compute/subset.js";
import { pan, zoom } from "../compute/viewport.js";
import { selectionMessage, settingsMessage } from "./messages.js";
import { createOutbox } from "./outbox.js";
import { NO_SAMPLES, extendRange, startRange, toggleSample } from "./selected_samples.js";
import { changeSelection, selectionFromPoints } from "./selection.js";
import { taggingStep } from "./tagging.js";

const INSPECT_DELAY_MS = 120; // Where samples are inspected faster than this, Python is asked about the last one only.
const LEAST_WEIGHT = 0.1, LARGEST_WEIGHT = 1000; // of those that are typed; a link may have a weight of 0

const clampWeight = (weight) => Math.min(Math.max(weight || 0, LEAST_WEIGHT), LARGEST_WEIGHT);

/** Returns a list without an item that it holds, or with one that it does not hold. */
const toggled = (list, item) => (list.includes(item) ? list.filter((other) => other !== item) : [...list, item]);

/** Returns values of facets (facet → list) in which one facet has these values, or is left out where there are none. */
function withValues(values, facet, next) {
  const others = Object.fromEntries(Object.entries(values).filter(([name]) => name !== facet));
  return next.length ? { ...others, [facet]: next } : others;
}

const without = (values, facet, value) => withValues(values, facet, (values[facet] ?? []).filter((other) => other !== value));

/** Returns weights under which an included prior has a positive weight: those given, or none where that is not so. */
const usableWeights = (weights, included) => (weights?.some((weight, j) => included[j] && weight > 0) ? weights : null);

/**
 * Creates the actions.
 * @param {object} store - see store.js
 * @param {Surface} map - the surface of the map
 * @param {function(string, string)} send - sends a message under a name to Python
 * @param {function(object): object} subsetOf - see `createSubset` in selectors.js
 * @returns {object} one function for each action
 */
export function createActions(store, map, send, subsetOf) {
  const sendSettings = () => send("view", settingsMessage(store.state));
  const updateAndSend = (change) => {
    store.update(change);
    sendSettings();
  };
  const inspection = inspectionActions(store, map, send, subsetOf);
  const narrow = createNarrowing(store, subsetOf, inspection.inspect);
  return {
    ...settingActions(store, updateAndSend, sendSettings),
    ...queryActions(store, narrow, sendSettings),
    ...mapActions(store, map),
    ...selectionActions(store, map, narrow, send),
    ...inspection,
    ...sampleActions(store, send, subsetOf),
  };
}

/** Actions on scores and appearance. `setBeta`, `setThreshold`, `setAlpha` and `setSize` are called many times during a
 *  gesture, and `sendSettings` at its end. */
function settingActions(store, updateAndSend, sendSettings) {
  return {
    sendSettings,
    setBeta: (beta) => store.update({ beta }),
    /** Sets the threshold; null stands for the one that keeps 95 % of ID. */
    setThreshold: (threshold) => store.update({ threshold, alpha: null }),
    setAlpha: (alpha) => store.update({ alpha, threshold: null }),
    setColour: (colour) => updateAndSend({ colour }),
    setLayout: (layout) => updateAndSend({ layout }),
    setSize: (size) => store.update({ size }),

    /** Includes prior j in the composition or excludes it; the last included prior stays. */
    setIncluded(j, takesPart) {
      const { weights } = store.state, wanted = store.state.included.with(j, takesPart);
      const included = wanted.some(Boolean) ? wanted : wanted.with(j, true);
      updateAndSend({ included, weights: usableWeights(weights, included) });
    },

    setWeight: (j, weight) => updateAndSend({ weights: store.state.weights.with(j, clampWeight(weight)) }),
    toggleWeights: () => updateAndSend({ weights: store.state.weights ? null : store.state.run.priors.map(() => 1) }),

    /** Shows or hides a set, or the training sample ("train"). */
    toggleSet: (key) => updateAndSend({ hidden: toggled(store.state.hidden, key) }),
  };
}

/** Returns a function that updates what narrows the subset. An inspected sample that was in the subset before, and no
 *  longer is, is closed. */
function createNarrowing(store, subsetOf, inspect) {
  const hasInspected = () => {
    const { run, inspected, query, similar } = store.state, i = inspected === null ? -1 : run.pointOf[inspected];
    return i >= 0 && (isAwaited(query.like, similar) || subsetOf(store.state).subset.mask[i] === 1);
  };
  return (change) => {
    const hadInspected = hasInspected();
    store.update(change);
    if (hadInspected && !hasInspected()) inspect(null);
  };
}

/** Actions on the question, its filters and its order. `setBrush` and `setFind` are called many times during a gesture,
 *  and `sendSettings` at its end. */
function queryActions(store, narrow, sendSettings) {
  const narrowQuery = (change) => narrow({ query: { ...store.state.query, ...change } });
  const setQuery = (change) => {
    narrowQuery(change);
    sendSettings();
  };
  return {
    setQuery,
    setBrush: (brush) => narrowQuery({ brush }),
    setFind: (find) => narrowQuery({ find }),

    /** Adds a value of a facet to those that are kept, or removes it. */
    toggleValue(facet, value) {
      const { values, excluded } = store.state.query, next = toggled(values[facet] ?? [], value);
      setQuery({ values: withValues(values, facet, next), excluded: without(excluded, facet, value) });
    },

    /** Adds a value of a facet to those that are left out, or removes it. */
    toggleExcluded(facet, value) {
      const { values, excluded } = store.state.query, next = toggled(excluded[facet] ?? [], value);
      setQuery({ values: without(values, facet, value), excluded: withValues(excluded, facet, next) });
    },

    /** Keeps only the samples of a slice, or takes that off; pairs hold [facet, value, title]. */
    toggleSlice(pairs) {
      let { values, excluded } = store.state.query;
      const isKept = pairs.every(([facet, value]) => values[facet]?.length === 1 && values[facet][0] === value);
      for (const [facet, value] of pairs) {
        values = withValues(values, facet, isKept ? [] : [value]);
        excluded = without(excluded, facet, value);
      }
      setQuery({ values, excluded });
    },

    /** Shows or hides a method's verdicts. */
    toggleMethod: (key, shown) => setQuery({ methods: toggled(shown, key) }),

    /** Removes every filter except for the lasso, which `clearSelection` removes. */
    clearFilters: () => setQuery({ values: {}, excluded: {}, brush: null, find: "", like: null }),
  };
}

/** Actions on the view of the map, of which Python is not informed. */
function mapActions(store, map) {
  return {
    setTool: (tool) => store.update({ tool }),
    pan: (dx, dy) => store.update({ viewport: pan(map, store.state.viewport, dx, dy) }),
    zoom: (direction, centre) => store.update({ viewport: zoom(map, store.state.viewport, direction, centre) }),
    setLassoPath: (lassoPath) => store.update({ lassoPath }),
    hover(x, y) {
      const { run, hovered } = store.state, i = run.map ? nearestPoint(map, store.state, x, y) : -1;
      if (i !== hovered) store.update({ hovered: i });
    },
  };
}

/** Actions that select points of the map. A mode is "set", "add" or "remove". */
function selectionActions(store, map, narrow, send) {
  const select = (isInside, mode) => {
    const selection = changeSelection(store.state.selection, visibilityTest(store.state), isInside, mode);
    narrow({ selection, selectionPending: false });
    send("lasso", selectionMessage(store.state));
  };
  return {
    clearSelection: () => select(() => false, "set"),
    selectVisible: () => select(inViewTest(map, store.state), "set"),
    selectWithin: (path, mode) => select(withinPathTest(map, store.state, path), mode),
  };
}

/** Actions that inspect a sample. */
function inspectionActions(store, map, send, subsetOf) {
  let timer, lastTime = -Infinity;
  const inspect = (number, range = startRange(store.state, number)) => {
    const isInspected = number === store.state.inspected;
    store.update({ inspected: number, ...range });
    if (isInspected) return;
    clearTimeout(timer);
    const ask = () => send("inspect", JSON.stringify(number)), now = performance.now();
    const isFast = now - lastTime < INSPECT_DELAY_MS;
    lastTime = now;
    if (isFast) timer = setTimeout(ask, INSPECT_DELAY_MS); // A held key runs through many samples.
    else ask();
  };
  return {
    /** Inspects a sample, at which the next range begins; null closes the inspector. */
    inspect: (number) => inspect(number),

    inspectAt(x, y) {
      const i = nearestPoint(map, store.state, x, y);
      if (i >= 0) inspect(store.state.run.number[i]);
    },

    /** Inspects the sample some positions further in the subset, the first where none of the subset is inspected; and
     *  selects all up to it where it extends a range. */
    step(offset, isExtending = false) {
      const { points } = subsetOf(store.state), { run, inspected } = store.state;
      if (!points.length) return;
      const position = inspected === null ? -1 : points.indexOf(run.pointOf[inspected]);
      const wanted = position < 0 && Number.isFinite(offset) ? 0 : position + offset;
      const next = Math.min(Math.max(wanted, 0), points.length - 1);
      const number = run.number[points[next]];
      inspect(number, isExtending ? extendRange(store.state, points, number) : undefined);
    },

    requestPositionMaps() {
      send("where", JSON.stringify({ number: store.state.inspected, time: performance.now() }));
    },
  };
}

/** Actions on the selected samples, or on the whole subset where none is selected: tags, notes, and sets of new runs. */
function sampleActions(store, send, subsetOf) {
  const outbox = createOutbox((messages) => send("act", messages));
  const affectedNumbers = () => {
    const { run, selectedSamples } = store.state;
    return selectedSamples.size ? [...selectedSamples] : Array.from(subsetOf(store.state).points, (i) => run.number[i]);
  };
  const samplesMessage = (numbers) => {
    const { run } = store.state, points = drawnPoints(run, numbers);
    return JSON.parse(selectionMessage({ run, selection: selectionFromPoints(points, run.n) }));
  };
  return {
    acknowledge: outbox.acknowledge,
    toggleSample: (number) => store.update(toggleSample(store.state, number)),

    /** Selects the samples of the subset from the one at which the range begins to this one. */
    selectUpTo: (number) => store.update(extendRange(store.state, subsetOf(store.state).points, number)),
    deselectSamples: () => store.update(NO_SAMPLES),
    ...taggingActions(store, outbox.post, affectedNumbers, samplesMessage),

    /** Starts the job that makes the run's map. */
    makeMap: () => outbox.post({ what: "map" }),

    /** Starts a new run in which the samples are an OOD set (role "ood") or a known class (role "class"). */
    newRun: (role, name) => outbox.post({ what: "run", role, name, ...samplesMessage(affectedNumbers()) }),

    /** Decides what becomes of the samples in the next run; see `ACTIONS` in decisions/decision_line.js. */
    decide: (action, name) => outbox.post({ what: "decide", action, name, ...samplesMessage(affectedNumbers()) }),
    undoDecision: (decision) => outbox.post({ what: "undo-decision", decision }),
    reviewDecisions: () => outbox.post({ what: "review-decisions" }),
    runAgain: () => outbox.post({ what: "run-again" }),
    saveNote: (number, note) => outbox.post({ what: "note", number, note }),
  };
}

/** Actions that tag samples; the last one can be undone. */
function taggingActions(store, post, affectedNumbers, samplesMessage) {
  const postTag = (tag, isTagged, numbers) => {
    const samples = numbers.length === 1 ? { number: numbers[0] } : samplesMessage(numbers);
    post({ what: isTagged ? "tag" : "untag", tag, ...samples });
  };
  const setTags = (tag, isTagged, numbers) => {
    const { state } = store, step = taggingStep(state, tag, isTagged, numbers);
    if (step.numbers.length) store.update({ taggings: [...state.taggings, step] });
    postTag(tag, isTagged, numbers);
  };
  return {
    tag: (tag) => setTags(tag, true, affectedNumbers()),

    /** Tags the selected samples, or the inspected sample where none is selected. */
    tagInspected(tag) {
      const { selectedSamples, inspected } = store.state;
      if (selectedSamples.size) setTags(tag, true, [...selectedSamples]);
      else if (inspected !== null) setTags(tag, true, [inspected]);
    },

    setTag: (number, tag, isTagged) => setTags(tag, isTagged, [number]),

    /** Undoes the last step of tagging that is not undone: only the samples that it changed are changed back. */
    undoTagging() {
      const { taggings } = store.state, last = taggings.findLastIndex((step) => !step.isUndone);
      if (last < 0) return;
      const { tag, isTagged, numbers } = taggings[last];
      store.update({ taggings: taggings.with(last, { tag, isTagged: !isTagged, numbers, isUndone: true }) });
      postTag(tag, !isTagged, numbers);
    },
  };
}
