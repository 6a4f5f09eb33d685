// Mounts the workbench in Streamlit. Python's answers arrive through a second, small component (answer.js), so that the
// run is not sent again.

import { createView } from "./inspect.js";
import { decodeRun } from "./state/decode_run.js";
import { registerView, unregisterView } from "./state/view_registry.js";

const mounted = new WeakMap(); // element in which a view is mounted → {load, stop}

/**
 * Mounts the workbench, or updates it with new data.
 * @param {{data: Uint8Array, parentElement: Element, setTriggerValue: function(string, string)}} component
 * @returns {function()} unmounts the workbench
 */
export default function ({ data, parentElement: root, setTriggerValue }) {
  if (!mounted.has(root)) mounted.set(root, mount(root));
  const { load, stop } = mounted.get(root);
  load(data, setTriggerValue);
  return stop;
}

function mount(root) {
  let trigger, name; // the function by which Streamlit sends, which it passes anew with each data; the name of the view
  const view = createView(root, (...message) => trigger(...message));
  return {
    load(data, setTriggerValue) {
      trigger = setTriggerValue;
      const run = decodeRun(data);
      if (name !== run.view) unregisterView(name, view.live);
      name = run.view;
      view.load(run, registerView(name, view.live));
    },
    stop() {
      view.stop();
      unregisterView(name, view.live);
    },
  };
}
