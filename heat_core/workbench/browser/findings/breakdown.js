// Writes the breakdown of the question by one facet: the share of each value and its lift over all that pass the other
// filters, the highest first.

import { element } from "../common/dom.js";
import { formatCount } from "../common/format.js";
import { memo, stableObject } from "../common/memo.js";
import { facetNames, facetOf, facetTitle } from "../compute/facets.js";
import { questionOf } from "../compute/query.js";
import { createShareRow } from "./share_rows.js";

const COLLAPSED_ROWS = 6;

/**
 * Creates the breakdown.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {function()} requestFrame
 * @returns {function(object, object)} writes a state and what is derived of it, see `createSubset` in state/selectors.js
 */
export function createBreakdown(root, actions, requestFrame) {
  const container = root.querySelector(".breakdown"), select = root.querySelector(".facet");
  const rows = element("div", { className: "bars" }), more = element("button", { type: "button", className: "more" });
  container.append(rows, more);
  let isExpanded = false;
  select.onchange = () => {
    isExpanded = false;
    requestFrame();
  };
  more.onclick = () => {
    isExpanded = !isExpanded;
    requestFrame();
  };
  const writeChoice = memo(({ run }) => select.replaceChildren(...facetNames({ run }).map((value) =>
    element("option", { value, textContent: facetTitle(run, value) }))));
  const write = memo(({ state, counts, name, expanded }) => {
    container.dataset.facet = name;
    const present = groupsOf(state, name, counts);
    const shown = present.filter((group, place) => expanded || place < COLLAPSED_ROWS || group.isKept || group.isExcluded);
    const largest = Math.max(...present.map(({ rate, bad }) => rate ?? bad), 0.001), overall = shareOf(counts);
    rows.replaceChildren(...shown.map((group) => createShareRow(group, { largest, overall },
      () => actions.toggleValue(name, group.value), () => actions.toggleExcluded(name, group.value))));
    if (!present.length) rows.append(element("p", { className: "faint", textContent: "No image has a value of it." }));
    more.hidden = present.length <= COLLAPSED_ROWS;
    more.textContent = expanded ? "fewer" : `${formatCount(present.length - COLLAPSED_ROWS)} more`;
  });
  const stableState = stableObject();
  return ({ run, query, parts, tags, decisions }, { countsOf }) => {
    writeChoice({ run });
    const state = stableState({ run, query, parts, tags, decisions }), name = select.value;
    write({ state, counts: countsOf(name), name, expanded: isExpanded });
  };
}

const shareOf = (counts) => (counts?.all.population ? counts.all.bad / counts.all.population : null);

/** Returns the values of a facet that occur or are filtered by, in the order in which they are shown. */
function groupsOf(state, name, counts) {
  const { run, query } = state, facet = facetOf(state, name), overall = shareOf(counts);
  const isCounted = questionOf(run, query) === "all"; // Every image answers, so that there is no share.
  const [kept, excluded] = [query.values, query.excluded].map((lists) => lists[name] ?? []);
  const groups = (facet?.values ?? []).map((value, v) => {
    const [bad, n] = [counts.bad[v], counts.population[v]], rate = isCounted ? null : bad / (n || 1);
    return {
      value, title: facet.titles[v], bad, n, rate, lift: rate !== null && overall ? rate / overall : null,
      colour: name === "set" ? run.sets[v].colour : null, isKept: kept.includes(value), isExcluded: excluded.includes(value),
    };
  });
  return groups.filter(({ n, isKept, isExcluded }) => n || isKept || isExcluded)
    .sort((a, b) => (b.rate ?? b.bad) - (a.rate ?? a.bad) || b.bad - a.bad);
}
