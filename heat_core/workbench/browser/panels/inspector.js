// Writes the inspector of one sample: the browser's facts at once, and Python's details when they arrive.

import { element } from "../common/dom.js";
import { formatConfidence } from "../common/format.js";
import { memo } from "../common/memo.js";
import { FULL_SIDE, createPicture, pointPictureUrl } from "../common/pictures.js";
import { createBadge, trueClassOf } from "../common/verdicts.js";
import { isAwaited } from "../compute/subset.js";
import { createSampleDetails } from "./sample_details.js";

const PICTURE_SIDE = 384; // CSS pixels
const OUTSIDE = "This image is not among those that answer the question and pass the filters.";
const LOWEST_TOP = 0.6; // share of the window's height
const POLL_MS = 1000; // between two requests for position maps that are being computed

/**
 * Creates the inspector.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {function(string)} enlarge - shows a picture in full size
 * @returns {function(object, object[], object)} draws a state, the methods (see `methodOf` in compute/query.js), and
 *   {histogram, cutoff}, which change whenever a verdict may change, and mask: 0 or 1 for each point of the subset
 */
export function createInspector(root, actions, enlarge) {
  const container = root.querySelector(".inspector"), picture = element("div", { className: "large" });
  const facts = element("div", { className: "facts" }), details = element("div", { className: "details" });
  const close = element("button", { type: "button", className: "close", textContent: "✕", ariaLabel: "Close" });
  close.onclick = () => {
    actions.inspect(null);
    root.querySelector('.results [data-number][tabindex="0"]')?.focus({ preventScroll: true });
  };
  container.addEventListener("keydown", (e) => {
    if (e.key !== "Escape" || e.defaultPrevented) return;
    e.preventDefault(); // Escape would also close an open menu.
    close.click();
  });
  const writeSample = memo(({ run, inspected }) => {
    root.querySelector(".live").dataset.inspected = inspected !== null;
    if (inspected === null) return container.replaceChildren();
    details.replaceChildren(element("p", { className: "faint", textContent: "…" }));
    container.replaceChildren(close, picture, facts, details);
    bringIntoView(container);
    const i = run.pointOf[inspected];
    if (i < 0) return;
    showPicture(picture, pointPictureUrl(run, i, PICTURE_SIDE), () => enlarge(pointPictureUrl(run, i, FULL_SIDE)));
  });
  const writeFacts = memo(({ run, inspected, methods, isOutside }) => {
    const i = inspected === null ? -1 : run.pointOf[inspected];
    const outside = isOutside ? [element("p", { className: "faint", textContent: OUTSIDE })] : [];
    facts.replaceChildren(...outside, ...(i >= 0 ? createFacts(run, i, methods) : []));
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
  return (state, methods, { histogram, cutoff, mask }) => {
    const { run, inspected, sampleDetail, tags, query, similar } = state;
    writeSample({ run, inspected });
    const isOutside = inspected !== null && !isAwaited(query.like, similar) && mask[run.pointOf[inspected]] === 0;
    writeFacts({ run, inspected, methods, histogram, cutoff, isOutside });
    writeDetails({ sampleDetail, run, inspected, tags });
  };
}

/** Scrolls the page where the inspector begins so low that nothing of it would be read. */
function bringIntoView(inspector) {
  if (inspector.getBoundingClientRect().top > LOWEST_TOP * innerHeight) inspector.scrollIntoView({ block: "nearest" });
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
    element("div", { textContent: `Predicted class ${predicted}, confidence ${formatConfidence(run.confidence[i])}` }),
  ];
  const label = trueClassOf(run, i), isWrong = run.misclassified[i];
  const sentence = isWrong ? `✗ Wrong class: it is ${label}, not ${predicted}` : `True class: ${label}`;
  if (label) facts.push(element("div", { textContent: sentence, className: isWrong ? "wrong-class" : "" }));
  return facts;
}
