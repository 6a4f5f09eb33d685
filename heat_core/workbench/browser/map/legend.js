// Writes the legend of the map's colours and shapes.

import { element } from "../common/dom.js";
import { isWrongVerdict, shapeNames } from "./point_style.js";

const MAX_CLASSES = 60;
const SIGNS = { disc: "●", cross: "✕", diamond: "◆", square: "■", triangle: "▲", plus: "✚",
  down: "▼", ring: "○", frame: "□", bar: "▬", pole: "▮", kite: "◇" };

/**
 * Writes the legend of the current colours and shapes.
 * @param {Element} legend
 * @param {object} run
 * @param {string} colourBy - "dataset", "class", "verdict" or "score"
 */
export function writeLegend(legend, run, colourBy) {
  const entries = { dataset: setEntries, class: classEntries, verdict: verdictEntries, score: scoreEntries }[colourBy];
  legend.replaceChildren(...entries(run));
}

function createEntry(colour, shape, text) {
  const sign = element("span", { className: "sign", textContent: SIGNS[shape] });
  sign.style.color = colour;
  return element("span", {}, sign, text);
}

const setEntries = (run) => run.sets.map((set, v) => createEntry(set.colour, shapeNames.dataset(run, v), set.name));

function classEntries(run) {
  const { classes, palette } = run, colourOf = (v) => palette.classes[v % palette.classes.length];
  const createClassEntry = (name, v) => createEntry(colourOf(v), shapeNames.class(run, v), name);
  const entries = classes.slice(0, MAX_CLASSES).map(createClassEntry);
  const omitted = classes.length - MAX_CLASSES;
  return omitted > 0 ? [...entries, `and ${omitted} more: colours and shapes come round again`] : entries;
}

const verdictEntries = (run) =>
  run.palette.verdicts.map(([colour, name], v) =>
    createEntry(colour, shapeNames.verdict(run, v), isWrongVerdict(v) ? `${name} (drawn last)` : name));

function scoreEntries({ palette }) {
  const ramp = element("span", { className: "ramp" });
  ramp.style.background = `linear-gradient(90deg, ${palette.ramp.join(", ")})`;
  return ["typical", ramp, "out-of-distribution"];
}
