// Creates rows of groups: for each its share of a question as a bar, its lift, and a button that leaves it out.

import { element } from "../common/dom.js";
import { formatCount, formatShare } from "../common/format.js";

/**
 * Formats a lift, the share of a group divided by the overall share.
 * @param {number} lift
 * @returns {string}
 */
export const formatLift = (lift) => `${lift < 10 ? lift.toFixed(1) : Math.round(lift)} × overall`;

/**
 * Creates the row of a group.
 * @param {object} group - {title, bad, n, rate, lift; note: a line below, or none; value: for `data-value`; colour;
 *   isKept, isExcluded: whether a filter keeps or excludes it}; where `rate` is null the bar shows the count
 * @param {{largest: number, overall: ?number}} scale - the value of a full bar, and the share of all, where a line is
 * @param {function()} keep - keeps only this group, or takes that off
 * @param {?function()} exclude - leaves the group out, or takes that off; null where that cannot be
 * @returns {HTMLElement}
 */
export function createShareRow(group, { largest, overall }, keep, exclude) {
  const { title, bad, n, rate, lift, note, value, colour, isKept, isExcluded } = group;
  const fill = element("span", { className: "fill" }), label = element("span", { className: "label", textContent: title });
  fill.style.width = `${(100 * (rate ?? bad)) / largest}%`;
  if (colour) fill.style.background = colour;
  const button = element("button", { type: "button", className: "bar-of" }, fill);
  if (overall && overall <= largest) button.append(createMark(overall / largest));
  const figures = rate === null ? formatCount(bad) : `${formatShare(rate)} %`;
  button.append(label, element("b", { textContent: figures }));
  if (rate !== null) button.append(element("span", { className: "lift", textContent: lift === null ? "" : formatLift(lift) }));
  if (note) button.append(element("span", { className: "note-of", textContent: note }));
  const hint = exclude ? " · click: keep only these; Alt and click: leave them out" : "";
  button.title = `${title}: ${formatCount(bad)}${rate === null ? "" : ` of ${formatCount(n)}`}${hint}`;
  button.setAttribute("aria-pressed", isKept);
  if (value !== undefined) button.dataset.value = value;
  button.onclick = (e) => (e.altKey && exclude ? exclude() : keep());
  const row = element("div", { className: "share-row" }, button);
  if (exclude) row.append(createExcludeButton(title, isExcluded, exclude));
  return row;
}

function createMark(position) {
  const mark = element("span", { className: "overall", title: "the share of all" });
  mark.style.left = `${100 * position}%`;
  return mark;
}

function createExcludeButton(title, isExcluded, onclick) {
  const button = element("button", { type: "button", className: "not", textContent: "not", title: "Leave these out", onclick });
  button.ariaLabel = `not ${title}`;
  button.setAttribute("aria-pressed", isExcluded);
  return button;
}
