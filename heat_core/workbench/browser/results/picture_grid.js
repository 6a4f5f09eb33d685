// Creates the grid: one picture for each sample, with the verdict of each shown method.

import { element } from "../common/dom.js";
import { createPicture, pointPictureUrl } from "../common/pictures.js";
import { createBadge, createClassLabels, describeVerdict, nameTrueClass, nameVerdicts } from "../common/verdicts.js";
import { clickHandler } from "./pointer.js";

const GAP = 8, CAPTION_HEIGHT = 38; // CSS pixels
const NAMED_FROM = 132; // CSS pixels; the width from which badges show the names of their methods

/**
 * Returns the number of pictures in a row.
 * @param {number} width - of the results in CSS pixels
 * @param {number} size - of a picture in CSS pixels
 * @returns {number}
 */
export const gridColumns = (width, size) => Math.max(1, Math.floor((width + GAP) / (size + GAP)));

/**
 * Returns the height of a row in CSS pixels.
 * @param {number} size - of a picture in CSS pixels
 * @returns {number}
 */
export const gridRowHeight = (size) => size + CAPTION_HEIGHT + GAP;

/**
 * Returns a function that creates the row of a number.
 * @param {object} run
 * @param {Uint32Array} points - in order
 * @param {object[]} methods - see `methodOf` in compute/query.js
 * @param {number} columns - see `gridColumns`
 * @param {number} size - of a picture in CSS pixels
 * @param {object} actions - see state/actions.js
 * @returns {function(number): HTMLElement}
 */
export const gridRowCreator = (run, points, methods, columns, size, actions) => (row) => {
  const line = element("div", { className: "line-of-pictures" });
  line.style.gridTemplateColumns = `repeat(${columns}, ${size}px)`;
  const shown = points.slice(row * columns, (row + 1) * columns);
  line.append(...Array.from(shown, (i) => createCell(run, i, methods, size, actions)));
  return line;
};

function createCell(run, i, methods, size, actions) {
  const number = run.number[i], { kind } = describeVerdict(run, i, methods.at(-1).isFlagged(i));
  const confidence = run.confidence[i], share = Number.isNaN(confidence) ? [] : [`${Math.round(100 * confidence)} %`];
  const prediction = [run.classes[run.seen[i]], ...share].join(" · ");
  const className = `cell ${kind}${run.misclassified[i] ? " misclassified" : ""}`, title = run.ids[i];
  const cell = element("button", { type: "button", role: "option", className, title });
  cell.dataset.number = number;
  const facts = [run.sets[run.set[i]].name, run.ids[i], `predicted as ${prediction}`, ...nameTrueClass(run, i)];
  cell.ariaLabel = [...facts, nameVerdicts(run, i, methods)].join(", ");
  const badges = methods.map((method) => createBadge(run, i, method, size >= NAMED_FROM));
  const picture = createPicture(pointPictureUrl(run, i, size));
  const marks = element("span", { className: "marks" }, ...badges);
  const frame = element("span", { className: "frame" }, picture, ...createClassLabels(run, i), marks);
  frame.style.height = `${size}px`;
  cell.append(frame, element("span", { className: "caption", textContent: prediction }));
  const origin = [run.sets[run.set[i]].name, ...nameTrueClass(run, i)].join(" · ");
  cell.append(element("span", { className: "caption faint", textContent: origin, title: origin }));
  cell.onclick = clickHandler(number, actions);
  return cell;
}
