// Writes the links of the menu of exports, one for each format that Python offers.

import { element } from "../common/dom.js";
import { memo } from "../common/memo.js";

/**
 * Creates the links; results/toolbar.js writes their addresses.
 * @param {Element} root
 * @returns {function(object)} writes a state
 */
export function createExportMenu(root) {
  const container = root.querySelector(".formats");
  const write = memo(({ run }) => container.replaceChildren(...run.exports.map(({ kind, title }) => {
    const link = element("a", { textContent: title, download: "" });
    link.dataset.take = kind;
    return link;
  })));
  return ({ run }) => write({ run });
}
