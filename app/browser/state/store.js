// The state of one workbench. Nobody writes a field of it: `update` replaces the frozen whole and tells who listens.

import { PLAIN } from "../compute/subset.js";
import { WHOLE } from "../map/viewport.js";

const START = {
  run: null, // what came from `unpack`
  beta: 0, threshold: null, alpha: null, taking: [], weights: null, colour: "dataset", off: [], // Python keeps these too
  ask: PLAIN, layout: "grid", size: 112, // and these
  looked: null, // and the number of the inspected sample
  selection: null, selectionDue: false, // {bits, count}, see selection.js; whether Python's next one is taken over
  adopted: -1, adoptedSignature: null, // the last state that Python gave: its version and its composition
  exact: null, // Python's numbers, with the signature of the composition that they are of
  parts: null, tags: {}, alike: null, subject: null, // Python's answers: see messages.js
  marked: new Set(), // numbers of the samples that the next action is about; none = the whole subset
  hovered: -1, // point
  where: WHOLE, tool: "lasso", path: null, // the map, and the lasso while it is drawn
  colours: null, // of the page
};

export function createStore() {
  let state = Object.freeze({ ...START });
  const listeners = [];
  return {
    get state() { return state; },
    update(change) {
      state = Object.freeze({ ...state, ...change });
      for (const listener of listeners) listener(state);
    },
    listen(listener) { listeners.push(listener); },
  };
}
