// Where in the image: how much each position of the feature volume says for a prior's energy or for the class.

import { element, signed } from "../common/format.js";

/** where: {sentence} while it is worked out or where it cannot be, else {height, width, maps: [{title, values}],
 *  box: left, top, right, bottom of what the network sees, as shares of the picture}. The maps are drawn over the picture in `place`. */
export function overlay(where, place) {
  if (where.sentence) return element("p", { className: "faint", textContent: where.sentence });
  const show = (map) => {
    place.querySelector(".heat")?.remove();
    if (map) place.querySelector(".fit").append(drawn(map, where));
  };
  const buttons = where.maps.map((map) => {
    const button = element("button", { type: "button", className: "chip", textContent: map.title });
    button.setAttribute("aria-pressed", false);
    button.onclick = () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", other === button && on);
      show(on ? map : null);
    };
    return button;
  });
  const words = element("p", { className: "faint", textContent: "Orange says more unusual, or more of the class; blue says less: what leaving the position out would take away." });
  queueMicrotask(() => buttons[0].click());
  return element("div", {}, element("div", { className: "row" }, ...buttons), words);
}

function drawn({ values, title }, { width, height, box: [left, top, right, bottom] }) {
  const most = Math.max(...values.map(Math.abs), 1e-12), place = element("span", { className: "heat" });
  Object.assign(place.style, {
    gridTemplateColumns: `repeat(${width}, 1fr)`, gridTemplateRows: `repeat(${height}, 1fr)`,
    left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
  });
  for (const value of values) {
    const cell = element("span", { title: `${title}: ${signed(value, 3)}` });
    cell.style.background = value > 0 ? "var(--heat-more)" : "var(--heat-less)";
    cell.style.opacity = 0.75 * Math.abs(value / most);
    place.append(cell);
  }
  return place;
}
