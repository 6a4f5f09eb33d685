// The key of the map's colours and shapes.

import { isWrong, shapeNames } from "./point_style.js";
import { element } from "../common/format.js";

const MOST_CLASSES = 60;
const SIGNS = { disc: "●", cross: "✕", diamond: "◆", square: "■", triangle: "▲", plus: "✚" };

/** Write what colours and shapes mean that points have now. */
export function writeKey(key, run, way) {
  const parts = { dataset: setKey, class: classKey, verdict: verdictKey, score: scoreKey }[way];
  key.replaceChildren(...(run.map ? parts(run) : ["This run has no map yet."]));
}

function chip(colour, shape, text) {
  const sign = element("span", { className: "sign", textContent: SIGNS[shape] });
  sign.style.color = colour;
  return element("span", {}, sign, text);
}

const setKey = (run) => run.sets.map((s, v) => chip(s.colour, shapeNames.dataset(run, v), s.name));

function classKey(run) {
  const { classes, palette } = run, colour = (v) => palette.classes[v % palette.classes.length];
  const parts = classes.slice(0, MOST_CLASSES).map((name, v) => chip(colour(v), shapeNames.class(run, v), name));
  const more = classes.length - MOST_CLASSES;
  return more > 0 ? [...parts, `and ${more} more: colours and shapes come round again`] : parts;
}

const verdictKey = (run) =>
  run.palette.verdicts.map(([colour, name], v) => chip(colour, shapeNames.verdict(run, v), isWrong(v) ? `${name} (drawn last)` : name));

function scoreKey({ palette }) {
  const strip = element("span", { className: "ramp" });
  strip.style.background = `linear-gradient(90deg, ${palette.ramp.join(", ")})`;
  return ["typical", strip, "out-of-distribution"];
}
