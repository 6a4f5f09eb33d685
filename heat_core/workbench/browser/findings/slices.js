// Writes the slices that Python found: groups in which the share of the question is higher than chance explains.

import { element, setText } from "../common/dom.js";
import { formatCount, formatPercent, formatShare } from "../common/format.js";
import { memo } from "../common/memo.js";
import { baselineOf, questionOf } from "../compute/query.js";
import { createShareRow, formatLift } from "./share_rows.js";

const IN_HEADLINE = 4, IN_COLUMN = 5; // slices that are shown at most
const titleOf = ({ values }) => values.map(([, , title]) => title).join(", ");

/**
 * Returns whether slices are of an earlier composition, threshold, question, baseline or choice of methods.
 * @param {object} state
 * @param {object} slices
 * @returns {boolean}
 */
const isStale = ({ run, query, exact, threshold, alpha }, slices) =>
  slices.question !== questionOf(run, query) || slices.signature !== exact?.signature
    || slices.line !== threshold || slices.alpha !== alpha || slices.baseline !== baselineOf(run, query)
    || slices.methods.join() !== query.methods.join();

/**
 * Creates the links beside the headline, the list of the column, and that of the findings.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object, ?object)} writes a state and Python's exact numbers where they are of its composition
 */
export function createSlices(root, actions) {
  const $ = (selector) => root.querySelector(selector), lists = root.querySelectorAll(".top-slices, .slices");
  const write = memo(({ slices, values, excluded }) => {
    const list = slices?.list ?? [], query = { values, excluded };
    $(".top-slices").replaceChildren(...createLinks(slices, query, actions));
    $(".groups > .slices").replaceChildren(...createRows(list.slice(0, IN_COLUMN), query, actions, false));
    $(".findings .slices").replaceChildren(...createRows(list, query, actions, true));
    setText($(".groups .none"), list.length ? "" : describeNone(slices));
    setText($(".findings .tested"), slices ? describeTested(slices) : "");
    $(".groups > h2").hidden = !slices;
  });
  return (state, exact) => {
    const { slices, query: { values, excluded } } = state;
    write({ slices, values, excluded });
    const stale = Boolean(slices) && isStale({ ...state, exact }, slices);
    for (const list of lists) list.classList.toggle("stale", stale);
  };
}

function createLinks(slices, query, actions) {
  if (!slices) return [];
  if (!slices.list.length) return [element("span", { className: "faint", textContent: describeNone(slices) })];
  return slices.list.slice(0, IN_HEADLINE).map((slice) => {
    const textContent = `${titleOf(slice)}: ${formatShare(slice.rate)} %, ${formatLift(slice.lift)}`;
    const link = element("button", { type: "button", textContent, title: describeSlice(slice) });
    link.setAttribute("aria-pressed", isKept(slice, query));
    link.onclick = () => actions.toggleSlice(slice.values);
    return link;
  });
}

const describeNone = (slices) => (slices?.tested
  ? `None of the ${formatCount(slices.tested)} groups looked at has a much higher share than chance explains.` : "No group is large enough to be looked at.");

const describeTested = ({ list, tested }) => (list.length
  ? `${formatCount(list.length)} of ${formatCount(tested)} groups looked at have a much higher share than chance explains (q ≤ 0.05).`
  : describeNone({ tested }));

const describeSlice = ({ n, bad, rate, low, high, lift, q }) =>
  `${formatCount(bad)} of ${formatCount(n)}, ${formatPercent(rate)} % (${formatPercent(low)}–${formatPercent(high)}), `
    + `${formatLift(lift)}, q ${formatQ(q)}`;

const formatQ = (q) => (q < 0.0001 ? "< 0.0001" : `= ${q.toPrecision(2)}`);

/** Returns whether the query keeps a slice and nothing else of its facets. */
const isKept = (slice, { values }) =>
  slice.values.every(([facet, value]) => values[facet]?.length === 1 && values[facet][0] === value);

const isExcluded = (slice, { excluded }) =>
  slice.values.length === 1 && Boolean(excluded[slice.values[0][0]]?.includes(slice.values[0][1]));

function createRows(list, query, actions, isDetailed) {
  const largest = Math.max(...list.map(({ rate }) => rate), 0.001);
  const overall = list.length ? list[0].rate / list[0].lift : null;
  return list.map((slice) => {
    const { values: [[facet, value], ...others], n, bad, rate, lift } = slice;
    const group = { title: titleOf(slice), n, bad, rate, lift, isKept: isKept(slice, query), isExcluded: isExcluded(slice, query) };
    if (isDetailed) group.note = describeSlice(slice);
    // What lies in both of two groups cannot be left out, since the filters are joined by "and".
    const exclude = others.length ? null : () => actions.toggleExcluded(facet, value);
    return createShareRow(group, { largest, overall }, () => actions.toggleSlice(slice.values), exclude);
  });
}
