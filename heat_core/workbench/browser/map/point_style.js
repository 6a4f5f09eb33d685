// Chooses the colours and shapes of the map's points: by set, predicted class, verdict or score. A shape repeats what
// the colour shows where that is possible. Python chooses the colours (heat_core/reporting/palette.py).

import { palettePixels, rampPixels, rampStep } from "./colours.js";
import { SHAPE_NAMES } from "./shapes.js";

const [DISC, CROSS] = [0, 1];
const MARKS = SHAPE_NAMES.length - 2; // all but the disc of ID and the cross, which is reserved for wrong verdicts
const VERDICT_SHAPES = [DISC, SHAPE_NAMES.indexOf("plus"), CROSS, SHAPE_NAMES.indexOf("diamond")];

/**
 * Returns the position of a verdict in the palette's verdicts: kept, flagged, missed, caught.
 * @param {boolean|number} isOod
 * @param {boolean} isFlagged
 * @returns {number}
 */
export const verdictIndex = (isOod, isFlagged) => (isOod ? 2 : 0) + (isFlagged ? 1 : 0);

/**
 * Tests whether a verdict is wrong, that is flagged or missed.
 * @param {number} verdict - see `verdictIndex`
 * @returns {boolean}
 */
export const isWrongVerdict = (verdict) => verdict === 1 || verdict === 2;

/** Returns the shape of group k: the disc for the first one alone, since it is ID among sets. */
const shapeOfGroup = (k) => (k === 0 ? DISC : CROSS + 1 + ((k - 1) % MARKS));

/** For each way to colour, a function from a set, class or verdict to the name of its shape. */
export const shapeNames = {
  dataset: (_run, v) => SHAPE_NAMES[shapeOfGroup(v)],
  class: (run, v) => SHAPE_NAMES[shapeOfGroup(Math.floor(v / run.palette.classes.length))],
  verdict: (_run, v) => SHAPE_NAMES[VERDICT_SHAPES[v]],
};

/**
 * Returns the pixels of every way to colour, and of the training sample behind the points.
 * @param {object} run
 * @param {string} background - the page's colour
 * @returns {object}
 */
export function runPalettes(run, background) {
  const { classes, verdicts, train, ramp } = run.palette;
  return {
    dataset: palettePixels(run.sets.map((set) => set.colour), background),
    class: palettePixels(classes, background),
    verdict: palettePixels(verdicts.map(([colour]) => colour), background),
    score: rampPixels(ramp, background),
    train: palettePixels([train], background).faded[0],
  };
}

/**
 * Returns the style of all points.
 * @param {string} colourBy - "dataset", "class", "verdict" or "score"
 * @param {object} palettes - see `runPalettes`
 * @param {object} run
 * @param {object} staticStyles - see `computeStaticStyles`
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @returns {{plain: Uint32Array, faded: Uint32Array, index: ArrayLike<number>, shape: ArrayLike<number>}} pixels, and
 *   for each point the index of its colour and of its shape
 */
export function pointStyle(colourBy, palettes, run, staticStyles, { scores, cutoff, histogram }) {
  if (colourBy === "dataset" || colourBy === "class") return { ...palettes[colourBy], ...staticStyles[colourBy] };
  const index = new Uint8Array(run.n), shape = new Uint8Array(run.n);
  for (let i = 0; i < run.n; i++) {
    if (colourBy === "score") index[i] = rampStep(histogram.binOf[i] / histogram.bins);
    else {
      index[i] = verdictIndex(run.isOod[i], scores[i] > cutoff);
      shape[i] = VERDICT_SHAPES[index[i]];
    }
  }
  return { ...palettes[colourBy], index, shape };
}

/**
 * Returns the colour and the shape of every point for the ways to colour that do not depend on scores.
 * @param {object} run
 * @returns {object}
 */
export function computeStaticStyles(run) {
  const count = run.palette.classes.length;
  return {
    dataset: { index: run.set, shape: run.set.map(shapeOfGroup) },
    class: {
      index: run.seen.map((c) => c % count),
      shape: Uint8Array.from(run.seen, (c) => shapeOfGroup(Math.floor(c / count))),
    },
  };
}
