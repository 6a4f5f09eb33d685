// Creates rows of the same samples, one for each method, as in Figs. 5, 8 and 9 of the paper. A block of rows is as
// wide as the results.

import { element } from "../common/dom.js";
import { createPicture, pointPictureUrl } from "../common/pictures.js";
import { createClassLabels, describeVerdict, nameTrueClass } from "../common/verdicts.js";
import { clickHandler } from "./pointer.js";

const NAME_WIDTH = 76, GAP = 8, CAPTION_HEIGHT = 30; // CSS pixels

/**
 * Returns the number of samples in a block.
 * @param {number} width - of the results in CSS pixels
 * @param {number} size - of a picture in CSS pixels
 * @returns {number}
 */
export const methodColumns = (width, size) => Math.max(2, Math.floor((width - NAME_WIDTH) / (size + GAP)));

/**
 * Returns the height of a block in CSS pixels.
 * @param {number} methods - the number of methods
 * @param {number} size - of a picture in CSS pixels
 * @returns {number}
 */
export const methodBlockHeight = (methods, size) => methods * (size + GAP) + CAPTION_HEIGHT;

/**
 * Returns a function that creates the block of a number.
 * @param {object} run
 * @param {Uint32Array} points - in order
 * @param {object[]} methods - see `methodOf` in compute/query.js
 * @param {number} columns - see `methodColumns`
 * @param {number} size - of a picture in CSS pixels
 * @param {object} actions - see state/actions.js
 * @returns {function(number): HTMLElement}
 */
export const methodBlockCreator = (run, points, methods, columns, size, actions) => (number) => {
  const block = element("div", { className: "block" }), shown = points.slice(number * columns, (number + 1) * columns);
  block.style.gridTemplateColumns = `${NAME_WIDTH}px repeat(${columns}, ${size}px)`;
  for (const method of methods) {
    const label = element("div", { className: "method", textContent: method.title });
    label.style.gridColumn = 1; // This starts a new row even where the row before is not full.
    block.append(label, ...Array.from(shown, (i) => createCell(run, i, method, size, actions)));
  }
  block.append(element("span"), ...Array.from(shown, (i) =>
    element("span", { className: "caption", textContent: run.classes[run.seen[i]], title: run.ids[i] })));
  return block;
};

function createCell(run, i, method, size, actions) {
  const { kind, sign, description } = describeVerdict(run, i, method.isFlagged(i)), number = run.number[i];
  const title = `${method.title}: ${description}`, ariaLabel = [run.ids[i], ...nameTrueClass(run, i), title].join(", ");
  const className = `cell ${kind}${run.misclassified[i] ? " misclassified" : ""}`;
  const cell = element("button", { type: "button", role: "option", className, title, ariaLabel });
  cell.dataset.number = number;
  const frame = element("span", { className: "frame" }, createPicture(pointPictureUrl(run, i, size)));
  frame.style.height = `${size}px`;
  const mark = element("span", { className: `mark ${kind}`, textContent: sign });
  frame.append(...createClassLabels(run, i), element("span", { className: "marks" }, mark));
  cell.append(frame);
  cell.onclick = clickHandler(number, actions);
  return cell;
}
