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

/** How points look: {plain, faded: pixels, index(i) of point i's colour in them, shape(i)}. */
export function look(way, pixels, run, { scores, line, h }) {
  const verdict = (i) => verdictOf(run.set[i], scores[i] > line), classes = run.palette.classes.length;
  const ofSets = Uint8Array.from(run.sets, (_, v) => shapeOf(v));
  const ofClasses = Uint8Array.from(run.classes, (_, v) => shapeOf(Math.floor(v / classes)));
  const [index, shape] = {
    dataset: [(i) => run.set[i], (i) => ofSets[run.set[i]]],
    class: [(i) => run.seen[i] % classes, (i) => ofClasses[run.seen[i]]],
    verdict: [verdict, (i) => OF_VERDICTS[verdict(i)]],
    score: [(i) => rampStep(h.at[i] / h.bins), () => DISC],
  }[way];
  return { ...pixels[way], index, shape };
}
