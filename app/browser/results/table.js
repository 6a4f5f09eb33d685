// The subset as a table: a line a sample, sorted by any column.

import { picture, pictureOfPoint } from "./pictures.js";
import { facetOf } from "../compute/facets.js";
import { sortedBy } from "../compute/subset.js";
import { badge } from "./verdicts.js";
import { element, percent } from "../common/format.js";

export const LINE = 40; // CSS pixels
const MOST_SAID = 4; // columns of manifests: a table that is wider than the page shows none of them well

/** The columns: {key: what it sorts by or null, title, about, wide: CSS, text(i)}. */
export function columnsFor(run, found) {
  const p = (i) => (1 + (1 - found.shareOf(found.scores[i])) * found.known) / (found.known + 1);
  return [
    { key: "id", title: "id", wide: "minmax(110px, 2fr)", text: (i) => run.ids[i], start: true },
    { key: "set", title: "set", wide: "minmax(70px, 1fr)", text: (i) => run.sets[run.set[i]].name, start: true },
    { key: "seen", title: "taken for", wide: "minmax(70px, 1fr)", text: (i) => run.classes[run.seen[i]], start: true },
    ...run.columns.slice(0, MOST_SAID).map((column) => said(run, column)),
    { key: "confidence", title: "sure", about: "The classifier's probability of that class", wide: "56px",
      text: (i) => `${percent(run.confidence[i])} %` },
    ...run.priors.map((prior, j) => ({
      key: prior.key, title: prior.title, about: `Corrected energy of ${prior.title}, in standard deviations of ID`,
      wide: "64px", text: (i) => run.energies[i * run.k + j].toFixed(2),
    })),
    { key: "score", title: "score", about: "HEAT's score: larger = more out-of-distribution", wide: "60px",
      text: (i) => found.scores[i].toFixed(2) },
    { key: null, title: "p", about: "Share of known test images that score at least as high, (1 + count) / (n + 1)",
      wide: "60px", text: (i) => p(i).toPrecision(2) },
  ];
}

function said(run, { key, title }) {
  const { titles, codes } = facetOf({ run }, key);
  return { key, title, about: `${title}, as the list of the images says`, wide: "minmax(60px, 1fr)", text: (i) => titles[codes[i]] ?? "", start: true };
}

const template = (columns, methods) => `34px ${columns.map((c) => c.wide).join(" ")} ${18 * methods.length + 12}px`;

/** The line of titles; `order` as in the query. */
export function head(columns, methods, order, act) {
  const line = element("div", { className: "titles" }), [by, direction] = sortedBy(order);
  line.style.gridTemplateColumns = template(columns, methods);
  line.append(element("span"));
  for (const { key, title, about, start } of columns) {
    const sorted = key !== null && by === key && direction;
    const one = element("button", { type: "button", textContent: title + (sorted ? (direction === "asc" ? " ▲" : " ▼") : "") });
    Object.assign(one, { title: about ?? "", disabled: key === null, className: start ? "start" : "" });
    one.setAttribute("aria-sort", sorted ? { asc: "ascending", desc: "descending" }[direction] : "none");
    one.onclick = () => act.ask({ order: `${key}:${sorted && direction === "desc" ? "asc" : "desc"}` });
    line.append(one);
  }
  line.append(element("span"));
  return line;
}

/** A line of the table: a function of its number. */
export const lineOfTable = (run, points, columns, methods, act) => (row) => {
  const i = points[row], number = run.number[i];
  const line = element("div", { className: "cell line", tabIndex: -1, role: "button" });
  line.style.gridTemplateColumns = template(columns, methods);
  line.dataset.number = number;
  line.append(picture(pictureOfPoint(run, i, 32)));
  for (const { text, start } of columns)
    line.append(element("span", { textContent: text(i), title: text(i), className: start ? "start" : "" }));
  line.append(element("span", { className: "marks" }, ...methods.map((m) => badge(run, i, m, false))));
  line.onclick = (e) => (e.ctrlKey || e.metaKey || e.shiftKey ? act.mark(number) : act.inspect(number));
  return line;
};
