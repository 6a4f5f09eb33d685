// The subset as pictures, one a sample, with the verdict of each chosen method; as a table; as rows of methods.

import { picture, pictureOfPoint } from "./pictures.js";
import { badge, verdictOn } from "./verdicts.js";
import { element } from "../common/format.js";

const GAP = 8, FOOT = 38, NAMED_FROM = 132; // CSS pixels: below a picture; width from which badges name their method

export const columnsOf = (width, size) => Math.max(1, Math.floor((width + GAP) / (size + GAP)));
export const rowHeight = (size) => size + FOOT + GAP;

/** A row of pictures: a function of the row's number. points: in order; act: see actions.js. */
export const rowOfPictures = (run, points, methods, columns, size, act) => (row) => {
  const line = element("div", { className: "line-of-pictures" });
  line.style.gridTemplateColumns = `repeat(${columns}, ${size}px)`;
  for (let c = row * columns; c < Math.min((row + 1) * columns, points.length); c++)
    line.append(cell(run, points[c], methods, size, act));
  return line;
};

function cell(run, i, methods, size, act) {
  const number = run.number[i], { kind } = verdictOn(run, i, methods.at(-1).flagged(i));
  const seen = `${run.classes[run.seen[i]]} · ${Math.round(100 * run.confidence[i])} %`;
  const whole = element("button", { type: "button", className: `cell ${kind}`, title: run.ids[i] });
  whole.dataset.number = number;
  whole.setAttribute("aria-label", `${run.sets[run.set[i]].name}, ${run.ids[i]}, taken for ${seen}`);
  const marks = element("span", { className: "marks" }, ...methods.map((m) => badge(run, i, m, size >= NAMED_FROM)));
  const frame = element("span", { className: "frame" }, picture(pictureOfPoint(run, i, size)), marks);
  frame.style.height = `${size}px`;
  whole.append(frame, element("span", { className: "caption", textContent: seen }));
  whole.append(element("span", { className: "caption faint", textContent: run.sets[run.set[i]].name }));
  whole.onclick = (e) => (e.ctrlKey || e.metaKey || e.shiftKey ? act.mark(number) : act.inspect(number));
  return whole;
}
