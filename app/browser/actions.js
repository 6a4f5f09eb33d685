// What a person can do in the live view. Each changes the state, and tells Python once it is settled.

import { told, toldSelection } from "./messages.js";
import { inView, nearest, shown, within } from "./points.js";
import { selecting } from "./selection.js";
import { panned, zoomed } from "./viewport.js";

const HOVER_MS = 70; // the pointer rests so long before Python is asked for a picture

const clamped = (weight) => Math.min(Math.max(weight || 0, 0.1), 1000);

/** map: its surface; send(name, value) tells Python. */
export function createActions(store, map, send) {
  return { ...settings(store, send), ...looking(store, map), ...picking(store, map, send) };
}

/** What numbers and colours are of. `setBeta` and `setThreshold` are called on the way, `tell` at its end. */
function settings(store, send) {
  const tell = () => send("view", told(store.state));
  const settle = (change) => (store.update(change), tell());
  return {
    tell,
    setBeta: (beta) => store.update({ beta }),
    setThreshold: (threshold) => store.update({ threshold }), // null: at 95 % of ID
    setColour: (colour) => settle({ colour }),

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

/** What is seen of the map; Python need not know. */
function looking(store, map) {
  return {
    setTool: (tool) => store.update({ tool }),
    pan: (dx, dy) => store.update({ where: panned(map, store.state.where, dx, dy) }),
    zoom: (how, place) => store.update({ where: zoomed(map, store.state.where, how, place) }),
    drawPath: (path) => store.update({ path }),
  };
}

/** Points under the pointer, selected or inspected. */
function picking(store, map, send) {
  let asking;
  const select = (fits, how) => {
    const selection = selecting(store.state.selection, shown(store.state), fits, how);
    store.update({ selection, selectionDue: false });
    send("lasso", toldSelection(store.state));
  };
  return {
    clear: () => select(() => false, "set"),
    selectInView: () => select(inView(map, store.state), "set"),
    /** how: "set", "add" or "remove" what lies within. */
    selectWithin: (path, how) => select(within(map, store.state, path), how),

    inspectAt(x, y) {
      const i = nearest(map, store.state, x, y);
      if (i >= 0) send("inspect", store.state.run.number[i]);
    },

    hover(x, y) {
      const { run, thumbs, hovered } = store.state;
      if (!run.map) return;
      const i = nearest(map, store.state, x, y);
      if (i === hovered) return;
      clearTimeout(asking);
      store.update({ hovered: i });
      if (i >= 0 && !thumbs.has(run.number[i])) asking = setTimeout(() => send("hover", run.number[i]), HOVER_MS);
    },
  };
}
