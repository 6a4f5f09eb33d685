// A sample's score as bars that add up: each prior, its residual, β, the sum; the dashed line is the threshold.

import { signed } from "../common/format.js";

const LINE = 20, LABEL = 118, WIDE = 300, VALUE = 44; // of the drawing, which is stretched to its column
const SVG = "http://www.w3.org/2000/svg";

function svg(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

/** parts: [{title, value}], which add up to the score. */
export function waterfall(parts, score, threshold) {
  const steps = [], height = (parts.length + 1) * LINE + 16;
  let sum = 0;
  for (const { title, value } of parts) steps.push({ title, value, from: sum, to: (sum += value) });
  const ends = [0, score, threshold, ...steps.flatMap((s) => [s.from, s.to])];
  const low = Math.min(...ends), span = Math.max(...ends) - low || 1, room = WIDE - LABEL - VALUE;
  const x = (value) => LABEL + ((value - low) / span) * room;
  const whole = svg("svg", { viewBox: `0 0 ${WIDE} ${height}`, class: "waterfall", role: "img" });
  whole.append(svg("title", {}, steps.map((s) => `${s.title} ${signed(s.value)}`).join(", ") + `, score ${score.toFixed(2)}`));
  const draw = (row, title, from, to, kind, words) => {
    const y = row * LINE, left = Math.min(x(from), x(to)), wide = Math.max(Math.abs(x(to) - x(from)), 1);
    whole.append(
      svg("text", { x: 0, y: y + 14, class: "label" }, title),
      svg("rect", { x: left, y: y + 4, width: wide, height: LINE - 8, class: kind }),
      svg("text", { x: WIDE, y: y + 14, class: "value" }, words),
    );
  };
  steps.forEach((s, row) => draw(row, s.title, s.from, s.to, s.value > 0 ? "up" : "down", signed(s.value)));
  draw(steps.length, "score", 0, score, "sum", score.toFixed(2));
  whole.append(
    svg("line", { x1: x(threshold), x2: x(threshold), y1: 0, y2: height - 14, class: "threshold" }),
    svg("text", { x: x(threshold), y: height - 2, class: "mark" }, "threshold"),
  );
  return whole;
}
