// Draws the waterfall chart of a score: bars that add up to it, for each prior, its residual and β. A dashed line marks
// the threshold.

import { formatSigned } from "../common/format.js";

const ROW_HEIGHT = 20, LABEL_WIDTH = 118, WIDTH = 300, VALUE_WIDTH = 44; // units of the drawing, which CSS scales
const SVG_NAMESPACE = "http://www.w3.org/2000/svg";

function svgElement(tag, attributes, text) {
  const created = document.createElementNS(SVG_NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  if (text !== undefined) created.textContent = text;
  return created;
}

/**
 * Creates the chart.
 * @param {{title: string, value: number}[]} parts - their values add up to the score
 * @param {number} score
 * @param {number} threshold
 * @returns {SVGElement}
 */
export function createWaterfall(parts, score, threshold) {
  const steps = [], height = (parts.length + 1) * ROW_HEIGHT + 16;
  let sum = 0;
  for (const { title, value } of parts) {
    steps.push({ title, value, from: sum, to: sum + value });
    sum += value;
  }
  const ends = [0, score, threshold, ...steps.flatMap((step) => [step.from, step.to])];
  const low = Math.min(...ends), span = Math.max(...ends) - low || 1;
  const xOf = (value) => LABEL_WIDTH + ((value - low) / span) * (WIDTH - LABEL_WIDTH - VALUE_WIDTH);
  const summary = steps.map((step) => `${step.title} ${formatSigned(step.value)}`).join(", ");
  const chart = svgElement("svg", { viewBox: `0 0 ${WIDTH} ${height}`, class: "waterfall", role: "img" });
  chart.append(
    svgElement("title", {}, `${summary}, score ${score.toFixed(2)}`),
    ...steps.flatMap(({ title, value, from, to }, row) =>
      createBar(row, title, xOf(from), xOf(to), value > 0 ? "up" : "down", formatSigned(value))),
    ...createBar(steps.length, "score", xOf(0), xOf(score), "sum", score.toFixed(2)),
    svgElement("line", { x1: xOf(threshold), x2: xOf(threshold), y1: 0, y2: height - 14, class: "threshold" }),
    svgElement("text", { x: xOf(threshold), y: height - 2, class: "mark" }, "threshold"),
  );
  return chart;
}

function createBar(row, title, from, to, className, value) {
  const y = row * ROW_HEIGHT, width = Math.max(Math.abs(to - from), 1);
  return [
    svgElement("text", { x: 0, y: y + 14, class: "label" }, title),
    svgElement("rect", { x: Math.min(from, to), y: y + 4, width, height: ROW_HEIGHT - 8, class: className }),
    svgElement("text", { x: WIDTH, y: y + 14, class: "value" }, value),
  ];
}
