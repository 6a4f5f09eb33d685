// The same samples in one row a method, as in Figs. 5, 8 and 9 of the paper: in blocks as wide as the page.

import { picture, pictureOfPoint } from "./pictures.js";
import { verdictOn } from "./verdicts.js";
import { element } from "../common/format.js";

export const NAME_WIDTH = 76;
const GAP = 8;

export const columnsOfRows = (width, size) => Math.max(2, Math.floor((width - NAME_WIDTH) / (size + GAP)));
export const blockHeight = (methods, size) => methods * (size + GAP) + 30;

/** A block: a function of its number. */
export const blockOfRows = (run, points, methods, columns, size, act) => (row) => {
  const block = element("div", { className: "block" }), own = points.slice(row * columns, (row + 1) * columns);
  block.style.gridTemplateColumns = `${NAME_WIDTH}px repeat(${columns}, ${size}px)`;
  for (const method of methods) {
    const label = element("div", { className: "method", textContent: method.title });
    label.style.gridColumn = 1; // a new row, also where the one before is not full
    block.append(label, ...Array.from(own, (i) => cell(run, i, method, size, act)));
  }
  block.append(element("span"), ...Array.from(own, (i) =>
    element("span", { className: "caption", textContent: run.classes[run.seen[i]], title: run.ids[i] })));
  return block;
};

function cell(run, i, method, size, act) {
  const { kind, sign, words } = verdictOn(run, i, method.flagged(i)), number = run.number[i];
  const whole = element("button", { type: "button", className: `cell ${kind}`, title: `${method.title}: ${words}` });
  whole.dataset.number = number;
  const frame = element("span", { className: "frame" }, picture(pictureOfPoint(run, i, size)));
  frame.style.height = `${size}px`;
  frame.append(element("span", { className: "marks" }, element("span", { className: `mark ${kind}`, textContent: sign })));
  whole.append(frame);
  whole.onclick = () => act.inspect(number);
  return whole;
}
