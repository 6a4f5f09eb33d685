// Renders the workbench, at most once per frame. What is drawn follows from the state; each part is drawn again only
// when something that it shows has changed.

import { formatPercent, formatRate } from "./common/format.js";
import { memo, stableObject } from "./common/memo.js";
import { countFlaggedId } from "./compute/calibration.js";
import { HIDDEN_TRAINING, screenPositions, visibleSets } from "./compute/hit_test.js";
import { shownMethods } from "./compute/query.js";
import { toScreen } from "./compute/viewport.js";
import { clusterCentres } from "./map/cluster_names.js";
import { drawPoints } from "./map/draw_points.js";
import { writeLegend } from "./map/legend.js";
import { drawOverlay } from "./map/overlay.js";
import { computeStaticStyles, pointStyle, runPalettes } from "./map/point_style.js";
import { drawHistogram } from "./panels/histogram.js";
import { createSetRows, writeSetMetrics } from "./panels/set_metrics.js";
import { placeTooltip, writeTooltip } from "./panels/tooltip.js";

const KEPT_FRAMES = 600; // the number of frames whose times are kept
const SETTLE_MS = 90; // after the last change of β or the threshold, until what takes long is drawn
const BUDGET_MS = 10; // of the 16.7 ms of a frame; the browser needs the rest
const RING_RADII = { hovered: 7, inspected: 10 }; // CSS pixels

/**
 * Creates the renderer.
 * @param {Element} root
 * @param {{histogram: Surface, map: Surface, overlay: Surface}} surfaces
 * @param {object} store - see state/store.js
 * @param {{scoringOf: function, subsetOf: function}} selectors - see state/selectors.js
 * @param {function(string)} toggleSet - shows or hides a set
 * @param {object} panels - functions that write the panels, see `panelsPart` and `falseAlarmPart`
 * @returns {{request: function(), stats: object}} request asks for a frame; stats holds times of the last frames, and
 *   in `painted` the last state that is completely on the screen
 */
export function createRenderer(root, surfaces, store, { scoringOf, subsetOf }, toggleSet, panels) {
  const stats = { frames: [], score: 0, draw: 0, painted: null };
  const quickParts = [
    histogramPart(surfaces.histogram), falseAlarmPart(panels.falseAlarmRate), panelsPart(subsetOf, panels),
  ];
  const slowParts = createSlowParts(root, surfaces, toggleSet, subsetOf);
  let isRequested = false, isSkipping = false, lastDuration = 0, timer;
  const render = () => {
    isRequested = false;
    const { state } = store, start = performance.now();
    if (!state.run || !surfaces.histogram.canvas.width) return;
    const scoring = scoringOf(state), scored = performance.now();
    const isComplete = quickParts.map((part) => part(state, scoring, request)).every((result) => result !== false);
    // Where a frame has no time for everything, every second one skips the slow parts.
    isSkipping = !isSkipping && lastDuration > BUDGET_MS;
    clearTimeout(timer);
    if (isSkipping) timer = setTimeout(request, SETTLE_MS);
    else {
      for (const part of slowParts) part(state, scoring);
      if (isComplete) stats.painted = state;
    }
    const end = performance.now();
    if (!isSkipping) lastDuration = end - start;
    Object.assign(stats, { score: scored - start, draw: end - scored });
    stats.frames.push(end);
    if (stats.frames.length > KEPT_FRAMES) stats.frames.shift();
  };
  const request = () => {
    if (!isRequested) requestAnimationFrame(render);
    isRequested = true;
  };
  return { stats, request };
}

/** Creates the parts of a frame that take long, each a function of the state and its scoring. */
const createSlowParts = (root, surfaces, toggleSet, subsetOf) => [
  mapPart(surfaces.map, subsetOf),
  overlayPart(surfaces.overlay, surfaces.map),
  tooltipPart(root.querySelector(".tip"), surfaces.map),
  legendPart(root.querySelector(".key")),
  setMetricsPart(root, toggleSet),
];

function histogramPart(surface) {
  const draw = memo(({ run, hidden, threshold, alpha, brush, colours, histogram, scores, cutoff, idCount }) => {
    const label = describeThreshold(run, threshold, alpha, scores, cutoff, idCount), visible = visibleSets(run, hidden);
    const sets = run.sets.map((set, i) => ({ colour: set.colour, visible: visible[i] }));
    drawHistogram(surface, histogram, sets, { cutoff, label }, brush, colours);
    surface.canvas.setAttribute("aria-valuetext", `${cutoff.toPrecision(3)}, ${label}`);
  });
  return ({ run, hidden, threshold, alpha, query, pageColours }, { histogram, scores, cutoff, idCount }) => {
    const settings = { run, hidden, threshold, alpha, brush: query.brush, colours: pageColours };
    draw({ size: surface.size, ...settings, histogram, scores, cutoff, idCount });
  };
}

function describeThreshold(run, threshold, alpha, scores, cutoff, idCount) {
  if (threshold !== null) {
    const share = 1 - countFlaggedId(run, scores, cutoff) / idCount;
    return `your threshold: keeps ${formatPercent(share)} % of ID`;
  }
  return alpha !== null ? `α = ${formatRate(alpha)}` : "95 % of ID";
}

function falseAlarmPart(writeRate) {
  const write = memo(({ run, scores, cutoff, alpha, idCount }) =>
    writeRate(alpha ?? (1 + countFlaggedId(run, scores, cutoff)) / (idCount + 1), idCount));
  return ({ run, alpha }, { histogram, scores, cutoff, idCount }) =>
    void write({ run, alpha, histogram, scores, cutoff, idCount });
}

function mapPart(surface, subsetOf) {
  const palettesOf = memo(({ run, background }) => runPalettes(run, background));
  const staticStylesOf = memo(({ run }) => computeStaticStyles(run));
  const draw = memo(({ run, hidden, colour, viewport, mask, palettes, scores, histogram, cutoff }) => {
    const background = { xy: hidden.includes(HIDDEN_TRAINING) ? [] : run.background, colour: palettes.train };
    const style = pointStyle(colour, palettes, run, staticStylesOf({ run }), { scores, histogram, cutoff });
    const visible = visibleSets(run, hidden);
    const isDensity = drawPoints(surface, run, style, visible, viewport, mask, { scores, cutoff }, background);
    surface.canvas.parentElement.dataset.density = isDensity; // The style sheet shows what a density means.
  });
  return (state, { scores, histogram, cutoff }) => {
    const { run, hidden, colour, viewport, pageColours } = state;
    if (!run.map || !surface.canvas.width) return;
    const palettes = palettesOf({ run, background: pageColours.background }), { mask } = subsetOf(state).subset;
    draw({ size: surface.size, run, hidden, colour, viewport, mask, palettes, scores, histogram, cutoff });
  };
}

function overlayPart(surface, map) {
  const draw = memo(({ run, viewport, lassoPath, colours, ...points }) => {
    if (!run.map) return;
    const positionOf = screenPositions(map, { run, viewport }), convert = toScreen(map, viewport);
    const names = clusterCentres({ run }).map(({ text, x, y }) => {
      const [left, top] = convert(x, y);
      return { text, x: left, y: top };
    });
    const ringed = Object.keys(RING_RADII).filter((name) => points[name] >= 0);
    const rings = ringed.map((name) => [...positionOf(points[name]), RING_RADII[name]]);
    drawOverlay(surface, names, lassoPath, rings, colours);
  });
  return ({ run, viewport, lassoPath, hovered, inspected: number, pageColours }) => {
    const inspected = number === null ? -1 : run.pointOf[number];
    draw({ size: surface.size, run, viewport, lassoPath, colours: pageColours, hovered, inspected });
  };
}

function tooltipPart(tooltip, map) {
  const write = memo(({ run, hovered, score, isFlagged }) => {
    if (hovered >= 0) writeTooltip(tooltip, run, hovered, score, isFlagged);
    tooltip.hidden = hovered < 0;
  });
  const place = memo(({ run, hovered, viewport }) => {
    if (hovered >= 0) placeTooltip(tooltip, map, screenPositions(map, { run, viewport })(hovered));
  });
  return ({ run, hovered, viewport }, { scores, cutoff }) => {
    const score = scores[hovered]; // undefined where no point is under the pointer
    write({ run, hovered, score, isFlagged: score > cutoff });
    place({ size: map.size, run, hovered, viewport });
  };
}

function legendPart(legend) {
  const write = memo(({ run, colour }) => writeLegend(legend, run, colour));
  return ({ run, colour }) => write({ run, colour });
}

function setMetricsPart(root, toggleSet) {
  const createRows = memo(({ run }) => createSetRows(root, run, toggleSet));
  const write = memo((inputs) => writeSetMetrics(root, inputs));
  return ({ run, hidden, threshold, alpha }, { histogram, scores, cutoff, approximate, exact }) => {
    createRows({ run });
    write({ run, hidden, threshold, alpha, histogram, scores, cutoff, approximate, exact });
  };
}

/** Creates the part that writes the panels. Headline, questions and filters follow every frame; results, breakdown and
 *  inspector wait until β and the threshold settle, and the part returns false while they wait. */
function panelsPart(subsetOf, panels) {
  const { breakdown, toolbar, results, inspector } = panels;
  const stateOnly = [panels.mapNote, panels.exportMenu, panels.decideMenu, panels.decisionLine];
  const methodsFor = memo(({ run, query, scoring }) => shownMethods(run, query, scoring));
  const stableMethodQuery = stableObject(), stableScoring = stableObject();
  let lastChange = 0, before = null, timer;
  return (state, { scores, histogram, cutoff, exact, idShareBelow, idCount }, request) => {
    const { run, query } = state, derived = subsetOf(state);
    for (const follow of [panels.headline, panels.questions, panels.filters]) follow(state, derived.subset);
    panels.slices(state, exact);
    for (const write of stateOnly) write(state);
    const hasChanged = before?.run === run && (before.histogram !== histogram || before.cutoff !== cutoff);
    if (hasChanged) lastChange = performance.now();
    before = { run, histogram, cutoff };
    clearTimeout(timer);
    if (performance.now() - lastChange < SETTLE_MS) {
      timer = setTimeout(request, SETTLE_MS);
      return false;
    }
    const scoring = stableScoring({ scores, histogram, cutoff, idShareBelow, idCount });
    const methodQuery = stableMethodQuery({ baseline: query.baseline, methods: query.methods });
    const methods = methodsFor({ run, query: methodQuery, scoring });
    breakdown(state, derived);
    toolbar(state, derived.subset.count);
    panels.badgeLegend(run, methods);
    results(state, derived.points, methods, scoring);
    inspector(state, methods, { histogram, cutoff, mask: derived.subset.mask });
    return true;
  };
}
