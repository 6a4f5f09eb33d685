// Computes the samples that a person selects in the results. The points within a lasso are another selection, which is a
// filter: see selection.js.

/**
 * Returns what changes in the state where a range begins: samples that are selected by then stay selected.
 * @param {object} state
 * @param {?number} number - of the sample from which Shift extends the range
 * @returns {object} the fields to update
 */
export const startRange = ({ selectedSamples }, number) => ({ rangeStart: number, beforeRange: selectedSamples });

/**
 * Returns what changes in the state when the range ends at another sample: it replaces the range that there was.
 * @param {object} state
 * @param {Uint32Array} points - of the subset, in order
 * @param {number} number - of the sample at the end of the range
 * @returns {object} the fields to update
 */
export function extendRange({ run, rangeStart, beforeRange, inspected }, points, number) {
  const start = rangeStart ?? inspected ?? number, places = [start, number].map((n) => points.indexOf(run.pointOf[n]));
  const [from, to] = [Math.min(...places), Math.max(...places)];
  const range = from < 0 ? [number] : Array.from(points.slice(from, to + 1), (i) => run.number[i]);
  return { rangeStart: start, selectedSamples: new Set([...beforeRange, ...range]) };
}

/**
 * Returns what changes in the state when one sample is selected or no longer selected; the next range begins at it.
 * @param {object} state
 * @param {number} number
 * @returns {object} the fields to update
 */
export function toggleSample({ selectedSamples }, number) {
  const changed = new Set(selectedSamples);
  if (!changed.delete(number)) changed.add(number);
  return { selectedSamples: changed, ...startRange({ selectedSamples: changed }, number) };
}

/** The fields of the state where no sample is selected. */
export const NO_SAMPLES = Object.freeze({ selectedSamples: new Set(), rangeStart: null, beforeRange: new Set() });
