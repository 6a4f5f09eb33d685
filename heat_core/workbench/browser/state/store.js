// Holds the state of one workbench. Only `update` changes it: it replaces the frozen object and notifies listeners.

import { NO_DECISIONS } from "../compute/facets.js";
import { PLAIN_QUERY } from "../compute/query.js";
import { WHOLE_MAP } from "../compute/viewport.js";
import { NO_SAMPLES } from "./selected_samples.js";

const INITIAL_STATE = {
  run: null, // the run that Python sent, see decode_run.js
  // The settings that Python keeps as well:
  beta: 0, threshold: null, alpha: null, // the chosen threshold or false-positive rate, or neither
  included: [], weights: null, // for each prior whether it takes part, and its weight
  colour: "dataset", hidden: [], // how points are coloured, and the keys of the hidden sets ("train": training sample)
  query: PLAIN_QUERY, layout: "grid", size: 112, // the question and filters, and the layout of the results
  inspected: null, // the number of the inspected sample
  selection: null, // {bits, count}, see selection.js
  // Python's answers, see messages.js:
  selectionPending: false, // whether the selection of Python's next answer replaces this one
  answeredVersion: -1, answeredSignature: null, // the version and the composition of the last state from Python
  exact: null, // exact numbers, with the signature of their composition
  parts: null, tags: {}, decisions: NO_DECISIONS, slices: null, similar: null, sampleDetail: null, mapNote: null,
  // The rest is known to the browser alone:
  ...NO_SAMPLES, // what the next action is about; the whole subset where nothing is selected
  taggings: [], // the steps of tagging that can be undone, see tagging.js
  hovered: -1, // the point under the pointer
  viewport: WHOLE_MAP, tool: "lasso", lassoPath: null, // lassoPath is the path while it is drawn
  pageColours: null, // see `readPageColours` in map/colours.js
};

/**
 * Creates a store.
 * @returns {{state: object, update: function(object), listen: function(function(object))}} update takes the fields that
 *   change; listen adds a function to call with each new state
 */
export function createStore() {
  let state = Object.freeze({ ...INITIAL_STATE });
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
