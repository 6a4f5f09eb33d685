// The key of the map's colours.

import { isCross } from "./looks.js";
import { element } from "./words.js";

const MOST_CLASSES = 12;

/** Write what the colours mean that points have now. */
export function writeKey(key, run, way) {
  const parts = { dataset: () => [], class: classKey, verdict: verdictKey, score: scoreKey }[way];
  key.replaceChildren(...(run.map ? parts(run) : ["This run has no map yet."]));
}

function chip(colour, text) {
  const swatch = element("span", { className: "swatch" }), item = element("span");
  swatch.style.background = swatch.style.borderColor = colour;
  item.append(swatch, text);
  return item;
}

function classKey({ classes, palette }) {
  const chips = classes.slice(0, MOST_CLASSES);
  const parts = chips.map((name, i) => chip(palette.classes[i % palette.classes.length], name));
  const more = classes.length - MOST_CLASSES;
  return more > 0 ? [...parts, `and ${more} more: ten colours come round again`] : parts;
}

const verdictKey = ({ palette }) =>
  palette.verdicts.map(([colour, name], verdict) => chip(colour, isCross(verdict) ? `× ${name}` : name));

function scoreKey({ palette }) {
  const strip = element("span", { className: "ramp" });
  strip.style.background = `linear-gradient(90deg, ${palette.ramp.join(", ")})`;
  return ["typical", strip, "out-of-distribution"];
}
