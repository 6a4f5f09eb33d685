// Mounts the workbench in a notebook (Jupyter, VS Code, marimo), whose pages reach Python by anywidget's messages
// (heat_core/workbench/widget.py). A shadow root separates its style sheet from that of the page.

import { element, setText } from "./common/dom.js";
import { createPictureQueue } from "./common/picture_queue.js";
import { registerPictures } from "./common/pictures.js";
import { followTheme } from "./common/theme.js";
import { createView } from "./inspect.js";
import { decodeRun } from "./state/decode_run.js";

/**
 * Starts getting the pictures of a widget, which may be shown several times.
 * @param {{model: object}} widget
 * @returns {function()} ends that
 */
function initialize({ model }) {
  const queue = createPictureQueue((addresses) => model.send({ name: "pictures", value: addresses }));
  const unregister = registerPictures(model.get("pictures"), queue.load);
  const receive = ({ pictures }, buffers) => pictures && queue.receive(pictures, buffers);
  model.on("msg:custom", receive);
  return () => {
    model.off("msg:custom", receive);
    unregister();
    queue.stop();
  };
}

/**
 * Shows the workbench of a widget.
 * @param {{model: object, el: HTMLElement}} widget
 * @returns {function()} removes it
 */
function render({ model, el }) {
  const host = element("div"), root = host.attachShadow({ mode: "open" });
  host.dataset.lmSuppressShortcuts = ""; // JupyterLab would take the keys as commands to the notebook.
  root.innerHTML = model.get("page");
  el.append(host);
  const notice = element("p", { className: "notice", role: "status" });
  root.querySelector(".live").prepend(notice);
  const view = createView(root, (name, value) => model.send({ name, value: JSON.parse(value) }));
  const stopTheme = followTheme(host, view.writeColours);
  connectInput(root, view, model);
  const load = () => view.load(decodeRun(toBytes(model.get("payload"))), model.get("answer"));
  const receive = () => {
    view.receive(model.get("answer"));
    setText(notice, model.get("answer").notice);
  };
  model.on("change:payload", load);
  model.on("change:answer", receive);
  load();
  receive();
  return () => {
    model.off("change:payload", load);
    model.off("change:answer", receive);
    stopTheme();
    view.stop();
  };
}

/** Sends what Streamlit's page gets otherwise or does not need: which samples are ticked, and requests for files. */
function connectInput(root, view, model) {
  let ticked = null;
  view.listen(({ selectedSamples }) => {
    if (ticked && ticked !== selectedSamples) model.send({ name: "tick", value: [...selectedSamples] });
    ticked = selectedSamples;
  });
  root.addEventListener("keydown", (e) => e.defaultPrevented && e.stopPropagation());
  root.addEventListener("click", (e) => {
    const link = e.target.closest("[data-take]");
    if (!link) return;
    e.preventDefault();
    model.send({ name: "take", value: link.dataset.take });
  });
}

/** Returns the bytes of a DataView, as which a notebook's page receives them. */
const toBytes = ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength);

export default { initialize, render };
