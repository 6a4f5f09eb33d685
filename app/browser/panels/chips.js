// What narrows the question: a chip each, which takes it off; and the search in names.

import { facetOf, titleOf } from "../compute/facets.js";
import { memo } from "../common/memo.js";
import { counting, element, number } from "../common/format.js";

const FIND_MS = 250; // without a key, after which Python is told

/** A function of the state and the subset that writes the chips. */
export function createChips(root, act) {
  const place = root.querySelector(".chips"), find = root.querySelector(".find");
  let later;
  find.oninput = () => {
    act.setFind(find.value);
    clearTimeout(later);
    later = setTimeout(act.tell, FIND_MS);
  };
  find.onkeydown = (e) => {
    if (e.key === "Escape") (act.setFind(""), act.tell());
    e.stopPropagation();
  };
  const write = memo(({ run, ask, selection, lasso, parts, tags }) => {
    if (find.value !== ask.find) find.value = ask.find;
    const chips = [...ofFacets({ run, ask, parts, tags }, act), ...ofRest({ run, ask, selection, lasso }, act)];
    place.replaceChildren(...chips, ...(chips.length > 1 ? [all(act)] : []));
  });
  return ({ run, ask, selection, parts, tags }, subset) =>
    write({ run, ask, selection, parts, tags, lasso: selection.count ? subset.lasso.join() : "" });
}

function chip(text, title, off) {
  const whole = element("button", { type: "button", className: "chip", textContent: `${text} ✕`, title });
  whole.setAttribute("aria-label", `${text}: take this off`);
  whole.onclick = off;
  return whole;
}

const all = (act) =>
  element("button", { type: "button", className: "chip all", textContent: "Take all off", onclick: () => (act.clear(), act.widen()) });

function ofFacets(state, act) {
  return Object.entries(state.ask.values).flatMap(([name, values]) => {
    const facet = facetOf(state, name);
    return values.map((value) => {
      const title = facet?.titles[facet.values.indexOf(value)] ?? `${value} (not in this run)`;
      return chip(`${titleOf(name)}: ${title}`, "Keeps only these", () => act.toggleValue(name, value));
    });
  });
}

function ofRest({ run, ask, selection, lasso }, act) {
  const chips = [];
  if (ask.brush) {
    const [low, high] = ask.brush.map((score) => number(Number(score.toPrecision(3))));
    chips.push(chip(`Score ${low} to ${high}`, "Brushed in the histogram", () => act.ask({ brush: null })));
  }
  if (ask.find) chips.push(chip(`Name has “${ask.find}”`, "Searched", () => act.ask({ find: "" })));
  if (selection.count) chips.push(chip(`Lasso: ${wordsOf(run, lasso, selection)}`, "Selected on the map", act.clear));
  if (ask.like) chips.push(chip("Most like one image", ask.like, () => act.ask({ like: null })));
  return chips;
}

/** What a lasso holds, by verdict. */
function wordsOf(run, lasso, selection) {
  if (!run.truth) return counting(selection.count);
  const [kept, flagged, missed, caught] = lasso.split(",").map((count) => counting(Number(count)));
  return `${caught} caught · ${missed} missed · ${kept} ID kept · ${flagged} ID flagged`;
}
