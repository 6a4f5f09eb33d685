// Writes the breakdown of the subset: for each facet, how many samples have each value, as bars. A click on a bar
// filters.

import { element } from "../common/dom.js";
import { formatCount, formatPercent } from "../common/format.js";
import { memo, stableObject } from "../common/memo.js";
import { facetNames, facetOf, facetTitle } from "../compute/facets.js";

const COLLAPSED_BARS = 6;

/**
 * Creates the breakdown.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {function()} requestFrame
 * @returns {function(object, object)} writes a state and its subset, see `createSubset` in state/selectors.js
 */
export function createBreakdown(root, actions, requestFrame) {
  const container = root.querySelector(".breakdown"), expanded = new Set();
  const toggleExpanded = (name) => {
    if (!expanded.delete(name)) expanded.add(name);
    requestFrame();
  };
  const sectionsOf = memo(({ run }) => {
    const names = facetNames({ run });
    const sections = new Map(names.map((name) => [name, createSection(name, () => toggleExpanded(name))]));
    container.replaceChildren(...Array.from(sections.values(), (parts) => parts.section));
    return sections;
  });
  const write = memo(({ state, counts, total, expandedNames }) => {
    for (const [name, parts] of sectionsOf({ run: state.run })) {
      const accepted = state.query.values[name] ?? [], toggle = (value) => actions.toggleValue(name, value);
      const colours = name === "set" ? state.run.sets.map((set) => set.colour) : null;
      const isExpanded = expandedNames.split(",").includes(name);
      writeFacet(parts, facetOf(state, name), { counts: counts[name], total, accepted, toggle, colours, isExpanded });
    }
  });
  const stableState = stableObject();
  return ({ run, query, parts, tags }, { facets, subset }) => {
    const state = stableState({ run, query, parts, tags });
    write({ state, counts: facets, total: subset.count, expandedNames: [...expanded].join() });
  };
}

function createSection(name, toggleExpanded) {
  const bars = element("div", { className: "bars" });
  const more = element("button", { type: "button", className: "more", onclick: toggleExpanded });
  const section = element("section", {}, element("h3", { textContent: facetTitle(name) }), bars, more);
  section.dataset.facet = name;
  return { section, bars, more };
}

function writeFacet({ section, bars, more }, facet, { counts, total, accepted, toggle, colours, isExpanded }) {
  const entries = (facet?.values ?? []).map((value, v) => ({
    value, title: facet.titles[v], count: counts?.[v] ?? 0, colour: colours?.[v], isAccepted: accepted.includes(value),
  }));
  const present = entries.filter((entry) => entry.count || entry.isAccepted).sort((a, b) => b.count - a.count);
  const hasOneValue = facet?.values.length < 2 && !facet.members; // Such a facet distinguishes nothing.
  section.hidden = !present.length || (hasOneValue && !accepted.length);
  if (section.hidden) return;
  const largest = Math.max(...present.map((entry) => entry.count), 1);
  const shown = present.filter((entry, position) => isExpanded || position < COLLAPSED_BARS || entry.isAccepted);
  bars.replaceChildren(...shown.map((entry) => createBar(entry, largest, total, toggle)));
  more.hidden = present.length <= COLLAPSED_BARS;
  more.textContent = isExpanded ? "fewer" : `${formatCount(present.length - COLLAPSED_BARS)} more`;
}

function createBar({ value, title, count, colour, isAccepted }, largest, total, toggle) {
  const fill = element("span", { className: "fill" });
  fill.style.width = `${(100 * count) / largest}%`;
  if (colour) fill.style.background = colour;
  const label = element("span", { className: "label", textContent: title, title });
  const bar = element("button", { type: "button", className: "bar-of" }, fill, label);
  bar.append(element("b", { textContent: formatCount(count) }));
  bar.title = total ? `${title}: ${formatPercent(count / total)} % of the subset` : title;
  bar.setAttribute("aria-pressed", isAccepted);
  bar.dataset.value = value;
  bar.onclick = () => toggle(value);
  return bar;
}
