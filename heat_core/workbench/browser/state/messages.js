// Converts the messages from and to Python: what a new run or an answer changes in the state, and the state as text.

import { packBits } from "../compute/packed_bits.js";
import { compositionSignature } from "../compute/composition.js";
import { NO_DECISIONS } from "../compute/facets.js";
import { PLAIN_QUERY } from "../compute/query.js";
import { parseNumber } from "../common/format.js";
import { NO_SAMPLES } from "./selected_samples.js";
import { emptySelection, keepIfEqual, selectionFromText } from "./selection.js";

/**
 * Returns what changes in the state when a run arrives whose content is new. The selection is taken from the last
 * answer, which may be older than the run, and again from the next one. The other settings stay as they are in the
 * browser, unless the run is of another view or has another number of priors.
 * @param {object} state
 * @param {object} run - see decode_run.js
 * @param {?object} answer - Python's last answer, if there is one
 * @returns {object} the fields to update
 */
export function changeForRun(state, run, answer) {
  const change = {
    run, exact: null, selection: emptySelection(run.n), parts: null, similar: null, hovered: -1, taggings: [],
    ...NO_SAMPLES,
  };
  const isContinued = state.run?.view === run.view && state.included.length === run.k;
  if (!isContinued) {
    const included = run.priors.map(() => true);
    Object.assign(change, { answeredVersion: -1, included, weights: null, sampleDetail: null });
  }
  const pending = { selectionPending: true }, next = { ...state, ...change, ...pending };
  return { ...change, ...(answer ? changeForAnswer(next, answer) : {}), ...pending };
}

/**
 * Returns what changes in the state when Python answers: the settings where their version is new, exact numbers, the
 * decisive parts, tags and decisions, the slices, the samples similar to one, why there is no map, and the details of the inspected sample.
 * @param {object} state
 * @param {object} answer - see app/workbench/browser_state.py
 * @returns {object} the fields to update
 */
export function changeForAnswer(state, answer) {
  const change = { selectionPending: false };
  if (answer.version > state.answeredVersion) Object.assign(change, changeForSettings(state, answer));
  else if (state.selectionPending) change.selection = answeredSelection(state, answer.state);
  const { answeredSignature } = { ...state, ...change };
  change.exact = { ...answer.exact, signature: answer.exact.signature ?? answeredSignature };
  if (answer.parts && !equalAsJson(state.parts?.encoded, answer.parts)) change.parts = decodeParts(answer.parts);
  if (!equalAsJson(state.tags, answer.tags)) change.tags = answer.tags;
  const decisions = answer.decisions ?? NO_DECISIONS; // A notebook has none.
  if (!equalAsJson(state.decisions, decisions)) change.decisions = decisions;
  const { signature, line, alpha } = change.exact, slices = answer.slices && { ...answer.slices, signature, line, alpha };
  if (!equalAsJson(state.slices, slices)) change.slices = slices;
  if (!equalAsJson(state.similar, answer.alike)) change.similar = answer.alike;
  if (!equalAsJson(state.mapNote, answer.map)) change.mapNote = answer.map;
  if (!equalAsJson(state.sampleDetail, answer.subject)) change.sampleDetail = answer.subject;
  return change;
}

const equalAsJson = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const answeredSelection = ({ selection, run }, settings) =>
  keepIfEqual(selection, selectionFromText(settings.selection, run.n));

/** Decodes the decisive parts; `encoded` is kept to compare it with the next answer. */
const decodeParts = (parts) =>
  ({ encoded: parts, names: parts.names, codes: Uint8Array.from(atob(parts.codes), (char) => char.charCodeAt(0)) });

function changeForSettings(state, { version, state: settings }) {
  const { beta, threshold, alpha, colour, off, taking, weights, layout, size, looked, ask } = settings;
  const change = {
    answeredVersion: version, beta: parseNumber(beta), threshold, alpha, colour, hidden: off, layout, size,
    inspected: looked, query: { ...PLAIN_QUERY, ...ask },
  };
  // An answer about another number of priors is older than the run.
  if (taking.length === state.run.k) Object.assign(change, { included: taking, weights });
  change.selection = answeredSelection(state, settings);
  change.answeredSignature = compositionSignature({ ...state, ...change });
  return change;
}

/**
 * Returns the settings of a state as text for Python.
 * @param {object} state
 * @returns {string} JSON, with the names that heat_core/workbench/browser_messages.py reads
 */
export function settingsMessage(state) {
  const { beta, threshold, alpha, included, weights, colour, hidden, query, layout, size } = state;
  const settings = { beta: String(beta), threshold, alpha, taking: included, weights, colour, off: hidden };
  return JSON.stringify({ ...settings, version: state.answeredVersion, signature: compositionSignature(state), ask: query, layout, size });
}

/**
 * Returns a set of points as text for Python.
 * @param {{run: object, selection: {bits: Uint8Array, count: number}}} state
 * @returns {string} JSON, with the version of the run's content
 */
export const selectionMessage = ({ run, selection }) =>
  JSON.stringify({ version: run.version, bits: selection.count ? packBits(selection.bits) : "" });
