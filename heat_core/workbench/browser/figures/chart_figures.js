// Draws histogram and map as SVG figures for a paper, with the numbers that are on the screen.

import { visibilityTest } from "../compute/hit_test.js";
import { scorePosition, sharesInBins } from "../compute/histogram.js";
import { MAP_SIDE } from "../compute/viewport.js";
import { computeStaticStyles, isWrongVerdict, pointStyle, runPalettes, verdictIndex } from "../map/point_style.js";
import { escapeText, svgDocument, svgLegend } from "./svg.js";

const WIDTH = 720, HEIGHT = 360, MARGIN = 34, BINS = 96;
const FONT = ' font-size="12"';
const TICKS = [-100, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50, 100, 1000];

/**
 * Draws the histogram of the visible sets, each as shares of the set.
 * @param {{run: object, hidden: string[]}} state
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {string} SVG
 */
export function histogramFigure({ run, hidden }, { histogram, cutoff }) {
  const allSets = run.sets.map((set, i) => ({ ...set, shares: sharesInBins(histogram.counts[i], BINS) }));
  const sets = allSets.filter((set) => !hidden.includes(set.key));
  const highest = Math.max(...sets.flatMap((set) => Array.from(set.shares)), 1e-9);
  const span = WIDTH - 2 * MARGIN, bottom = HEIGHT - MARGIN;
  const xOf = (score) => MARGIN + scorePosition(histogram, score) * span;
  const ticks = TICKS.filter((tick) => xOf(tick) > MARGIN && xOf(tick) < WIDTH - MARGIN);
  return svgDocument(WIDTH, HEIGHT, [
    ...sets.map(({ shares, colour }) =>
      `<path d="M${MARGIN} ${bottom}${histogramOutline(shares, highest)}V${bottom}Z" ` +
      `fill="${colour}" fill-opacity=".3" stroke="${colour}"/>`),
    `<path d="M${xOf(cutoff).toFixed(1)} ${MARGIN}V${bottom}" stroke="#222" stroke-width="2" stroke-dasharray="5 4"/>`,
    `<text x="${xOf(cutoff) + 6}" y="${MARGIN}">threshold ${cutoff.toPrecision(3)}</text>`,
    ...ticks.map((tick) => `<text x="${xOf(tick).toFixed(1)}" y="${bottom + 16}" text-anchor="middle">${tick}</text>`),
    `<text x="${WIDTH / 2}" y="${HEIGHT - 4}" text-anchor="middle">${escapeText(run.heat_title)}, asinh scale</text>`,
    ...svgLegend(sets.map((set) => [set.colour, set.name])),
  ], FONT);
}

function histogramOutline(shares, highest) {
  const bottom = HEIGHT - MARGIN, step = (WIDTH - 2 * MARGIN) / BINS;
  return Array.from(shares, (share, bin) => {
    const y = (bottom - (share / highest) * (bottom - 2 * MARGIN)).toFixed(1);
    return `L${(MARGIN + bin * step).toFixed(1)} ${y}H${(MARGIN + (bin + 1) * step).toFixed(1)}`;
  }).join("");
}

/**
 * Draws the visible points of the map in their colours, with wrong verdicts as crosses above the others.
 * @param {{run: object, hidden: string[], colour: string}} state
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {string} SVG
 */
export function mapFigure({ run, hidden, colour }, scoring) {
  const style = pointStyle(colour, runPalettes(run, "#ffffff"), run, computeStaticStyles(run), scoring);
  const isVisible = visibilityTest({ run, hidden }), dots = new Map(), crosses = new Map(); // pixel colour → path
  const positionOf = (value) => (MARGIN + (value / MAP_SIDE) * (WIDTH - 2 * MARGIN)).toFixed(1);
  for (let i = 0; i < run.n; i++) {
    if (!isVisible(i)) continue;
    const x = positionOf(run.xy[2 * i]), y = positionOf(MAP_SIDE - run.xy[2 * i + 1]);
    const isWrong = isWrongVerdict(verdictIndex(run.isOod[i], scoring.scores[i] > scoring.cutoff));
    const paths = isWrong ? crosses : dots, pixel = style.plain[style.index[i]];
    paths.set(pixel, `${paths.get(pixel) ?? ""}${isWrong ? `M${x} ${y}m-3 -3l6 6m-6 0l6 -6` : `M${x} ${y}h0`}`);
  }
  const legends = { dataset: run.sets.map((set) => [set.colour, set.name]), verdict: run.palette.verdicts };
  const legend = svgLegend(legends[colour] ?? []);
  const parts = [...strokes(dots, run.n > 20_000 ? 2 : 4), ...strokes(crosses, 1.6), ...legend];
  return svgDocument(WIDTH, WIDTH, parts, FONT);
}

const strokes = (paths, width) => Array.from(paths, ([pixel, path]) =>
  `<path d="${path}" fill="none" stroke="${toHex(pixel)}" stroke-width="${width}" stroke-linecap="round"/>`);

/** Returns a pixel 0xAABBGGRR as "#rrggbb". */
const toHex = (pixel) =>
  `#${[pixel, pixel >> 8, pixel >> 16].map((value) => (value & 255).toString(16).padStart(2, "0")).join("")}`;
