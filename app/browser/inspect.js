// The workbench: β, threshold, questions, histogram, map, breakdown, results and inspector, linked. The run comes once,
// as one block of bytes; what Python answers comes through a second, small component (answer.js), so that the block is
// never sent again.

import { createActions } from "./state/actions.js";
import { createBar, offered } from "./results/bar.js";
import { createBreakdown } from "./panels/breakdown.js";
import { Surface } from "./map/canvas.js";
import { histogramFile, mapFile } from "./results/charts.js";
import { createChips } from "./panels/chips.js";
import { theme } from "./map/colours.js";
import { wireControls } from "./panels/controls.js";
import { facade } from "./state/public_api.js";
import { drawing, saveFigure } from "./results/figure.js";
import { wireGuide } from "./panels/guide.js";
import { wireLine, wireMap } from "./input/pointer.js";
import { createInspector } from "./panels/inspector.js";
import { wireKeys } from "./input/keys.js";
import { createLightbox } from "./panels/lightbox.js";
import { same } from "./common/memo.js";
import { answered, loaded } from "./state/messages.js";
import { createPainter } from "./map/painting.js";
import { pictureOf, pictureOfPoint } from "./results/pictures.js";
import { createQuestions } from "./panels/questions.js";
import { publish, withdraw } from "./state/registry.js";
import { createRate } from "./panels/rate.js";
import { createResults } from "./results/results.js";
import { createScoring, createSubset } from "./compute/scoring.js";
import { createStore } from "./state/store.js";
import { methodOf, methodsOf } from "./compute/subset.js";
import { unpack } from "./state/decode.js";

const views = new WeakMap(); // where it is mounted → the view

export default function ({ data, parentElement: root, setTriggerValue }) {
  if (!views.has(root)) views.set(root, createView(root));
  const view = views.get(root);
  view.load(data, setTriggerValue);
  return view.stop;
}

function createView(root) {
  const $ = (selector) => root.querySelector(selector);
  const surfaces = { hist: new Surface($(".hist")), map: new Surface($(".map")), over: new Surface($(".over")) };
  const store = createStore(), scored = createScoring(), subset = createSubset(scored);
  let send = null; // Streamlit's, which it gives anew with the data
  const act = createActions(store, surfaces.map, (name, value) => send(name, value), subset);
  const request = () => painter.request();
  const { panels, see, stop } = panelsOf(root, store, scored, subset, act, request);
  const painter = createPainter(root, surfaces, store, scored, subset, act.toggle, panels);
  const receive = (message) => {
    store.update(answered(store.state, message));
    act.acknowledge(message.done);
  };
  const live = facade(root, store, scored, subset, painter.stats, receive);
  wire(root, surfaces, store, scored, act, painter, see);
  const stopFitting = fit(surfaces, painter.request);

  return {
    load(bytes, trigger) {
      send = trigger;
      const { state } = store, run = unpack(bytes), colours = theme($(".live"));
      const change = same(colours, state.colours ?? {}) ? {} : { colours };
      if (state.run?.version !== run.version) {
        if (state.run?.view !== run.view) withdraw(state.run?.view, live);
        Object.assign(change, loaded(state, run, publish(run.view, live)));
      }
      store.update(change);
    },
    stop() {
      stopFitting();
      stop();
      withdraw(store.state.run?.view, live);
    },
  };
}

/** What is beside histogram and map, as functions of the state; and what keys do to them. */
function panelsOf(root, store, scored, subset, act, request) {
  const results = createResults(root, act, request), lightbox = createLightbox(root);
  const draw = {
    rows(state, found) {
      const { run, ask } = state, methods = methodsOf(run, ask).map((key) => methodOf(run, key, found));
      return drawing(run, subset(state).points, methods);
    },
    histogram: histogramFile,
    map: mapFile,
  };
  const save = async (what, kind) => {
    const { state } = store;
    await saveFigure(await draw[what](state, scored(state)), kind, `${state.run.id}-${what}`);
  };
  const panels = {
    questions: createQuestions(root, act),
    chips: createChips(root, act),
    breakdown: createBreakdown(root, act, request),
    bar: createBar(root, act, save),
    rate: createRate(root, act),
    results: results.part,
    inspector: createInspector(root, act, lightbox),
  };
  const see = {
    reveal: () => requestAnimationFrame(results.reveal),
    tag() {
      root.querySelector(".tagging").setAttribute("open", "");
      root.querySelector(".new-tag").focus();
      return true;
    },
    enlarge() {
      const { run, looked, subject } = store.state, i = run.pointOf[looked];
      if (i >= 0) lightbox(pictureOfPoint(run, i, 1536));
      else if (subject?.number === looked) lightbox(pictureOf(run, subject.set, subject.row, 1536));
      return true;
    },
    get perRow() { return results.perRow; },
  };
  return { panels, see, stop: results.stop };
}

/** What is done in the view reaches the actions; what changes reaches controls at once, and the rest with the frame. */
function wire(root, surfaces, store, scored, act, painter, see) {
  const read = {
    get beta() { return store.state.beta; },
    get tool() { return store.state.tool; },
    get looked() { return store.state.looked; },
    get truth() { return store.state.run?.truth; },
    get tags() { return offered(store.state.tags); },
    get perRow() { return see.perRow; },
    get h() { return store.state.run && scored(store.state).h; },
    get line() { return scored(store.state).line; },
    get at95() { return scored(store.state).at95; },
  };
  store.listen(wireControls(root, read, act));
  store.listen(painter.request);
  wireLine(surfaces.hist, read, act);
  wireMap(surfaces.map.canvas, read, act);
  wireKeys(root.querySelector(".live"), read, act, see);
  wireGuide(root);
}

/** Canvases follow the page's layout; returns what ends that. */
function fit(surfaces, then) {
  const all = Object.values(surfaces);
  const follow = () => {
    for (const surface of all) surface.fit();
    then();
  };
  follow(); // the first frame may come before what is observed
  const observer = new ResizeObserver(follow);
  for (const surface of all) observer.observe(surface.canvas);
  return () => observer.disconnect();
}
