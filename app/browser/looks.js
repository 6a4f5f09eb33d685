// The ways to colour the points of the map: by set, class seen, verdict and score. The colours are Python's.

import { palette, ramp, rampStep } from "./colours.js";

/** The verdict on a sample, as a place in the palette's verdicts: kept, flagged, missed, caught. */
export const verdictOf = (isOod, called) => (isOod ? 2 : 0) + (called ? 1 : 0);

/** Whether a verdict is drawn as a cross: those that are wrong, flagged and missed. */
export const isCross = (verdict) => verdict === 1 || verdict === 2;

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

/** How points look: {plain, faded: pixels, index(i) of point i's colour in them, cross(i)}. */
export function look(way, pixels, run, { scores, line, h }) {
  const verdict = (i) => verdictOf(run.set[i], scores[i] > line);
  const index = {
    dataset: (i) => run.set[i],
    class: (i) => run.seen[i] % run.palette.classes.length,
    verdict,
    score: (i) => rampStep(h.at[i] / h.bins),
  }[way];
  return { ...pixels[way], index, cross: way === "verdict" ? (i) => isCross(verdict(i)) : () => false };
}
