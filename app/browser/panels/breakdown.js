// What the subset has in common: for each facet how many samples have which value, as bars that narrow on a click.

import { facetOf, namesOf, titleOf } from "../compute/facets.js";
import { memo } from "../common/memo.js";
import { counting, element, percent } from "../common/format.js";

const FEW = 6; // bars of a facet that is not unfolded

/** A function of the state and what `createSubset` gives that writes the bars. request: for a frame. */
export function createBreakdown(root, act, request) {
  const place = root.querySelector(".breakdown"), unfolded = new Set();
  const made = (name) => [name, section(name, () => {
    if (!unfolded.delete(name)) unfolded.add(name);
    request();
  })];
  const sectionsOf = memo(({ run }) => {
    const sections = new Map(namesOf({ run }).map(made));
    place.replaceChildren(...Array.from(sections.values(), (s) => s.whole));
    return sections;
  });
  const write = memo(({ state, counts, count, open }) => {
    for (const [name, parts] of sectionsOf({ run: state.run })) {
      const kept = state.ask.values[name] ?? [], toggle = (value) => act.toggleValue(name, value);
      const colours = name === "set" ? state.run.sets.map((s) => s.colour) : null;
      writeFacet(parts, facetOf(state, name), { counts: counts[name], count, kept, toggle, colours, open: open.split(",").includes(name) });
    }
  });
  const stateOf = memo((kept) => kept);
  return ({ run, ask, parts, tags }, { facets, subset }) => {
    const state = stateOf({ run, ask, parts, tags });
    write({ state, counts: facets, count: subset.count, open: [...unfolded].join() });
  };
}

function section(name, toggle) {
  const bars = element("div", { className: "bars" });
  const more = element("button", { type: "button", className: "more", onclick: toggle });
  const whole = element("section", {}, element("h4", { textContent: titleOf(name) }), bars, more);
  whole.dataset.facet = name;
  return { whole, bars, more };
}

function writeFacet({ whole, bars, more }, facet, { counts, count: total, kept, toggle, colours, open }) {
  const entryOf = (value, v) => ({ value, title: facet.titles[v], count: counts?.[v] ?? 0, colour: colours?.[v] });
  const entries = (facet?.values ?? []).map(entryOf);
  const present = entries.filter((e) => e.count || kept.includes(e.value)).sort((a, b) => b.count - a.count);
  const lone = facet?.values.length < 2 && !facet.members; // says nothing
  whole.hidden = !present.length || (lone && !kept.length);
  if (whole.hidden) return;
  const most = Math.max(...present.map((e) => e.count), 1), shown = open ? present : present.slice(0, FEW);
  for (const e of present.slice(FEW)) if (!open && kept.includes(e.value)) shown.push(e);
  bars.replaceChildren(...shown.map((e) => bar(e, most, total, kept, toggle)));
  more.hidden = present.length <= FEW;
  more.textContent = open ? "fewer" : `${counting(present.length - FEW)} more`;
}

function bar({ value, title, count, colour }, most, total, kept, toggle) {
  const fill = element("span", { className: "fill" }), whole = element("button", { type: "button", className: "bar-of" });
  fill.style.width = `${(100 * count) / most}%`;
  if (colour) fill.style.background = colour;
  whole.append(fill, element("span", { className: "label", textContent: title, title }), element("b", { textContent: counting(count) }));
  whole.title = total ? `${title}: ${percent(count / total)} % of the subset` : title;
  whole.setAttribute("aria-pressed", kept.includes(value));
  whole.dataset.value = value;
  whole.onclick = () => toggle(value);
  return whole;
}
