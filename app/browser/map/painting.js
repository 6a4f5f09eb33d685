// One frame of the workbench. What is drawn follows from the state; each part is drawn again when something that it
// shows is another one.

import { drawHistogram } from "../panels/histogram.js";
import { writeKey } from "./legend.js";
import { look, palettes, staticLooks } from "./point_style.js";
import { drawMap } from "./map.js";
import { memo } from "../common/memo.js";
import { drawOver } from "./overlay.js";
import { placing, shownSets } from "../compute/points.js";
import { rateText } from "../panels/rate.js";
import { beyond } from "../compute/scoring.js";
import { setRows, writeNumbers } from "../panels/set_legend.js";
import { methodOf, methodsOf } from "../compute/subset.js";
import { placeTip, writeTip } from "../panels/tip.js";
import { percent } from "../common/format.js";

const FRAMES = 600; // whose times are kept
const CALM_MS = 90; // after the last change of the line or of β, when what is long to draw is drawn
const BUDGET_MS = 10; // of a frame of 16.7; the rest is the browser's
const RINGS = { hovered: 7, inspected: 10 }; // radii in CSS pixels

/** {request: ask for a frame, stats: of the last ones}. surfaces: {hist, map, over}; scored, subset: see scoring.js;
 *  toggle(key) shows or hides a set; panels: what else is drawn, see `panelsPart`. */
export function createPainter(root, surfaces, store, scored, subset, toggle, panels) {
  const stats = { frames: [], score: 0, draw: 0, painted: null }; // painted: the last state that is all on the screen
  const light = [histogramPart(surfaces.hist), ratePart(panels.rate), panelsPart(subset, panels)], heavy = partsOf(root, surfaces, toggle, subset);
  let asked = null, spared = false, last = 0, later;
  const paint = () => {
    asked = null;
    const { state } = store, began = performance.now();
    if (!state.run || !surfaces.hist.canvas.width) return;
    const found = scored(state), ready = performance.now();
    const whole = light.map((part) => part(state, found, request)).every((drawn) => drawn !== false);
    // Where a frame has no time for everything, the map and the table come with every second one.
    spared = !spared && last > BUDGET_MS;
    clearTimeout(later);
    if (spared) later = setTimeout(request, CALM_MS);
    else {
      for (const part of heavy) part(state, found);
      if (whole) stats.painted = state;
    }
    const done = performance.now();
    if (!spared) last = done - began;
    Object.assign(stats, { score: ready - began, draw: done - ready });
    stats.frames.push(done);
    if (stats.frames.length > FRAMES) stats.frames.shift();
  };
  const request = () => void (asked ??= requestAnimationFrame(paint));
  return { stats, request };
}

/** The parts of a frame that take long, each a function of the state and what was found for it. */
const partsOf = (root, surfaces, toggle, subset) => [
  mapPart(surfaces.map, subset),
  overPart(surfaces.over, surfaces.map),
  tipPart(root.querySelector(".tip"), surfaces.map),
  keyPart(root.querySelector(".key")),
  numbersPart(root, toggle),
];

function histogramPart(surface) {
  const draw = memo(({ run, off, threshold, alpha, brush, colours, h, scores, line, known }) => {
    const own = () => `your line: keeps ${percent(1 - beyond(run, scores, line) / known)} % of ID`;
    const label = threshold !== null ? own() : alpha !== null ? `α = ${rateText(alpha)}` : "95 % of ID";
    const visible = shownSets(run, off), sets = run.sets.map((s, i) => ({ colour: s.colour, visible: visible[i] }));
    drawHistogram(surface, h, sets, line, label, brush, colours);
    surface.canvas.setAttribute("aria-valuetext", `${line.toPrecision(3)}, ${label}`);
  });
  return ({ run, off, threshold, alpha, ask, colours }, { h, scores, line, known }) =>
    draw({ size: surface.size, run, off, threshold, alpha, brush: ask.brush, colours, h, scores, line, known });
}

function ratePart(rate) {
  const write = memo(({ run, scores, line, alpha, known }) =>
    rate(alpha ?? (1 + beyond(run, scores, line)) / (known + 1), known));
  return ({ run, alpha }, { h, scores, line, known }) => void write({ run, alpha, h, scores, line, known });
}

function mapPart(surface, subset) {
  const pixelsOf = memo(({ run, back }) => palettes(run, back)), statics = memo(({ run }) => staticLooks(run));
  const draw = memo(({ run, off, colour, where, mask, pixels, scores, h, line }) => {
    const background = { xy: off.includes("train") ? [] : run.background, colour: pixels.train };
    const looks = look(colour, pixels, run, statics({ run }), { scores, h, line });
    drawMap(surface, run, looks, shownSets(run, off), where, mask, { scores, line }, background);
  });
  return (state, { scores, h, line }) => {
    const { run, off, colour, where, colours } = state;
    if (!run.map) return;
    const pixels = pixelsOf({ run, back: colours.back }), { mask } = subset(state).subset;
    draw({ size: surface.size, run, off, colour, where, mask, pixels, scores, h, line });
  };
}

function overPart(surface, map) {
  const draw = memo(({ run, where, path, text, ...points }) => {
    const place = placing(map, { run, where });
    const ringed = Object.keys(RINGS).filter((name) => run.map && points[name] >= 0);
    drawOver(surface, path, ringed.map((name) => [...place(points[name]), RINGS[name]]), text);
  });
  return ({ run, where, path, hovered, looked, colours }) => {
    const inspected = looked === null ? -1 : run.pointOf[looked];
    draw({ size: surface.size, run, where, path, text: colours.text, hovered, inspected });
  };
}

function tipPart(tip, map) {
  const write = memo(({ run, hovered, score, called }) => {
    if (hovered >= 0) writeTip(tip, run, hovered, score, called);
    tip.hidden = hovered < 0;
  });
  const place = memo(({ run, hovered, where }) => {
    if (hovered >= 0) placeTip(tip, map, placing(map, { run, where })(hovered));
  });
  return ({ run, hovered, where }, { scores, line }) => {
    const score = scores[hovered]; // undefined where nothing is under the pointer
    write({ run, hovered, score, called: score > line });
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
  return ({ run, off, threshold, alpha }, { h, scores, line, rough, exact }) => {
    rows({ run });
    write({ run, off, threshold, alpha, h, scores, line, rough, exact });
  };
}

/** Questions follow every frame; results, breakdown and inspector wait until β and the line rest: false where they do. */
function panelsPart(subset, { questions, chips, breakdown, bar, results, inspector }) {
  const methodsFor = memo(({ run, ask, scores, h, line, shareOf }) =>
    methodsOf(run, ask).map((key) => methodOf(run, key, { scores, line, shareOf })));
  const askOf = memo((kept) => kept);
  let moved = 0, before = null, later;
  return (state, found, request) => {
    const { run, ask } = state, { scores, h, line, shareOf, known } = found, made = subset(state);
    questions(state, made.subset);
    chips(state, made.subset);
    if (before && (before.h !== h || before.line !== line) && before.run === run) moved = performance.now();
    before = { run, h, line };
    clearTimeout(later);
    if (performance.now() - moved < CALM_MS) {
      later = setTimeout(request, CALM_MS);
      return false;
    }
    const methods = methodsFor({ run, ask: askOf({ baseline: ask.baseline, methods: ask.methods }), scores, h, line, shareOf });
    breakdown(state, made);
    bar(state, made.subset.count);
    results(state, made.points, methods, { scores, h, line, shareOf, known });
    inspector(state, methods, { h, line });
    return true;
  };
}
