// Writes the inspector of one sample: the browser's facts at once, and Python's details when they arrive.

import { element } from "../common/dom.js";
import { formatPercent } from "../common/format.js";
import { memo } from "../common/memo.js";
import { FULL_SIDE, createPicture, pointPictureUrl } from "../common/pictures.js";
import { createBadge } from "../common/verdicts.js";
import { createSampleDetails } from "./sample_details.js";

const PICTURE_SIDE = 384; // CSS pixels
const POLL_MS = 1000; // between two requests for position maps that are being computed

/**
 * Creates the inspector.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {function(string)} enlarge - shows a picture in full size
 * @returns {function(object, object[], object)} draws a state, the methods (see `methodOf` in compute/query.js), and
 *   {histogram, cutoff}, which change whenever a verdict may change
 */
export function createInspector(root, actions, enlarge) {
  const container = root.querySelector(".inspector"), picture = element("div", { className: "large" });
  const facts = element("div"), details = element("div");
  const writeSample = memo(({ run, inspected }) => {
    if (inspected === null) return container.replaceChildren(createHint());
    details.replaceChildren(element("p", { className: "faint", textContent: "…" }));
    container.replaceChildren(picture, facts, details);
    const i = run.pointOf[inspected];
    if (i < 0) return;
    showPicture(picture, pointPictureUrl(run, i, PICTURE_SIDE), () => enlarge(pointPictureUrl(run, i, FULL_SIDE)));
  });
  const writeFacts = memo(({ run, inspected, methods }) => {
    const i = inspected === null ? -1 : run.pointOf[inspected];
    facts.replaceChildren(...(i >= 0 ? createFacts(run, i, methods) : []));
  });
  const noteDraft = { number: null, value: "", isFocused: false };
  let polling;
  const writeDetails = memo(({ sampleDetail, run, inspected, tags }) => {
    clearInterval(polling);
    if (inspected === null || sampleDetail?.number !== inspected) return;
    const url = sampleDetail.picture;
    if (run.pointOf[inspected] < 0) showPicture(picture, url, () => enlarge(url));
    details.replaceChildren(...createSampleDetails(run, sampleDetail, tags, actions, picture, noteDraft));
    if (sampleDetail.where?.pending) polling = setInterval(actions.requestPositionMaps, POLL_MS);
  });
  return (state, methods, { histogram, cutoff }) => {
    const { run, inspected, sampleDetail, tags } = state;
    writeSample({ run, inspected });
    writeFacts({ run, inspected, methods, histogram, cutoff });
    writeDetails({ sampleDetail, run, inspected, tags });
  };
}

function createHint() {
  const textContent = "Click a picture, a line or a point to see why it is called known or unknown.";
  return element("p", { className: "faint", textContent });
}

function showPicture(container, url, onclick) {
  const button = element("button", { type: "button", className: "open", title: "Full size (f)", onclick });
  button.append(element("span", { className: "fit" }, createPicture(url))); // The span is as large as the picture.
  container.replaceChildren(button);
}

function createFacts(run, i, methods) {
  const set = run.sets[run.set[i]].name, predicted = run.classes[run.seen[i]];
  const facts = [
    element("div", { className: "verdicts" }, ...methods.map((method) => createBadge(run, i, method, true))),
    element("div", { className: "name", textContent: `${set} · ${run.ids[i]}`, title: run.ids[i] }),
    element("div", { textContent: `Taken for ${predicted}, ${formatPercent(run.confidence[i])} % sure` }),
  ];
  if (run.label[i] < run.classes.length) {
    const label = run.classes[run.label[i]];
    facts.push(element("div", { textContent: `True class: ${label}${label === predicted ? "" : " ✗"}` }));
  }
  return facts;
}
