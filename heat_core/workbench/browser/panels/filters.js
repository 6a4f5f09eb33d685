// Writes the filters of the query: one chip for each, which removes it, and the search in names.

import { element } from "../common/dom.js";
import { formatCount, formatNumber } from "../common/format.js";
import { memo } from "../common/memo.js";
import { facetOf, facetTitle } from "../compute/facets.js";

const SEND_DELAY_MS = 250; // after the last key, until Python receives the text

/**
 * Creates the chips and the search field.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @returns {function(object, object)} writes a state and its subset, see `computeSubset` in compute/subset.js
 */
export function createFilters(root, actions) {
  const container = root.querySelector(".chips"), field = root.querySelector(".find");
  connectSearch(field, actions);
  const write = memo(({ run, query, selection, lasso, parts, tags, decisions }) => {
    if (field.value !== query.find) field.value = query.find;
    const facetChips = createFacetChips({ run, query, parts, tags, decisions }, actions);
    const chips = [...facetChips, ...createOtherChips({ run, query, selection, lasso }, actions)];
    container.replaceChildren(...chips, ...(chips.length > 1 ? [createClearButton(actions)] : []));
  });
  return ({ run, query, selection, parts, tags, decisions }, subset) =>
    write({ run, query, selection, parts, tags, decisions, lasso: selection.count ? subset.lasso.join() : "" });
}

function connectSearch(field, actions) {
  let timer;
  field.oninput = () => {
    actions.setFind(field.value);
    clearTimeout(timer);
    timer = setTimeout(actions.sendSettings, SEND_DELAY_MS);
  };
  field.onkeydown = (e) => {
    if (e.key === "Escape") {
      actions.setFind("");
      actions.sendSettings();
    }
    e.stopPropagation();
  };
}

function createChip(text, title, remove) {
  const chip = element("button", { type: "button", className: "chip", textContent: `${text} ✕`, title });
  chip.setAttribute("aria-label", `${text}: take this off`);
  chip.onclick = remove;
  return chip;
}

function createClearButton(actions) {
  const onclick = () => {
    actions.clearSelection();
    actions.clearFilters();
  };
  return element("button", { type: "button", className: "chip all", textContent: "Clear filters", onclick });
}

function createFacetChips(state, actions) {
  const chipsOf = (lists, create) => Object.entries(lists).flatMap(([name, values]) => {
    const facet = facetOf(state, name);
    return values.map((value) => create(name, value, facet?.titles[facet.values.indexOf(value)] ?? `${value} (not in this run)`));
  });

  return [
    ...chipsOf(state.query.values, (name, value, title) => createChip(
      `${facetTitle(state.run, name)}: ${title}`, "Keeps only these", () => actions.toggleValue(name, value))),
    ...chipsOf(state.query.excluded, (name, value, title) => createChip(
      `not ${title}`, `Leaves these out: ${facetTitle(state.run, name)}`, () => actions.toggleExcluded(name, value))),
  ];
}

function createOtherChips({ run, query, selection, lasso }, actions) {
  const chips = [];
  if (query.brush) {
    const [low, high] = query.brush.map((score) => formatNumber(Number(score.toPrecision(3))));
    const remove = () => actions.setQuery({ brush: null });
    chips.push(createChip(`Score ${low} to ${high}`, "Brushed in the histogram", remove));
  }
  if (query.find)
    chips.push(createChip(`Name has “${query.find}”`, "Searched", () => actions.setQuery({ find: "" })));
  if (selection.count) {
    const text = `Lasso: ${describeLasso(run, lasso, selection)}`;
    chips.push(createChip(text, "Selected on the map", actions.clearSelection));
  }
  if (query.like) chips.push(createChip(`Similar to ${nameOf(query.like)}`, query.like, () => actions.setQuery({ like: null })));
  return chips;
}

/** Returns the name of a sample, without its set and its folders. */
const nameOf = (key) => key.slice(key.lastIndexOf("/") + 1);

/** Describes how many points of each verdict a lasso holds; lasso holds the counts, separated by commas. */
function describeLasso(run, lasso, selection) {
  if (!run.truth) return formatCount(selection.count);
  const [kept, flagged, missed, caught] = lasso.split(",").map((count) => formatCount(Number(count)));
  return `${caught} caught · ${missed} missed · ${kept} ID kept · ${flagged} ID flagged`;
}
