// What comes from Python, as changes of the state, and what Python is told of it.

import { packBits } from "../compute/core.js";
import { fromText, nothing, settled } from "./selection.js";
import { PLAIN } from "../compute/subset.js";
import { number, parse } from "../common/format.js";

/** Names a composition: exact numbers belong to the one that they were asked for. */
export function signature({ beta, taking, weights }) {
  return JSON.stringify([number(beta), taking, weights && weights.map((w, j) => (taking[j] ? w : 1))]);
}

/** A run came whose content is new. message: what Python said last, if anything, which may be older than the run: the
 *  selection is taken over from it and once more from the next one; the rest of the state stays as it is here, unless
 *  the priors are others. */
export function loaded(state, run, message) {
  const fresh = { run, exact: null, selection: nothing(run.n), parts: null, alike: null, hovered: -1, marked: new Set() };
  const goesOn = state.run?.view === run.view && state.taking.length === run.k;
  if (!goesOn) Object.assign(fresh, { adopted: -1, taking: run.priors.map(() => true), weights: null, subject: null });
  const due = { selectionDue: true }, next = { ...state, ...fresh, ...due };
  return { ...fresh, ...(message ? answered(next, message) : {}), ...due };
}

/** Python answered: the state to take over (when its version is new), exact numbers, the parts that are responsible,
 *  tags, what is like a sample, and what there is to say of the inspected one. */
export function answered(state, message) {
  const change = { selectionDue: false };
  if (message.version > state.adopted) Object.assign(change, adopting(state, message));
  else if (state.selectionDue) change.selection = selectionOf(state, message.state);
  const { adoptedSignature } = { ...state, ...change };
  change.exact = { ...message.exact, signature: message.exact.signature ?? adoptedSignature };
  if (message.parts && !same(state.parts?.told, message.parts))
    change.parts = { told: message.parts, names: message.parts.names, codes: bytesOf(message.parts.codes) };
  if (!same(state.tags, message.tags)) change.tags = message.tags;
  if (!same(state.alike, message.alike)) change.alike = message.alike;
  if (!same(state.subject, message.subject)) change.subject = message.subject;
  return change;
}

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);
const selectionOf = ({ selection, run }, given) => settled(selection, fromText(given.selection, run.n));
const bytesOf = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function adopting(state, { version, state: given }) {
  const { beta, threshold, alpha, colour, off, taking, weights, layout, size, looked } = given;
  const change = { adopted: version, beta: parse(beta), threshold, alpha, colour, off, layout, size, looked };
  if (taking.length === state.run.k) Object.assign(change, { taking, weights }); // else: said of fewer residuals
  change.ask = { ...PLAIN, ...given.ask };
  change.selection = selectionOf(state, given);
  change.adoptedSignature = signature({ ...state, ...change });
  return change;
}

/** What Python is told of the state. */
export function told(state) {
  const { beta, threshold, alpha, taking, weights, colour, off, ask, layout, size } = state;
  const numbers = { beta: String(beta), threshold, alpha, taking, weights, colour, off, signature: signature(state) };
  return JSON.stringify({ ...numbers, ask, layout, size });
}

/** What Python is told of a set of points, and of which content it is. */
export const toldSelection = ({ run, selection }) =>
  JSON.stringify({ version: run.version, bits: selection.count ? packBits(selection.bits) : "" });
