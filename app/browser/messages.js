// What comes from Python, as changes of the state, and what Python is told of it.

import { packBits } from "./core.js";
import { fromText, nothing } from "./selection.js";
import { number, parse } from "./words.js";

/** Names a composition: exact numbers belong to the one that they were asked for. */
export function signature({ beta, taking, weights }) {
  return JSON.stringify([number(beta), taking, weights && weights.map((w, j) => (taking[j] ? w : 1))]);
}

/** A run came whose content is new. message: what Python said last, if anything, which may be older than the run: the
 *  selection is taken over from it and once more from the next one; the rest of the state stays as it is here, unless
 *  the priors are others. */
export function loaded(state, run, message) {
  const fresh = { run, exact: null, selection: nothing(run.n), thumbs: new Map(), hovered: -1, inspected: -1 };
  const goesOn = state.run?.view === run.view && state.taking.length === run.k;
  if (!goesOn) Object.assign(fresh, { adopted: -1, taking: run.priors.map(() => true), weights: null });
  const due = { selectionDue: true }, next = { ...state, ...fresh, ...due };
  return { ...fresh, ...(message ? answered(next, message) : {}), ...due };
}

/** Python answered: the state to take over (when its version is new), exact numbers, a thumbnail. */
export function answered(state, message) {
  const change = { selectionDue: false };
  if (message.version > state.adopted) Object.assign(change, adopting(state, message));
  else if (state.selectionDue) change.selection = fromText(message.state.selection, state.run.n);
  const { adoptedSignature } = { ...state, ...change };
  change.exact = { ...message.exact, signature: message.exact.signature ?? adoptedSignature };
  change.inspected = state.run.number.indexOf(message.inspected); // null: no sample's number, so -1
  if (message.thumb) change.thumbs = new Map(state.thumbs).set(message.thumb.number, message.thumb);
  return change;
}

function adopting(state, { version, state: given }) {
  const { beta, threshold, colour, off, taking, weights } = given;
  const change = { adopted: version, beta: parse(beta), threshold, colour, off };
  if (taking.length === state.run.k) Object.assign(change, { taking, weights }); // else: said of fewer residuals
  change.selection = fromText(given.selection, state.run.n);
  change.adoptedSignature = signature({ ...state, ...change });
  return change;
}

/** What Python is told of the state. */
export function told(state) {
  const { beta, threshold, taking, weights, colour, off } = state;
  return JSON.stringify({ beta: String(beta), threshold, taking, weights, colour, off, signature: signature(state) });
}

/** What Python is told of the selection, and of which content it is. */
export const toldSelection = ({ run, selection }) =>
  JSON.stringify({ version: run.version, bits: selection.count ? packBits(selection.bits) : "" });
