// Connects the menu in which people decide what becomes of images in the next experiment.

import { element } from "../common/dom.js";
import { memo } from "../common/memo.js";
import { facetOf } from "../compute/facets.js";

/**
 * Connects the menu.
 * @param {Element} root
 * @param {object} actions - see state/actions.js
 * @param {{close: function(Element)}} menus - see results/menus.js
 * @returns {function(object)} writes a state
 */
export function connectDecideMenu(root, actions, menus) {
  const menu = root.querySelector(".deciding"), field = menu.querySelector(".new-class"), classes = menu.querySelector(".to-class");
  const names = {
    "new-class": () => field.value.trim() || field.placeholder, "add-to-class": () => classes.value, remove: () => "",
    ignore: () => "",
  };
  for (const button of menu.querySelectorAll("[data-decide]"))
    button.onclick = () => {
      const action = button.dataset.decide;
      actions.decide(action, names[action]());
      field.value = "";
      menus.close(menu);
    };
  field.onkeydown = (e) => {
    if (e.key === "Enter") menu.querySelector("[data-decide=new-class]").click();
    if (e.key !== "Escape") e.stopPropagation();
  };
  const writeClasses = memo(({ run }) => classes.replaceChildren(...run.classes.map((value) =>
    element("option", { value, textContent: value }))));
  return (state) => {
    writeClasses({ run: state.run });
    field.placeholder = suggestedName(state);
  };
}

/** Suggests the name of a new class: the tag, folder or other value that the query keeps, without the path of a folder. */
function suggestedName(state) {
  const { values } = state.query, shown = ["tag", "folder", ...Object.keys(values)].find((facetName) => values[facetName]?.length);
  if (!shown) return "new class";
  const [value] = values[shown];
  if (shown === "folder") return value.slice(value.lastIndexOf("/") + 1);
  const facet = facetOf(state, shown), place = facet?.values.indexOf(value) ?? -1;
  return place < 0 ? value : facet.titles[place];
}
