// The live view: β, threshold, histogram, map and selection, linked. The run comes once, as one block of bytes; what
// Python answers comes through a second, small component (state.js), so that the block is never sent again.

import { createActions } from "./actions.js";
import { Surface } from "./canvas.js";
import { theme } from "./colours.js";
import { wireControls } from "./controls.js";
import { facade } from "./facade.js";
import { wireLine, wireMap } from "./hands.js";
import { same } from "./memo.js";
import { answered, loaded } from "./messages.js";
import { createPainter } from "./painting.js";
import { publish, withdraw } from "./registry.js";
import { createScoring } from "./scoring.js";
import { createStore } from "./store.js";
import { unpack } from "./wire.js";

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
  const store = createStore(), scored = createScoring();
  let send = null; // Streamlit's, which it gives anew with the data
  const act = createActions(store, surfaces.map, (name, value) => send(name, value));
  const painter = createPainter(root, surfaces, store, scored, act.toggle);
  const receive = (message) => store.update(answered(store.state, message));
  const live = facade(root, store, scored, painter.stats, receive);
  wire(root, surfaces, store, scored, act, painter);
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
      withdraw(store.state.run?.view, live);
    },
  };
}

/** What is done in the view reaches the actions; what changes reaches controls at once, and the rest with the frame. */
function wire(root, surfaces, store, scored, act, painter) {
  const read = {
    get beta() { return store.state.beta; },
    get tool() { return store.state.tool; },
    get h() { return scored(store.state).h; },
    get line() { return scored(store.state).line; },
    get at95() { return scored(store.state).at95; },
  };
  store.listen(wireControls(root, read, act));
  store.listen(painter.request);
  wireLine(surfaces.hist, read, act);
  wireMap(surfaces.map.canvas, read, act);
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
