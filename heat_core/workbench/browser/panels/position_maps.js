// Draws the position maps: how much each position of the feature volume contributes to a prior's energy or to the
// class, drawn over the picture.

import { element } from "../common/dom.js";
import { formatSigned } from "../common/format.js";

const EXPLANATION =
  "Orange says more unusual, or more of the class; blue says less: what leaving the position out would take away.";

/**
 * Creates the buttons that choose a map, and shows the first one.
 * @param {object} where - {sentence} while the maps are computed or where there are none, else {height, width,
 *   maps: [{title, values}], box: [left, top, right, bottom] of what the network sees, as shares of the picture}
 * @param {Element} pictureContainer - the element that holds the picture
 * @returns {HTMLElement}
 */
export function createPositionMaps(where, pictureContainer) {
  if (where.sentence) return element("p", { className: "faint", textContent: where.sentence });
  const show = (map) => {
    pictureContainer.querySelector(".heat")?.remove();
    if (map) pictureContainer.querySelector(".fit").append(drawMap(map, where));
  };
  const buttons = where.maps.map((map) => {
    const button = element("button", { type: "button", className: "chip", textContent: map.title });
    button.setAttribute("aria-pressed", false);
    button.onclick = () => {
      const isChosen = button.getAttribute("aria-pressed") !== "true";
      for (const any of buttons) any.setAttribute("aria-pressed", any === button && isChosen);
      show(isChosen ? map : null);
    };
    return button;
  });
  const explanation = element("p", { className: "faint", textContent: EXPLANATION });
  queueMicrotask(() => buttons[0].click());
  return element("div", {}, element("div", { className: "row" }, ...buttons), explanation);
}

function drawMap({ values, title }, { width, height, box: [left, top, right, bottom] }) {
  const largest = Math.max(...values.map(Math.abs), 1e-12), overlay = element("span", { className: "heat" });
  Object.assign(overlay.style, {
    gridTemplateColumns: `repeat(${width}, 1fr)`, gridTemplateRows: `repeat(${height}, 1fr)`,
    left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
  });
  for (const value of values) {
    const cell = element("span", { title: `${title}: ${formatSigned(value, 3)}` });
    cell.style.background = value > 0 ? "var(--heat-more)" : "var(--heat-less)";
    cell.style.opacity = 0.75 * Math.abs(value / largest);
    overlay.append(cell);
  }
  return overlay;
}
