// Creates the table: one row for each sample, sorted by any column.

import { element } from "../common/dom.js";
import { formatConfidence } from "../common/format.js";
import { createPicture, pointPictureUrl } from "../common/pictures.js";
import { createBadge, nameVerdicts, trueClassOf } from "../common/verdicts.js";
import { facetOf } from "../compute/facets.js";
import { splitOrder } from "../compute/query.js";
import { clickHandler } from "./pointer.js";

/** The height of a row in CSS pixels. */
export const ROW_HEIGHT = 40;

const COLUMN_GAP = 8; // CSS pixels, see .titles in the style sheet
const MAX_MANIFEST_COLUMNS = 4; // More columns would be too narrow to read.

/**
 * Returns the columns of the table.
 * @param {object} run
 * @param {object} scoring - see `createScoring` in state/selectors.js
 * @param {object[]} methods
 * @param {number} width - of the results in CSS pixels; where it is too small, the energies are left out
 * @returns {object[]} {key: what it sorts by; isReversed: whether its values fall while those of the key rise; title;
 *   about: a tooltip; width: in CSS; text: function of a point; isText: whether the column holds text, which is aligned
 *   to the left}
 */
export function tableColumns(run, scoring, methods, width) {
  const columns = sampleColumns(run, scoring), all = [...columns, ...energyColumns(run)];
  return leastWidth(gridTemplate(all, methods)) <= width ? all : columns;
}

function sampleColumns(run, scoring) {
  return [
    ...scoreColumns(run, scoring),
    { key: "id", title: "Name", width: "minmax(90px, 2fr)", text: (i) => run.ids[i], isText: true },
    { key: "set", title: "Set", width: "minmax(66px, 1fr)", text: (i) => run.sets[run.set[i]].name, isText: true },
    { key: "seen", title: "Predicted class", width: "minmax(70px, 1fr)", isText: true,
      text: (i) => run.classes[run.seen[i]] },
    { key: "confidence", title: "Confidence", about: "The classifier's probability of the predicted class",
      width: "72px", text: (i) => formatConfidence(run.confidence[i]) },
    { key: "true", title: "True class", width: "minmax(66px, 1fr)", isText: true,
      text: (i) => (run.misclassified[i] ? "✗ " : "") + trueClassOf(run, i) },
    ...run.columns.slice(0, MAX_MANIFEST_COLUMNS).map((column) => manifestColumn(run, column)),
  ];
}

/** Returns the columns of the energies; a single energy is the score itself. */
const energyColumns = (run) => (run.k > 1 ? run.priors.map((_, j) => energyColumn(run, j)) : []);

function energyColumn(run, j) {
  const { key, title } = run.priors[j], about = `Corrected energy of ${title}, in standard deviations of ID`;
  return { key, title, about, width: "64px", text: (i) => run.energies[i * run.k + j].toFixed(2) };
}

/** Returns the columns of the score and of its conformal p-value, which falls while the score rises. */
function scoreColumns(run, { scores, idShareBelow, idCount }) {
  const pValue = (i) => (1 + Math.round((1 - idShareBelow(scores[i])) * idCount)) / (idCount + 1);
  const aboutP = `Share of known test images that score at least as high: (1 + their number) / (n + 1), n = ${idCount}`;
  return [
    { key: "score", title: "Score", about: `${run.heat_title}: larger is more out-of-distribution`, width: "54px",
      text: (i) => scores[i].toFixed(2) },
    { key: "score", isReversed: true, title: "p-value", about: aboutP, width: "62px",
      text: (i) => pValue(i).toPrecision(2) },
  ];
}

function manifestColumn(run, { key, title }) {
  const { titles, codes } = facetOf({ run }, key), about = `${title}, as the list of the images says`;
  return { key, title, about, width: "minmax(60px, 1fr)", text: (i) => titles[codes[i]] ?? "", isText: true };
}

const gridTemplate = (columns, methods) =>
  `34px ${columns.map((column) => column.width).join(" ")} ${18 * methods.length + 12}px`;

/** Returns the width in CSS pixels below which a row would not fit. */
const leastWidth = (template) =>
  template.match(/[\d.]+px/g).reduce((sum, px) => sum + Number.parseFloat(px) + COLUMN_GAP, -COLUMN_GAP);

/** Returns the style of the head and of every row; where the page is narrower, the table scrolls sideways. */
function rowStyle(columns, methods) {
  const gridTemplateColumns = gridTemplate(columns, methods);
  return { gridTemplateColumns, minWidth: `${leastWidth(gridTemplateColumns)}px` };
}

/**
 * Creates the head of the table; a click on a title sorts by its column.
 * @param {object[]} columns - see `tableColumns`
 * @param {object[]} methods
 * @param {string} order - of the query
 * @param {object} actions - see state/actions.js
 * @returns {HTMLElement}
 */
export function createTableHead(columns, methods, order, actions) {
  const head = element("div", { className: "titles" }), [sortedColumn, direction] = splitOrder(order);
  Object.assign(head.style, rowStyle(columns, methods));
  const titles = columns.map((column) =>
    createTitle(column, sortedColumn === column.key ? direction : undefined, actions));
  head.append(element("span"), ...titles, element("span"));
  return head;
}

/** Creates the title of a column; direction is "asc" or "desc" where the table is sorted by the column's key. */
function createTitle({ key, isReversed, title, about, isText }, direction, actions) {
  const rises = (direction === "asc") !== Boolean(isReversed), arrow = direction ? (rises ? " ▲" : " ▼") : "";
  const button = element("button", { type: "button", textContent: title + arrow });
  Object.assign(button, { title: about ?? "", className: isText ? "start" : "" });
  if (direction) button.ariaLabel = `${title}, sorted ${rises ? "ascending" : "descending"}`;
  button.onclick = () => actions.setQuery({ order: `${key}:${direction === "desc" ? "asc" : "desc"}` });
  return button;
}

/**
 * Returns a function that creates the table's row of a number.
 * @param {object} run
 * @param {Uint32Array} points - in order
 * @param {object[]} columns - see `tableColumns`
 * @param {object[]} methods - see `methodOf` in compute/query.js
 * @param {object} actions - see state/actions.js
 * @returns {function(number): HTMLElement}
 */
export function tableRowCreator(run, points, columns, methods, actions) {
  const style = rowStyle(columns, methods);
  return (position) => {
    const i = points[position], number = run.number[i], texts = columns.map(({ text }) => text(i));
    const row = element("div", { className: "cell line", role: "option" });
    Object.assign(row.style, style);
    row.dataset.number = number;
    const values = columns.map(({ title }, k) => `${title} ${texts[k]}`);
    row.ariaLabel = `${values.join(", ")}, ${nameVerdicts(run, i, methods)}`;
    const cells = columns.map(({ isText }, k) =>
      element("span", { textContent: texts[k], title: texts[k], className: isText ? "start" : "" }));
    const marks = element("span", { className: "marks" }, ...methods.map((method) => createBadge(run, i, method, false)));
    row.append(element("span", { className: "thumb" }, createPicture(pointPictureUrl(run, i, 32))), ...cells, marks);
    row.onclick = clickHandler(number, actions);
    return row;
  };
}
