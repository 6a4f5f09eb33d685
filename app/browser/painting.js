// One frame of the live view. What is drawn follows from the state; each part is drawn again when something that it
// shows is another one.

import { drawHistogram } from "./histogram.js";
import { writeKey } from "./key.js";
import { look, palettes } from "./looks.js";
import { drawMap } from "./map.js";
import { memo } from "./memo.js";
import { setRows, writeNumbers } from "./numbers.js";
import { drawOver } from "./over.js";
import { placing, shown, shownSets } from "./points.js";
import { keptShare } from "./scoring.js";
import { placeTip, writeTip } from "./tip.js";
import { percent } from "./words.js";

const FRAMES = 600; // whose times are kept
const RINGS = { hovered: 7, inspected: 10 }; // radii in CSS pixels

/** {request: ask for a frame, stats: of the last ones}. surfaces: {hist, map, over}; scored: see scoring.js;
 *  toggle(key) shows or hides a set. */
export function createPainter(root, surfaces, store, scored, toggle) {
  const stats = { frames: [], score: 0, draw: 0 }, parts = partsOf(root, surfaces, toggle);
  let asked = null;
  const paint = () => {
    asked = null;
    const { state } = store, began = performance.now();
    if (!state.run || !surfaces.hist.canvas.width) return;
    const found = scored(state), ready = performance.now();
    for (const part of parts) part(state, found);
    const done = performance.now();
    Object.assign(stats, { score: ready - began, draw: done - ready });
    stats.frames.push(done);
    if (stats.frames.length > FRAMES) stats.frames.shift();
  };
  return { stats, request: () => void (asked ??= requestAnimationFrame(paint)) };
}

/** The parts of a frame, each a function of the state and what was found for it. */
const partsOf = (root, surfaces, toggle) => [
  histogramPart(surfaces.hist),
  mapPart(surfaces.map),
  overPart(surfaces.over, surfaces.map),
  tipPart(root.querySelector(".tip"), surfaces.map),
  keyPart(root.querySelector(".key")),
  numbersPart(root, toggle),
];

function histogramPart(surface) {
  const draw = memo(({ run, off, threshold, colours, h, scores, line }) => {
    const own = threshold !== null;
    const label = own ? `your line: keeps ${percent(keptShare(run, scores, line))} % of ID` : "95 % of ID";
    const visible = shownSets(run, off), sets = run.sets.map((s, i) => ({ colour: s.colour, visible: visible[i] }));
    drawHistogram(surface, h, sets, line, label, colours);
    surface.canvas.setAttribute("aria-valuetext", `${line.toPrecision(3)}, ${label}`);
  });
  return ({ run, off, threshold, colours }, { h, scores, line }) =>
    draw({ size: surface.size, run, off, threshold, colours, h, scores, line });
}

function mapPart(surface) {
  const pixelsOf = memo(({ run, back }) => palettes(run, back));
  const draw = memo(({ run, off, colour, where, selection, pixels, ...found }) => {
    const background = { xy: off.includes("train") ? [] : run.background, colour: pixels.train };
    drawMap(surface, run, look(colour, pixels, run, found), shown({ run, off }), where, selection, background);
  });
  return ({ run, off, colour, where, selection, colours }, { scores, h, line }) => {
    if (!run.map) return;
    const pixels = pixelsOf({ run, back: colours.back });
    const seen = { verdict: { scores, h, line }, score: { h } }[colour] ?? {}; // other colours stay as scores change
    draw({ size: surface.size, run, off, colour, where, selection, pixels, ...seen });
  };
}

function overPart(surface, map) {
  const draw = memo(({ run, where, path, text, ...points }) => {
    const place = placing(map, { run, where });
    const ringed = Object.keys(RINGS).filter((name) => run.map && points[name] >= 0);
    drawOver(surface, path, ringed.map((name) => [...place(points[name]), RINGS[name]]), text);
  });
  return ({ run, where, path, hovered, inspected, colours }) =>
    draw({ size: surface.size, run, where, path, text: colours.text, hovered, inspected });
}

function tipPart(tip, map) {
  const write = memo(({ run, hovered, score, called, thumb }) => {
    if (hovered >= 0) writeTip(tip, run, hovered, score, called, thumb);
    tip.hidden = hovered < 0;
  });
  const place = memo(({ run, hovered, where }) => {
    if (hovered >= 0) placeTip(tip, map, placing(map, { run, where })(hovered));
  });
  return ({ run, hovered, thumbs, where }, { scores, line }) => {
    const score = scores[hovered]; // undefined where nothing is under the pointer
    write({ run, hovered, score, called: score > line, thumb: thumbs.get(run.number[hovered]) });
    place({ size: map.size, run, hovered, where });
  };
}

function keyPart(key) {
  const write = memo(({ run, colour }) => writeKey(key, run, colour));
  return ({ run, colour }) => write({ run, colour });
}

function numbersPart(root, toggle) {
  const rows = memo(({ run }) => setRows(root, run, toggle));
  const write = memo((shownNow) => writeNumbers(root, shownNow));
  return ({ run, off, threshold, selection }, { h, scores, line, rough, exact }) => {
    rows({ run });
    write({ run, off, threshold, selection, h, scores, line, rough, exact });
  };
}
