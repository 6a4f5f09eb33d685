// The ways to colour the points of the map: by set, class seen, verdict and score; a shape says the same where it can.
// The colours are Python's.

import { palette, ramp, rampStep } from "./colours.js";
import { SHAPE_NAMES } from "./map.js";

const [DISC, CROSS] = [0, 1];
const PLAIN_SHAPES = SHAPE_NAMES.length - 1; // the cross is kept for wrong verdicts
const OF_VERDICTS = [DISC, SHAPE_NAMES.indexOf("plus"), CROSS, SHAPE_NAMES.indexOf("diamond")];

/** The verdict on a sample, as a place in the palette's verdicts: kept, flagged, missed, caught. */
export const verdictOf = (isOod, called) => (isOod ? 2 : 0) + (called ? 1 : 0);

/** Whether a verdict is wrong: flagged and missed. */
export const isWrong = (verdict) => verdict === 1 || verdict === 2;

/** The shape of the k-th group among those that share a colour. */
const shapeOf = (k) => (k % PLAIN_SHAPES === 0 ? DISC : (k % PLAIN_SHAPES) + 1);

/** The name of a set's, class's or verdict's shape, for the key. */
export const shapeNames = {
  dataset: (run, v) => SHAPE_NAMES[shapeOf(v)],
  class: (run, v) => SHAPE_NAMES[shapeOf(Math.floor(v / run.palette.classes.length))],
  verdict: (run, v) => SHAPE_NAMES[OF_VERDICTS[v]],
};

/** Pixels of every way to colour, and of the training sample behind the points. */
export function palettes(run, back) {
  const { classes, verdicts, train, ramp: stops } = run.palette;
  return {
    dataset: palette(run.sets.map((s) => s.colour), back),
    class: palette(classes, back),
    verdict: palette(verdicts.map(([colour]) => colour), back),
    score: ramp(stops, back),
    train: palette([train], back).faded[0],
  };
}

/** How points look: {plain, faded: pixels; index, shape: of point i, an array each}. statics: see `staticLooks`. */
export function look(way, pixels, run, statics, { scores, line, h }) {
  if (way === "dataset" || way === "class") return { ...pixels[way], ...statics[way] };
  const index = new Uint8Array(run.n), shape = new Uint8Array(run.n);
  if (way === "score") for (let i = 0; i < run.n; i++) index[i] = rampStep(h.at[i] / h.bins);
  else for (let i = 0; i < run.n; i++) shape[i] = OF_VERDICTS[(index[i] = verdictOf(run.set[i], scores[i] > line))];
  return { ...pixels[way], index, shape };
}

/** Colour and shape of every point where neither changes with β. */
export function staticLooks(run) {
  const classes = run.palette.classes.length;
  return {
    dataset: { index: run.set, shape: run.set.map(shapeOf) },
    class: { index: run.seen.map((c) => c % classes), shape: Uint8Array.from(run.seen, (c) => shapeOf(Math.floor(c / classes))) },
  };
}
