// The state of one live view. Nobody writes a field of it: `update` replaces the frozen whole and tells who listens.

import { WHOLE } from "./viewport.js";

const START = {
  run: null, // what came from `unpack`
  beta: 0, threshold: null, taking: [], weights: null, colour: "dataset", off: [], // Python keeps these too
  selection: null, selectionDue: false, // {bits, count}, see selection.js; whether Python's next one is taken over
  adopted: -1, adoptedSignature: null, // the last state that Python gave: its version and its composition
  exact: null, // Python's numbers, with the signature of the composition that they are of
  thumbs: new Map(), // sample number → {number, url, id}
  hovered: -1, inspected: -1, // points
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
